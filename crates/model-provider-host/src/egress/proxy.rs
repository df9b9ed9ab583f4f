//! The operator's proxies, from the usual environment variables: which one an origin uses, and how a connection
//! through it is opened.
//!
//! The operator chose the proxy, so its address is not checked. The proxy resolves the origin's name itself.

use std::fmt;

use http::{HeaderValue, Uri};
use hyper_util::{
    client::{
        legacy::connect::proxy::{SocksV5, Tunnel},
        proxy::matcher::{Intercept, Matcher},
    },
    rt::TokioIo,
};
use tower::Service as _;
use url::Url;
use zeroize::Zeroizing;

use crate::secret::Secret;

use super::{
    connection::{Bytes, IoStream},
    dial::{ConnectError, dial},
    no_proxy,
    origin::Origin,
    tls::Tls,
};
use crate::error::{Error, ErrorKind, Result};

/// The values of `https_proxy`, `http_proxy`, `all_proxy` and `no_proxy`, each also in upper case. Empty by
/// default: the embedder decides whether and from where they are read.
///
/// ```
/// use model_provider_host::{Proxies, Settings};
///
/// let proxies = Proxies::from_variables(|name| std::env::var(name).ok().map(Into::into));
/// let settings = Settings::default().with_proxies(proxies);
/// ```
#[derive(Clone, Default)]
pub struct Proxies {
    https: Option<Named>,
    http: Option<Named>,
    all: Option<Named>,
    except: String,
}

/// A proxy's URL, which may hold a password, and its variable.
#[derive(Clone)]
struct Named {
    variable: &'static str,
    url: Secret,
}

impl Proxies {
    /// Reads them through `get`, as curl does: lower case first, blank is unset. `HTTP_PROXY` is ignored if
    /// `REQUEST_METHOD` is set: in CGI it is a request header.
    pub fn from_variables(get: impl Fn(&str) -> Option<Zeroizing<String>>) -> Self {
        let first = |names: [&'static str; 2]| {
            names.into_iter().find_map(|variable| {
                let url = Secret::new(&get(variable)?)?;
                Some(Named { variable, url })
            })
        };
        let is_cgi = get("REQUEST_METHOD").is_some();
        let http = first(["http_proxy", "HTTP_PROXY"]);
        Self {
            https: first(["https_proxy", "HTTPS_PROXY"]),
            http: http.filter(|named| !is_cgi || named.variable == "http_proxy"),
            all: first(["all_proxy", "ALL_PROXY"]),
            except: first(["no_proxy", "NO_PROXY"])
                .map(|named| named.url.expose().to_owned())
                .unwrap_or_default(),
        }
    }

    /// The proxy for an origin. Never one for this machine itself.
    pub(crate) fn before(&self, origin: &Origin) -> Result<Option<ProxyRoute>> {
        let named = if origin.is_https() {
            &self.https
        } else {
            &self.http
        };
        match named.as_ref().or(self.all.as_ref()) {
            Some(named) if !origin.is_loopback() && !no_proxy::covers(&self.except, origin) => {
                ProxyRoute::new(named, origin).map(Some)
            }
            _ => Ok(None),
        }
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variable = |named: &Option<Named>| named.as_ref().map(|named| named.variable);
        f.debug_struct("Proxies")
            .field("https", &variable(&self.https))
            .field("http", &variable(&self.http))
            .field("all", &variable(&self.all))
            .field("except", &self.except)
            .finish()
    }
}

/// The proxy for one origin. Displayed without its password.
#[derive(Clone)]
pub(crate) struct ProxyRoute {
    label: String,
    host: String,
    port: u16,
    over: Over,
    intercept: Intercept,
    password: Option<Secret>,
}

/// The protocol that the proxy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    Http,
    Https,
    Socks,
}

