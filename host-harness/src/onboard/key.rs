//! A key as users paste it, and whether the service accepts it.

use std::time::Duration;

use model_provider_host::{
    Error, ErrorKind, Host, Secret,
    contract::{self, CredentialSpec, ProviderErrorKind, ProviderInfo},
    credential_text,
};

use crate::output::hint;

/// Longer than a service needs to check a key, and short enough for an interactive program.
const PATIENCE: Duration = Duration::from_secs(30);

/// The result of a key check.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The service accepts it.
    Good,
    /// The service rejects it.
    Bad(Error),
    /// Unknown: why, and the fix if there is one.
    Unknown { why: String, hint: Option<String> },
}

/// Extracts the key from pasted text; `None` if there is none, or the text cannot be a key.
pub(super) fn pasted(text: &str, spec: Option<&CredentialSpec>) -> Option<Secret> {
    credential_text::secret(text, spec).ok().flatten()
}

/// Requests a completion of a model that cannot exist. A service that checks the key first reports which of the two is
/// wrong, and returns nothing that it could bill.
pub(crate) async fn check(host: &Host, info: &ProviderInfo) -> Verdict {
    let mut request = contract::ChatRequest::new(impossible(info)).user("ping");
    request.max_output_tokens = Some(1);
    let accepted = async {
        let mut completion = host.chat(request).await?;
        completion.next().await
    };
    let Ok(outcome) = tokio::time::timeout(PATIENCE, accepted).await else {
        let why = format!("no response in {} s", PATIENCE.as_secs());
        return Verdict::Unknown { why, hint: None };
    };
    match outcome {
        // A success after all: the key is valid.
        Ok(_) => Verdict::Good,
        Err(error) => match error.kind() {
            ErrorKind::Provider(ProviderErrorKind::ModelUnavailable) if names_the_model(&error) => {
                Verdict::Good
            }
            // There is no server, or none that knows models: nothing has checked the key.
            ErrorKind::Provider(ProviderErrorKind::ModelUnavailable) => Verdict::Unknown {
                why: error.message().to_owned(),
                hint: Some("check the base URL; that of an API of this kind usually ends in /v1".to_owned()),
            },
            ErrorKind::Provider(ProviderErrorKind::Unauthenticated | ProviderErrorKind::PermissionDenied)
                if error.details().request_sent =>
            {
                Verdict::Bad(error)
            }
            _ => Verdict::Unknown {
                why: error.message().to_owned(),
                hint: hint::of(&error),
            },
        },
    }
}

/// Whether the model is missing, and not the address: by the code, such as `model_not_found`, or the message.
fn names_the_model(error: &Error) -> bool {
    let code = error.details().code.as_deref().unwrap_or_default();
    [code, error.message()]
        .iter()
        .any(|text| text.to_ascii_lowercase().contains("model"))
}

/// A reference in the form of the provider's own default model that names no existing model.
fn impossible(info: &ProviderInfo) -> String {
    let parts = info
        .default_model
        .as_deref()
        .map_or(3, |model| model.split('/').count());
    let mut reference = info.id.clone();
    for _ in 2..parts {
        reference += "/no-such-owner";
    }
    reference + "/no-such-model"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_pasted_text() {
        for text in [
            "acme_key=1",
            " acme_key=1\r\n",
            "\"acme_key=1\"",
            "'acme_key=1';",
            "`acme_key=1`",
            "ACME_TOKEN=acme_key=1",
            "ACME_TOKEN = 'acme_key=1'",
            "export ACME_TOKEN=\"acme_key=1\";",
            "export acme_token=acme_key=1",
            "$env:ACME_TOKEN = \"acme_key=1\"",
            "set ACME_TOKEN=acme_key=1",
            "\"ACME_TOKEN\"",
            "Bearer acme_key=1",
            "authorization: bearer acme_key=1",
            "acme_k\ney=1",
            "ACME_TOKEN=\"Bearer acme_key=1\"",
        ] {
            let expected = if text == "\"ACME_TOKEN\"" {
                "ACME_TOKEN"
            } else {
                "acme_key=1"
            };
            let spec = CredentialSpec {
                env_vars: Vec::new(),
                header: "Authorization".into(),
                prefix: "Bearer ".into(),
                label: String::new(),
                note: None,
                help_url: None,
            };
            assert_eq!(pasted(text, Some(&spec)).unwrap().expose(), expected, "{text}");
        }
        for (text, key) in [("abc==", "abc=="), ("Bearerabc", "Bearerabc"), ("A=", "A=")] {
            assert_eq!(pasted(text, None).unwrap().expose(), key);
        }
        for none in ["", " \n", "\"\"", ";", "''", "\"", "acme_key…"] {
            assert!(pasted(none, None).is_none(), "{none:?}");
        }
    }

    #[test]
    fn the_impossible_reference_has_the_format_of_the_default() {
        let mut info = crate::output::fixtures::info();
        info.default_model = Some("acme/org/m".into());
        assert_eq!(impossible(&info), "acme/no-such-owner/no-such-model");
        info.default_model = Some("acme/m".into());
        assert_eq!(impossible(&info), "acme/no-such-model");
        info.default_model = None;
        assert_eq!(impossible(&info), "acme/no-such-owner/no-such-model");
    }
}
