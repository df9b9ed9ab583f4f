//! What a failure of `wasi:http` means to the protocol, and how it is said to a person. Hosts differ in the codes they
//! give for the same fault, so this looks at the class of a code, and never at a host's debug text.

use alloc::string::{String, ToString};

use wasi::http::types::ErrorCode;

use super::http::Failure;
use huggingface_protocol::chat::{self, FailureKind};

/// What the protocol is told. `sent` is what is known without looking at the code.
pub(crate) fn of(failure: &Failure, sent: bool) -> chat::Failure {
    let (kind, request_sent) = match failure {
        Failure::Cut => (FailureKind::Reset, true),
        Failure::Stalled => (FailureKind::Timeout, true),
        Failure::Host => (FailureKind::Internal, sent),
        Failure::Code(code) => match code {
            ErrorCode::DnsTimeout
            | ErrorCode::DnsError(_)
            | ErrorCode::DestinationNotFound
            | ErrorCode::DestinationUnavailable
            | ErrorCode::DestinationIpUnroutable
            | ErrorCode::ConnectionRefused => (FailureKind::Connect, false),
            ErrorCode::ConnectionTimeout => (FailureKind::ConnectTimeout, false),
            ErrorCode::TlsProtocolError | ErrorCode::TlsCertificateError | ErrorCode::TlsAlertReceived(_) => {
                (FailureKind::Tls, false)
            }
            ErrorCode::HttpRequestDenied
            | ErrorCode::DestinationIpProhibited
            | ErrorCode::ConnectionLimitReached
            | ErrorCode::HttpRequestUriInvalid => (FailureKind::Denied, false),
            ErrorCode::HttpRequestBodySize(_) | ErrorCode::HttpResponseBodySize(_) => {
                (FailureKind::Denied, sent)
            }
            ErrorCode::ConnectionReadTimeout | ErrorCode::HttpResponseTimeout => (FailureKind::Timeout, sent),
            ErrorCode::ConnectionTerminated
            | ErrorCode::HttpResponseIncomplete
            | ErrorCode::ConnectionWriteTimeout => (FailureKind::Reset, sent),
            ErrorCode::HttpProtocolError => (FailureKind::Protocol, sent),
            ErrorCode::HttpResponseContentCoding(_) | ErrorCode::HttpResponseTransferCoding(_) => {
                (FailureKind::Encoded, sent)
            }
            // Hosts put what they do not classify here; what they say about it is not for showing.
            _ => (FailureKind::Reset, sent),
        },
    };
    chat::Failure { kind, request_sent }
}

/// A sentence for a person, without anything that only the host knows.
pub(crate) fn message(failure: &Failure) -> String {
    let code = match failure {
        Failure::Cut => return "the connection was cut in the middle of the answer".to_string(),
        Failure::Stalled | Failure::Host => return "the host's HTTP did not do what it should".to_string(),
        Failure::Code(code) => code,
    };
    match code {
        ErrorCode::DnsTimeout | ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => {
            "its name does not resolve"
        }
        ErrorCode::ConnectionRefused => "it refuses connections",
        ErrorCode::ConnectionTimeout => "no connection in time",
        ErrorCode::DestinationUnavailable | ErrorCode::DestinationIpUnroutable => "it cannot be reached",
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => {
            "the host does not let the request through"
        }
        ErrorCode::ConnectionLimitReached => "the host allows no more requests",
        ErrorCode::TlsProtocolError | ErrorCode::TlsCertificateError | ErrorCode::TlsAlertReceived(_) => {
            "its TLS certificate or protocol is not accepted"
        }
        ErrorCode::HttpRequestBodySize(_) => "the request is longer than the host allows",
        ErrorCode::HttpResponseBodySize(_) => "the answer is longer than the host allows",
        ErrorCode::HttpResponseContentCoding(_) => "the answer is encoded in a way that was not asked for",
        ErrorCode::ConnectionReadTimeout | ErrorCode::HttpResponseTimeout => "no answer in time",
        ErrorCode::ConnectionTerminated | ErrorCode::HttpResponseIncomplete => "the connection was closed",
        ErrorCode::HttpProtocolError => "its answer is no HTTP",
        ErrorCode::InternalError(_) => "the request could not be sent",
        _ => "the exchange failed",
    }
    .to_string()
}
