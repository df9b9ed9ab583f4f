//! Hints for errors of the router, with Hugging Face's own terms and pages. Only those that differ from the core's
//! general hint.

use chat_completions::{error::Cause, text::contains};

/// Phrases for a gated model, whose licence has to be accepted.
const GATED: [&str; 6] = [
    "gated",
    "authorized list",
    "ask for access",
    "access to model",
    "request to access",
    "accept the license",
];

/// Where a token is looked for, and where it comes from.
pub(crate) const TOKEN: &str = "Check the token in HUGGINGFACE_HUB_TOKEN or HF_TOKEN, or create one at \
                                https://huggingface.co/settings/tokens with the permission \"Make calls to Inference \
                                Providers\".";

/// The hint for an error by its cause and its message in lower case; `None` leaves the general one.
pub(crate) fn hint(cause: Cause, text: &str) -> Option<&'static str> {
    let says = |words: &str| contains(text, words);
    Some(match cause {
        Cause::Credential | Cause::Permission | Cause::Suspended if GATED.iter().any(|words| says(words)) => {
            "Visit the model's page on https://huggingface.co and accept the model's licence there, with the account that \
             the token is of; some makers have to approve it first. Or choose another model."
        }
        Cause::Suspended => {
            "The account, or the backend's own, is suspended: look at its settings and mails, or choose another backend \
             with a suffix."
        }
        Cause::Credential => TOKEN,
        Cause::Credit if says("monthly usage limit for") => {
            "Wait a minute and try again, take another backend with a suffix such as `:fastest`, or \
             subscribe to PRO at https://huggingface.co/settings/billing."
        }
        Cause::Credit => {
            "Buy credit or subscribe to PRO at https://huggingface.co/settings/billing, or let an \
             organisation pay with the setting `bill-to`."
        }
        Cause::Permission => {
            "Give the token the permission \"Make calls to Inference Providers\" at \
             https://huggingface.co/settings/tokens; to let an organisation pay, you have to be its member."
        }
        Cause::Network => {
            "The backend's own network refused the call; the token is not the reason. Choose another \
             backend with a suffix."
        }
        Cause::Retired | Cause::Address | Cause::Model if says("router.huggingface.co") => {
            "The base URL is of a service that has ended: take it out of the settings, or set it to \
             https://router.huggingface.co/v1."
        }
        Cause::Model | Cause::Retired if says("any provider you have enabled") => {
            "Enable a provider that serves this model at https://hf.co/settings/inference-providers, or \
             drop the suffix."
        }
        Cause::Model | Cause::Retired | Cause::Address if says("provider or policy") => {
            "Drop the suffix, or choose a backend that the list of models shows for this model."
        }
        Cause::Model => {
            "Check the spelling against the list of models; with a backend as suffix, drop the suffix or \
             choose another."
        }
        Cause::Rate => "Wait a moment and try again, or choose another backend with a suffix.",
        Cause::Upstream => "Try again, or choose another backend with a suffix such as `:fastest`.",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use chat_completions::error;

    use crate::{cases, provider::UPSTREAM};

    #[test]
    fn every_case_that_has_a_hint_of_the_provider_gets_it() {
        let mut report = cases::Report::default();
        let mut count = 0;
        for case in cases::cases("errors.json") {
            let Some(part) = case["error"]["provider-hint-part"].as_str() else {
                continue;
            };
            count += 1;
            let served = cases::served(&case);
            let headers: Vec<(String, Vec<u8>)> = served
                .headers
                .into_iter()
                .map(|(name, value)| (name, value.into()))
                .collect();
            let mut error = error::from_response(served.status, &headers, &served.body);
            UPSTREAM.advise(&mut error);
            let hint = error.hint.unwrap_or_default();
            let wrong = (!hint.contains(part)).then(|| format!("{part:?} is not in {hint:?}"));
            report.add(&case, wrong.into_iter().collect());
        }
        report.finish();
        assert!(count > 8, "only {count} cases");
    }
}
