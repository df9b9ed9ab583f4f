//! What can go wrong, as one type: an error of the plugin in the contract's words, or one of the host's own.
//!
//! A caller branches on [`Error::kind`] or on the predicates, never on the message.

use std::{fmt, sync::Arc, time::Duration};

use crate::contract::{self, ProviderErrorKind};

/// The result of every fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error. Holds no credential. The message is for a user, not for a log: an upstream's message may repeat the
/// prompt ([`Error::is_host_error`]).
///
/// Boxed, so that results stay small.
///
/// ```
/// use provider_contract::{Error, ErrorKind};
///
/// let error = Error::new(ErrorKind::Configuration, "there is no setting `colour`").with_hint("remove it");
/// assert_eq!(error.to_string(), "configuration: there is no setting `colour` (remove it)");
/// assert!(error.is_host_error() && !error.is_retryable() && !error.allows_fallback());
/// ```
#[derive(Clone, Debug)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    details: contract::Error,
    /// Shared, because errors are cloned and memories are large.
    guest_memories: Option<Arc<[Vec<u8>]>>,
    /// The underlying error of another library, such as the file system or the engine.
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            .field("kind", &self.kind)
            .field("details", &self.details)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// The kind of an error, for callers to branch on.
///
/// ```
/// use provider_contract::{ErrorKind, contract::ProviderErrorKind};
///
/// let kind = ErrorKind::Provider(ProviderErrorKind::RateLimited);
/// assert_eq!(kind.as_str(), "rate-limited");
/// assert!(ErrorKind::ALL.contains(&kind));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An error of the plugin, with the contract's kinds.
    Provider(ProviderErrorKind),
    /// The file is not a component, cannot be read or does not compile.
    PluginLoad,
    /// The component has another world, or an unsupported version of the contract.
    ContractMismatch,
    /// The plugin requests more than its id is granted.
    NotGranted,
    /// The plugin trapped, which is a bug of the plugin. The host continues.
    PluginTrap,
    /// A limit of the sandbox was reached.
    Limit,
    /// The caller cancelled the response.
    Cancelled,
    /// A swap's drain deadline ended the response.
    Drained,
    /// A configuration, setting or file of the host is wrong.
    Configuration,
}

impl ErrorKind {
    /// All kinds.
    pub const ALL: [Self; 25] = [
        Self::Provider(ProviderErrorKind::InvalidRequest),
        Self::Provider(ProviderErrorKind::InvalidReference),
        Self::Provider(ProviderErrorKind::Unauthenticated),
        Self::Provider(ProviderErrorKind::PermissionDenied),
        Self::Provider(ProviderErrorKind::PaymentRequired),
        Self::Provider(ProviderErrorKind::ModelUnavailable),
        Self::Provider(ProviderErrorKind::ContextOverflow),
        Self::Provider(ProviderErrorKind::Unsupported),
        Self::Provider(ProviderErrorKind::ContentFiltered),
        Self::Provider(ProviderErrorKind::RateLimited),
        Self::Provider(ProviderErrorKind::Upstream),
        Self::Provider(ProviderErrorKind::Timeout),
        Self::Provider(ProviderErrorKind::Transport),
        Self::Provider(ProviderErrorKind::Denied),
        Self::Provider(ProviderErrorKind::Protocol),
        Self::Provider(ProviderErrorKind::Internal),
        Self::Provider(ProviderErrorKind::Other),
        Self::PluginLoad,
        Self::ContractMismatch,
        Self::NotGranted,
        Self::PluginTrap,
        Self::Limit,
        Self::Cancelled,
        Self::Drained,
        Self::Configuration,
    ];