impl ProxyRoute {
    fn new(named: &Named, origin: &Origin) -> Result<Self> {
        let variable = named.variable;
        // Errors do not show the text, which may hold a password.
        let wrong = |what: &str| {
            Error::new(ErrorKind::Configuration, format!("the proxy in `{variable}` {what}")).with_hint(
                "give it as http://HOST:PORT, https://HOST:PORT or socks5h://HOST:PORT, with NAME:PASSWORD@ before \
                 the host if it asks for them, other signs than letters and digits percent-encoded",
            )
        };
        let text = named.url.expose();
        let text = if text.contains("://") {
            Zeroizing::new(text.to_owned())
        } else {
            Zeroizing::new(format!("http://{text}"))
        };
        let url = Url::parse(&text).map_err(|error| wrong(&format!("is not a URL: {error}")))?;
        let (over, port) = match url.scheme() {
            "http" => (Over::Http, 80),
            "https" => (Over::Https, 443),
            "socks5" | "socks5h" => (Over::Socks, 1080),
            _ => return Err(wrong("has an unsupported scheme")),
        };
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| wrong("names no host"))?;
        let port = url.port().unwrap_or(port);
        let label = format!("{}://{host}:{port} ({variable})", url.scheme());
        let matcher = Matcher::builder().all(text.as_str()).build();
        let intercept = matcher
            .intercept(&origin.uri(None))
            .ok_or_else(|| wrong("cannot be used as it is written"))?;
        let password = url.password().map(|raw| {
            let bytes = Zeroizing::new(percent_encoding::percent_decode_str(raw).collect::<Vec<u8>>());
            Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned())
        });
        Ok(Self {
            label,
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            over,
            intercept,
            password: password.and_then(|password| Secret::new(&password)),
        })
    }

    /// Its password.
    pub(crate) fn password(&self) -> Option<&Secret> {
        self.password.as_ref()
    }

    /// The header for a forwarding proxy that requires authentication.
    pub(crate) fn authorization(&self, origin: &Origin) -> Option<&HeaderValue> {
        let reads = !origin.is_https() && self.over != Over::Socks;
        self.intercept.basic_auth().filter(|_| reads)
    }

    /// The error for a proxy that requires other credentials.
    pub(crate) fn wants_authorization(&self) -> ConnectError {
        self.failure("requires a user name and a password, or rejects the given ones")
    }

    /// Opens a connection to the origin; true if the proxy forwards the requests on it.
    pub(super) async fn open(
        &self,
        origin: &Origin,
        tls: Option<&Tls>,
    ) -> Result<(Box<dyn IoStream>, bool), ConnectError> {
        let stream = self.dial(tls).await?;
        if self.over != Over::Socks && !origin.is_https() {
            return Ok((stream.into_inner(), true));
        }
        // The library needs a dialer. The connection is open already, so that its errors are reported as ours.
        let mut stream = Some(stream);
        let dialled =
            tower::service_fn(move |_: Uri| std::future::ready(stream.take().ok_or(ConnectError::Timeout)));
        let proxy = self.intercept.uri().clone();
        let stream = if self.over == Over::Socks {
            let mut socks = SocksV5::new(proxy, dialled);
            if let Some((name, password)) = self.intercept.raw_auth() {
                socks = socks.with_auth(name.to_owned(), password.to_owned());
            }
            let tunnel = socks.call(origin.uri(None)).await;
            tunnel.map_err(|error| self.refused(&error.to_string()))?
        } else {
            let mut tunnel = Tunnel::new(proxy, dialled);
            if let Some(authorization) = self.intercept.basic_auth() {
                tunnel = tunnel.with_auth(authorization.clone());
            }
            let tunnel = tunnel.call(origin.uri(None)).await;
            tunnel.map_err(|error| self.refused(&error.to_string()))?
        };
        Ok((stream.into_inner(), false))
    }

    async fn dial(&self, tls: Option<&Tls>) -> Result<Bytes, ConnectError> {
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await;
        let addresses: Vec<_> = found.map_err(|_| self.unreachable(&ConnectError::Dns))?.collect();
        let stream = dial(&addresses).await.map_err(|why| self.unreachable(&why))?;
        let stream = match tls.filter(|_| self.over == Over::Https) {
            Some(tls) => tls
                .with_proxy(stream, &self.host)
                .await
                .map_err(|error| self.unreachable(&ConnectError::Tls(error)))?,
            None => stream,
        };
        Ok(TokioIo::new(stream))
    }

    fn unreachable(&self, why: &ConnectError) -> ConnectError {
        self.failure(&format!("cannot be reached: {}", why.reason().0))
    }

    /// The proxy refused a tunnel. The library gives the reason as text only.
    fn refused(&self, why: &str) -> ConnectError {
        if why.contains("authorization required") {
            self.wants_authorization()
        } else {
            self.failure(&format!("refused the tunnel: {why}"))
        }
    }

    fn failure(&self, what: &str) -> ConnectError {
        ConnectError::Proxy(format!("the proxy {} {what}", self.label))
    }

    /// Whether the connection to the proxy uses TLS itself.
    pub(crate) fn is_https(&self) -> bool {
        self.over == Over::Https
    }
}

