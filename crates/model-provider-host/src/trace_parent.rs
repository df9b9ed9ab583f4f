//! W3C trace context (`traceparent`) of a request: trace id and parent span. Knows no HTTP client and no collector.

use std::{
    fmt,
    hash::{BuildHasher as _, Hasher as _, RandomState},
};

use http::HeaderValue;

/// The trace context of a request, as in the header `traceparent`.
///
/// ```
/// use model_provider_host::{ChatOptions, TraceParent};
///
/// let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let received = TraceParent::parse(header).expect("a valid header");
/// let span = received.child();
/// assert_eq!(span.trace_id(), received.trace_id());
/// assert_ne!(span.span_id(), received.span_id());
/// let options = ChatOptions::default().with_trace_parent(span);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    trace: u128,
    span: u64,
    flags: u8,
}

/// `00-` trace `-` span `-` flags.
const LENGTH: usize = 55;

impl TraceParent {
    /// Parses a header's value. `None` for one that the specification says to ignore.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fixed = text.get(..LENGTH)?;
        let mut parts = fixed.split('-');
        let (version, trace) = (hex(parts.next()?, 2)?, hex(parts.next()?, 32)?);
        let (span, flags) = (hex(parts.next()?, 16)?, hex(parts.next()?, 2)?);
        // Later versions may append fields.
        let is_whole = match version {
            0 => text.len() == LENGTH,
            0xff => false,
            _ => text.len() == LENGTH || text.as_bytes().get(LENGTH) == Some(&b'-'),
        };
        let span = u64::try_from(span).ok()?;
        (is_whole && parts.next().is_none() && trace != 0 && span != 0).then_some(Self {
            trace,
            span,
            // Only the flag of the written version is propagated.
            flags: u8::try_from(flags).ok()? & 1,
        })
    }

    /// A new trace. Its ids are random, but no secrets.
    #[must_use]
    pub fn new() -> Self {
        Self {
            trace: u128::from(random()) << 64 | u128::from(random()),
            span: random(),
            flags: 1,
        }
    }

    /// A child span of the same trace.
    #[must_use]
    pub fn child(self) -> Self {
        Self {
            span: random(),
            ..self
        }
    }

    /// The trace id, in hexadecimal.
    #[must_use]
    pub fn trace_id(self) -> String {
        format!("{:032x}", self.trace)
    }

    /// The span id, in hexadecimal.
    #[must_use]
    pub fn span_id(self) -> String {
        format!("{:016x}", self.span)
    }

    /// Whether the trace is sampled.
    #[must_use]
    pub fn is_sampled(self) -> bool {
        self.flags & 1 == 1
    }

    pub(crate) fn header(self) -> HeaderValue {
        // Hexadecimal digits and dashes are always a valid header value.
        HeaderValue::from_str(&self.to_string()).unwrap_or(HeaderValue::from_static(""))
    }
}

impl Default for TraceParent {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }
}

impl fmt::Debug for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Lower case only, as the specification requires.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (text.len() == digits && text.bytes().all(is_hex)).then(|| u128::from_str_radix(text, 16).ok())?
}

/// Never zero. The standard library's hasher has a new random seed each time.
fn random() -> u64 {
    RandomState::new().build_hasher().finish().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_trace_is_read_and_written_as_the_specification_says() {
        let read = TraceParent::parse(GOOD).expect("the example of the specification");
        assert_eq!(read.to_string(), GOOD);
        assert_eq!(read.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(read.span_id(), "00f067aa0ba902b7");
        assert!(read.is_sampled());
        let later = GOOD.replacen("00-", "cc-", 1) + "-what-the-future-will-be-like";
        assert_eq!(TraceParent::parse(&later), Some(read));
    }

    #[test]
    fn an_invalid_traceparent_is_ignored() {
        for bad in [
            "",
            "00",
            &GOOD.to_uppercase(),
            &GOOD.replacen("00-", "ff-", 1),
            &format!("{GOOD}-more"),
            &GOOD.replacen("00-", "cc-", 1).replace("-01", "-01.x"),
            &GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &GOOD.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &GOOD.replace('-', "_"),
            &GOOD.replace("4bf9", "ébf"),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0-",
        ] {
            assert_eq!(TraceParent::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_child_is_a_new_span_of_the_same_trace() {
        let parent = TraceParent::new();
        let child = parent.child();
        assert_eq!(parent.trace_id(), child.trace_id());
        assert_ne!(parent.span_id(), child.span_id());
        assert_ne!(parent.trace_id(), TraceParent::new().trace_id());
    }
}