    /// The kind in JSON output, in kebab-case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provider(kind) => match kind {
                ProviderErrorKind::InvalidRequest => "invalid-request",
                ProviderErrorKind::InvalidReference => "invalid-reference",
                ProviderErrorKind::Unauthenticated => "unauthenticated",
                ProviderErrorKind::PermissionDenied => "permission-denied",
                ProviderErrorKind::PaymentRequired => "payment-required",
                ProviderErrorKind::ModelUnavailable => "model-unavailable",
                ProviderErrorKind::ContextOverflow => "context-overflow",
                ProviderErrorKind::Unsupported => "unsupported",
                ProviderErrorKind::ContentFiltered => "content-filtered",
                ProviderErrorKind::RateLimited => "rate-limited",
                ProviderErrorKind::Upstream => "upstream",
                ProviderErrorKind::Timeout => "timeout",
                ProviderErrorKind::Transport => "transport",
                ProviderErrorKind::Denied => "denied",
                ProviderErrorKind::Protocol => "protocol",
                ProviderErrorKind::Internal => "internal",
                ProviderErrorKind::Other => "other",
            },
            Self::PluginLoad => "plugin-load",
            Self::ContractMismatch => "contract-mismatch",
            Self::NotGranted => "not-granted",
            Self::PluginTrap => "plugin-trap",
            Self::Limit => "limit",
            Self::Cancelled => "cancelled",
            Self::Drained => "drained",
            Self::Configuration => "configuration",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Error {
    /// The code of the limit on calls at once.
    pub const SANDBOX_FULL: &'static str = "max-concurrent";
    /// The code of the limit on the memory of all calls at once.
    pub const MEMORY_FULL: &'static str = "max-total-memory-bytes";

    /// An error of the host's own: nothing was sent, and the same request fails again.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let provider_kind = match kind {
            ErrorKind::Provider(kind) => kind,
            _ => ProviderErrorKind::Other,
        };
        Self(Box::new(Inner {
            kind,
            details: contract::Error {
                kind: provider_kind,
                message: message.into(),
                hint: None,
                retryable: false,
                retry_after_ms: None,
                request_sent: false,
                attempts: 0,
                status: None,
                code: None,
                backend: None,
                request_id: None,
                suggestions: Vec::new(),
                extras: Vec::new(),
            },
            guest_memories: None,
            source: None,
        }))
    }

    /// Sets the hint: what the user can do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.details.hint = Some(hint.into());
        self
    }

    /// Sets the host's own code, such as the name of a limit.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.0.details.code = Some(code.into());
        self
    }

    /// The same error with its cause, which [`source`](std::error::Error::source) returns.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into().into());
        self
    }

    /// The same error, marked as retryable.
    #[must_use]
    pub fn retryable(mut self, request_sent: bool) -> Self {
        self.0.details.retryable = true;
        self.0.details.request_sent = request_sent;
        self
    }

    /// The same error, with what the plugin's own says of the requests that the call made.
    #[doc(hidden)]
    #[must_use]
    pub fn with_account(mut self, of: contract::Error) -> Self {
        let details = &mut self.0.details;
        details.attempts = of.attempts;
        details.request_sent |= of.attempts > 0;
        details.status = of.status;
        details.backend = of.backend;
        details.request_id = of.request_id;
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub fn with_guest_memories(mut self, memories: Arc<[Vec<u8>]>) -> Self {
        self.0.guest_memories = Some(memories);
        self
    }

    /// The guest's memories at the trap. Only with `coredump_on_trap`, and never displayed: they hold the request
    /// and the response.
    #[must_use]
    pub fn guest_memories(&self) -> &[Vec<u8>] {
        self.0.guest_memories.as_deref().unwrap_or_default()
    }

    /// The kind, to branch on.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What happened, for a user.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.details.message
    }

    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.details.hint.as_deref()
    }

    /// The contract's error details; for the host's own kinds the `kind` in them is `other`.
    #[must_use]
    pub fn details(&self) -> &contract::Error {
        &self.0.details
    }

    /// Whether the very same request may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.0.details.retryable
    }

    /// The `retry-after` of the upstream.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0
            .details
            .retry_after_ms
            .map(|ms| Duration::from_millis(ms.into()))
    }

    /// Whether the message is the host's own. Any other message may repeat text of the request, and does not belong
    /// in a log.
    #[must_use]
    pub fn is_host_error(&self) -> bool {
        !matches!(self.0.kind, ErrorKind::Provider(_))
    }

    /// Whether the plugin's code is at fault: a trap, or a limit that it reached.
    #[must_use]
    pub fn is_plugin_fault(&self) -> bool {
        matches!(self.0.kind, ErrorKind::PluginTrap | ErrorKind::Limit) && !self.is_sandbox_full()
    }

    /// Whether the sandbox was full: no free instance, or not enough memory beside the other guests. The plugin and
    /// the request are not at fault.
    #[must_use]
    pub fn is_sandbox_full(&self) -> bool {
        let full = [Self::SANDBOX_FULL, Self::MEMORY_FULL];
        self.0.kind == ErrorKind::Limit
            && self
                .0
                .details
                .code
                .as_deref()
                .is_some_and(|code| full.contains(&code))
    }

    /// Whether another model may succeed where this one failed: everything but a malformed request, a
    /// cancellation, an overflowing context, and faults that no other model can mend.
    #[must_use]
    pub fn allows_fallback(&self) -> bool {
        match self.0.kind {
            ErrorKind::Provider(kind) => !matches!(
                kind,
                ProviderErrorKind::InvalidRequest | ProviderErrorKind::ContextOverflow
            ),
            ErrorKind::PluginTrap | ErrorKind::Limit => !self.is_sandbox_full(),
            _ => false,
        }
    }

    /// Changes what it says.
    #[doc(hidden)]
    #[must_use]
    pub fn map_details(mut self, change: impl FnOnce(&mut contract::Error)) -> Self {
        change(&mut self.0.details);
        self
    }
}

impl From<contract::Error> for Error {
    fn from(details: contract::Error) -> Self {
        Self(Box::new(Inner {
            kind: ErrorKind::Provider(details.kind),
            details,
            guest_memories: None,
            source: None,
        }))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind(), self.message())?;
        if let Some(hint) = self.hint() {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source = self.0.source.as_deref()?;
        Some(source)
    }
}