impl fmt::Debug for ProxyRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &'static [(&str, &str)]) -> Proxies {
        Proxies::from_variables(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| Zeroizing::new((*value).to_owned()))
        })
    }

    fn via(variables: &'static [(&str, &str)], origin: &str) -> Option<String> {
        let via = proxies(variables).before(&Origin::parse(origin).unwrap());
        via.unwrap().map(|via| format!("{via:?}"))
    }

    #[test]
    fn the_usual_variables_select_the_proxy_of_an_origin() {
        let each: &[_] = &[
            ("HTTPS_PROXY", "http://secure.test:3128"),
            ("http_proxy", "plain.test:8080"),
            ("HTTP_PROXY", "http://not-this.test"),
        ];
        assert_eq!(
            via(each, "https://a.test").unwrap(),
            "http://secure.test:3128 (HTTPS_PROXY)"
        );
        assert_eq!(
            via(each, "http://a.test").unwrap(),
            "http://plain.test:8080 (http_proxy)"
        );
        let all: &[_] = &[("HTTPS_PROXY", " "), ("ALL_PROXY", "socks5h://[::7]")];
        assert_eq!(
            via(all, "https://a.test").unwrap(),
            "socks5h://[::7]:1080 (ALL_PROXY)"
        );
        assert_eq!(via(&[], "https://a.test"), None);
        let cgi: &[_] = &[("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "http://evil.test")];
        assert_eq!(via(cgi, "http://a.test"), None);
    }

    #[test]
    fn this_machine_and_what_is_excepted_are_reached_without_a_proxy() {
        let some: &[_] = &[
            ("ALL_PROXY", "http://proxy.test:3128"),
            ("no_proxy", "inner.test, .example, 10.0.0.0/8"),
        ];
        for direct in [
            "https://localhost:1",
            "http://127.0.0.2",
            "https://[::1]",
            "https://inner.test",
            "https://a.inner.test",
            "https://b.example",
            "https://10.1.2.3",
        ] {
            assert_eq!(via(some, direct), None, "{direct}");
        }
        for proxied in [
            "https://dinner.test",
            "https://11.1.2.3",
            "https://inner.test.evil.test",
        ] {
            assert!(via(some, proxied).is_some(), "{proxied}");
        }
        let every: &[_] = &[("ALL_PROXY", "http://proxy.test"), ("NO_PROXY", " * ")];
        assert_eq!(via(every, "https://a.test"), None);
        assert_eq!(via(every, "https://11.1.2.3"), None);
    }

    #[test]
    fn a_wrong_proxy_is_named_by_its_variable_and_never_with_its_password() {
        for text in [
            "http://joe:pass-word-1@",
            "http://joe:pass-word-1@proxy.test:port",
            "ftp://joe:pass-word-1@proxy.test",
            "socks4://joe:pass-word-1@proxy.test",
            "http://joe:pass-word-1 @pro xy.test",
            "://joe:pass-word-1",
            "joe:pass-word-1:x@[proxy",
        ] {
            let proxies = Proxies::from_variables(|name| {
                (name == "HTTPS_PROXY").then(|| Zeroizing::new(text.to_owned()))
            });
            let error = proxies
                .before(&Origin::parse("https://a.test").unwrap())
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(error.message().contains("`HTTPS_PROXY`"), "{error}");
            assert!(
                !format!("{error} {error:?} {proxies:?}").contains("pass-word"),
                "{error:?}"
            );
        }
    }

    #[test]
    fn its_password_is_known_to_be_a_secret() {
        let named: &[_] = &[("HTTPS_PROXY", "http://joe:pass%2Dword@proxy.test")];
        let via = proxies(named).before(&Origin::parse("https://a.test").unwrap());
        let via = via.unwrap().unwrap();
        assert_eq!(via.password().unwrap().expose(), "pass-word");
        assert_eq!(format!("{via:?}"), "http://proxy.test:80 (HTTPS_PROXY)");
    }
}
