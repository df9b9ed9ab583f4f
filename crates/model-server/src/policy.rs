//! Server settings other than limits: who may use it besides programs of this machine, and response options.
//!
//! Knows no sockets and no requests; `auth` and `completion` apply it.

use std::fmt;

use super::Usd;
use model_provider_host::Settings;

use dialects::chat_completions::reasoning::ReasoningField;

/// An allowed origin: `scheme://host:port`, or `scheme://` for every origin of an app's own scheme.
#[derive(Clone, PartialEq, Eq)]
pub struct AllowedOrigin(String);

impl fmt::Debug for AllowedOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AllowedOrigin {
    /// Parses an origin. `null` and `http://` alone are invalid: any web page can have those origins.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_end_matches('*').to_ascii_lowercase();
        let (scheme, host) = text.split_once("://")?;
        let in_scheme = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        let is_scheme =
            scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.bytes().all(in_scheme);
        // People copy addresses with a trailing slash; an origin has none.
        let host = host.trim_end_matches('/');
        let is_host = host
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'/' | b'*' | b',' | b'@'));
        let is_of_the_web = matches!(scheme, "http" | "https" | "file" | "data" | "blob");
        (is_scheme && is_host && !(is_of_the_web && host.is_empty()))
            .then(|| Self(format!("{scheme}://{host}")))
    }

    fn matches(&self, origin: &str) -> bool {
        if self.0.ends_with("://") {
            origin.starts_with(&self.0)
        } else {
            origin == self.0
        }
    }
}

/// Access and response options of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServePolicy {
    /// `serve-allowed-origins`: origins of pages that may use it, besides its own.
    pub allowed_origins: Vec<AllowedOrigin>,
    /// `serve-allowed-hosts`: names of this server besides loopback's, such as `host.docker.internal`.
    pub allowed_hosts: Vec<String>,
    /// `serve-reasoning-field`: the response field of reasoning.
    pub reasoning: ReasoningField,
    /// `serve-max-retries`: the most retries of one request, if `max-retries` is higher.
    pub max_retries: u32,
    /// `serve-unknown-cost`: the charge in dollars for a request of unknown cost.
    pub unknown_cost: Usd,
}

impl Default for ServePolicy {
    fn default() -> Self {
        Self {
            allowed_origins: Vec::new(),
            allowed_hosts: Vec::new(),
            reasoning: ReasoningField::default(),
            // Clients retry as well: two layers with two retries each send nine requests.
            max_retries: 1,
            // About the cost of a long response of a large model.
            unknown_cost: Usd::from_cents(5),
        }
    }
}

impl ServePolicy {
    /// The setting names, for help and for typing errors.
    pub const NAMES: [&'static str; 5] = [
        "serve-allowed-origins",
        "serve-allowed-hosts",
        "serve-reasoning-field",
        "serve-max-retries",
        "serve-unknown-cost",
    ];

    /// The policy that settings hold.
    pub(crate) fn of(settings: &Settings) -> Self {
        let mut policy = Self::default();
        for (name, value) in settings.declared.iter() {
            if Self::NAMES.contains(&name) {
                // Checked when it was set.
                let _ = policy.set(name, value);
            }
        }
        policy
    }

