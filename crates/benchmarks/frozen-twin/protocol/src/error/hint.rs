//! What a person can do about an error. Only hints that lead to an action; no hint where there is none.

use crate::contract::types::{Error, ErrorKind};
use crate::text::contains;

/// Where a token is looked for, and where it comes from.
pub(crate) const TOKEN: &str = "Check the token in HUGGINGFACE_HUB_TOKEN or HF_TOKEN, or create one at \
                                https://huggingface.co/settings/tokens with the permission \"Make calls to Inference \
                                Providers\".";

/// The hint for an error of the upstream, by its kind, status and words.
pub(crate) fn hint(error: &Error, is_html: bool) -> Option<&'static str> {
    let says = |words: &str| contains(&error.message.to_ascii_lowercase(), words);
    Some(match error.kind {
        ErrorKind::Unauthenticated => TOKEN,
        ErrorKind::PaymentRequired if says("monthly usage limit for") => {
            "Wait a minute and try again, take another backend with a suffix such as `:fastest`, or \
             subscribe to PRO at https://huggingface.co/settings/billing."
        }
        ErrorKind::PaymentRequired => {
            "Buy credit or subscribe to PRO at https://huggingface.co/settings/billing, or let an \
             organisation pay with the setting `bill-to`."
        }
        ErrorKind::PermissionDenied => {
            "Give the token the permission \"Make calls to Inference Providers\" at \
             https://huggingface.co/settings/tokens; to let an organisation pay, you have to be its member."
        }
        ErrorKind::Upstream if is_html && error.status == Some(403) => {
            "The backend's own network refused the call; the token is not the reason. Choose another \
             backend with a suffix."
        }
        ErrorKind::ModelUnavailable if says("any provider you have enabled") => {
            "Enable a provider that serves this model at https://hf.co/settings/inference-providers, or \
             drop the suffix."
        }
        ErrorKind::ModelUnavailable if says("provider or policy") => {
            "Drop the suffix, or choose a backend that the list of models shows for this model."
        }
        ErrorKind::ModelUnavailable if says("not a chat model") => {
            "Choose a chat model from the list of models."
        }
        ErrorKind::ModelUnavailable if error.status == Some(404) && !says("model") => {
            "Check that the base URL is the API's, with its `/v1`, and the spelling of the model."
        }
        ErrorKind::ModelUnavailable => {
            "Check the spelling against the list of models; with a backend as suffix, drop the suffix or \
             choose another."
        }
        ErrorKind::ContextOverflow => {
            "Shorten the conversation, ask for fewer output tokens, or choose a model with a larger context \
             window."
        }
        ErrorKind::Unsupported => {
            "Leave out what the message names, or choose a model or backend that can do it (see the list of \
             models)."
        }
        ErrorKind::RateLimited => "Wait a moment and try again, or choose another backend with a suffix.",
        ErrorKind::Timeout => {
            "Try again, or raise the limit in the settings: `first-byte-timeout-ms`, `idle-timeout-ms`."
        }
        ErrorKind::Transport => "Check the network and the base URL, then try again.",
        ErrorKind::Denied => {
            "The host lets requests go to the granted origin only: check the base URL and the grant."
        }
        ErrorKind::Protocol if error.status.is_some() => {
            "Check that the base URL is the API's, with its `/v1`."
        }
        ErrorKind::Upstream => "Try again, or choose another backend with a suffix such as `:fastest`.",
        _ => return None,
    })
}
