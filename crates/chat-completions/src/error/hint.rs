//! Hints: what a person can do about an error. Only hints that lead to an action; none otherwise.

use super::{
    classify::{any, refuses_feature},
    words::{NO_CHAT, RETIRED, SUSPENDED},
};
use crate::{
    contract::types::{Error, ErrorKind},
    text::contains,
};

/// The cause of an upstream error, as finely as hints differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The model or its backend refuses a feature of the request.
    Feature,
    /// The account is suspended.
    Suspended,
    /// The credential is missing or wrong.
    Credential,
    /// The account has no credit.
    Credit,
    /// The credential lacks a permission.
    Permission,
    /// A backend's own network refused the call.
    Network,
    /// The model is no chat model.
    NoChatModel,
    /// The model was retired.
    Retired,
    /// Nothing is served at this address.
    Address,
    /// The model does not exist, or no backend serves it.
    Model,
    /// The input is too long.
    Overflow,
    /// Too many requests.
    Rate,
    /// A time limit passed.
    Timeout,
    /// There is no connection.
    Transport,
    /// The host blocked the request.
    Denied,
    /// The response does not follow the API.
    Protocol,
    /// The upstream or a backend failed.
    Upstream,
}

impl Cause {
    /// The cause of an error by its kind, status and `text`, its message in lower case; `None` if no hint applies.
    #[inline(never)]
    pub(crate) fn of(error: &Error, text: &str) -> Option<Self> {
        let says = |words: &str| contains(text, words);
        let is_refused = matches!(
            error.kind,
            ErrorKind::Unauthenticated | ErrorKind::PermissionDenied
        );
        Some(match error.kind {
            ErrorKind::PermissionDenied
                if error.code.as_deref() == Some("multimodal_not_enabled") || refuses_feature(text) =>
            {
                Self::Feature
            }
            _ if is_refused && any(text, SUSPENDED) => Self::Suspended,
            ErrorKind::Unauthenticated => Self::Credential,
            ErrorKind::PaymentRequired => Self::Credit,
            ErrorKind::PermissionDenied => Self::Permission,
            // A refusal with this status is of this kind only if it comes from the backend's own network.
            ErrorKind::Upstream if error.status == Some(403) => Self::Network,
            ErrorKind::ModelUnavailable if any(text, NO_CHAT) => Self::NoChatModel,
            ErrorKind::ModelUnavailable if error.status == Some(410) || any(text, RETIRED) => Self::Retired,
            ErrorKind::ModelUnavailable if error.status == Some(404) && !says("model") => Self::Address,
            ErrorKind::ModelUnavailable => Self::Model,
            ErrorKind::ContextOverflow => Self::Overflow,
            ErrorKind::Unsupported => Self::Feature,
            ErrorKind::RateLimited => Self::Rate,
            ErrorKind::Timeout => Self::Timeout,
            ErrorKind::Transport => Self::Transport,
            ErrorKind::Denied => Self::Denied,
            ErrorKind::Protocol if error.status.is_some() => Self::Protocol,
            ErrorKind::Upstream => Self::Upstream,
            _ => return None,
        })
    }

    /// The hint that is the same for every upstream. The provider words the remaining ones.
    pub(crate) fn hint(self) -> Option<&'static str> {
        Some(match self {
            Self::Feature => {
                "Leave out what the message names, or choose a model or backend that can do it (see the list of models)."
            }
            Self::NoChatModel => "Choose a chat model from the list of models.",
            Self::Retired => "The model is served no more: choose another one from the list of models.",
            Self::Address => {
                "Check that the base URL is the API's, with its `/v1`, and the spelling of the model."
            }
            Self::Overflow => {
                "Shorten the conversation, allow fewer output tokens, or choose a model with a larger context window."
            }
            Self::Timeout => {
                "Try again, or raise the limit in the settings: `first-byte-timeout-ms`, `idle-timeout-ms`."
            }
            Self::Transport => "Check the network and the base URL, then try again.",
            Self::Denied => {
                "The host lets requests go to the granted origin only: check the base URL and the grant."
            }
            Self::Protocol => "Check that the base URL is the API's, with its `/v1`.",
            Self::Suspended
            | Self::Credential
            | Self::Credit
            | Self::Permission
            | Self::Network
            | Self::Model
            | Self::Rate
            | Self::Upstream => return None,
        })
    }
}