    /// Sets the one of this name.
    ///
    /// # Errors
    /// The accepted values.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        match name {
            "serve-allowed-origins" => {
                let origins = list(value)
                    .iter()
                    .map(|text| AllowedOrigin::parse(text))
                    .collect();
                self.allowed_origins = Option::ok_or(
                    origins,
                    "a list of origins such as `app://,tauri://localhost,http://localhost:3000`; never `null` or `*`",
                )?;
            }
            "serve-allowed-hosts" => {
                let hosts = list(value).iter().map(|text| host(text)).collect();
                self.allowed_hosts = Option::ok_or(
                    hosts,
                    "a list of host names without scheme and port, such as `host.docker.internal`; never `*`",
                )?;
            }
            "serve-reasoning-field" => {
                self.reasoning = match value {
                    "reasoning_content" => ReasoningField::ReasoningContent,
                    "reasoning" => ReasoningField::Reasoning,
                    "both" => ReasoningField::Both,
                    _ => return Err("`reasoning_content`, `reasoning` or `both`"),
                };
            }
            "serve-unknown-cost" => {
                self.unknown_cost =
                    Usd::parse(value).ok_or("an amount in dollars, such as `0.05`; `0` is free")?;
            }
            _ => {
                let number = value.parse().ok().filter(|number| *number <= 10);
                self.max_retries = number.ok_or("a whole number from 0 to 10")?;
            }
        }
        Ok(())
    }

    /// Whether pages of an origin may use the server.
    pub(crate) fn allows_origin(&self, origin: &[u8]) -> bool {
        let Ok(origin) = std::str::from_utf8(origin) else {
            return false;
        };
        let origin = origin.to_ascii_lowercase();
        self.allowed_origins
            .iter()
            .any(|allowed| allowed.matches(&origin))
    }

    /// Whether a host name, without a port, is one of this server's.
    pub(crate) fn allows_host(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.');
        self.allowed_hosts
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(name))
    }
}

/// Splits at commas, or parses a JSON list from a configuration file.
fn list(value: &str) -> Vec<String> {
    if let Ok(list) = serde_json::from_str::<Vec<String>>(value) {
        list
    } else {
        let texts = value.split(',').map(str::trim).filter(|text| !text.is_empty());
        texts.map(str::to_owned).collect()
    }
}

fn host(text: &str) -> Option<String> {
    let text = text.trim().trim_end_matches('.');
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    (!text.is_empty() && text.bytes().all(is_plain)).then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: &str) -> Result<ServePolicy, &'static str> {
        let mut policy = ServePolicy::default();
        policy.set(name, value).map(|()| policy)
    }

    #[test]
    fn an_origin_is_allowed_whole_or_by_an_apps_own_scheme() {
        let policy = with(
            "serve-allowed-origins",
            "app://, tauri://localhost ,vscode-webview://*,http://LOCALHOST:3000/",
        )
        .expect("a list");
        for good in [
            "app://obsidian.md",
            "APP://x",
            "tauri://localhost",
            "vscode-webview://0a1b",
            "http://localhost:3000",
        ] {
            assert!(policy.allows_origin(good.as_bytes()), "{good}");
        }
        for bad in [
            "tauri://localhost.evil",
            "http://localhost:30000",
            "http://localhost",
            "https://localhost:3000",
            "null",
            "xapp://x",
            "\u{e9}",
        ] {
            assert!(!policy.allows_origin(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn what_any_page_can_be_is_no_allowed_origin() {
        for bad in [
            "*",
            "null",
            "http://",
            "https://*",
            "file://",
            "localhost",
            "a b://",
            "://",
            "http://a/b",
        ] {
            assert!(with("serve-allowed-origins", bad).is_err(), "{bad}");
        }
        assert_eq!(
            with("serve-allowed-origins", "").expect("none").allowed_origins,
            []
        );
    }

    #[test]
    fn a_host_is_allowed_by_its_name_in_any_case() {
        let policy = with(
            "serve-allowed-hosts",
            r#"["host.docker.internal","Models.Home."]"#,
        )
        .expect("a list");
        for good in ["host.docker.internal", "HOST.docker.internal.", "models.home"] {
            assert!(policy.allows_host(good), "{good}");
        }
        assert!(!policy.allows_host("evil.host.docker.internal"));
        for bad in ["*", "http://a", "a:80", "a b"] {
            assert!(with("serve-allowed-hosts", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_setting_says_what_it_takes() {
        for name in ServePolicy::NAMES {
            assert!(with(name, "?").is_err(), "{name}");
        }
        assert_eq!(with("serve-max-retries", "0").expect("none").max_retries, 0);
        let both = with("serve-reasoning-field", "both").expect("both").reasoning;
        assert!(both.in_reasoning() && both.in_reasoning_content());
    }
}
