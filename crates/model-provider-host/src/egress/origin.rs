//! The allowed origin, and the addresses that its name may resolve to. The classes of addresses are in `address`.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use http::uri::{PathAndQuery, Scheme, Uri};
use url::{Host, Url};

use super::address::{Class, class_of};

/// Scheme, host and port: what a grant names and what a request is compared with.
///
/// ```
/// use model_provider_host::Origin;
///
/// let origin = Origin::parse("https://router.example/v1").expect("an http or https URL");
/// assert_eq!(origin.to_string(), "https://router.example");
/// assert_eq!(Some(&origin), Origin::parse("https://ROUTER.example:443").as_ref());
/// // A public name must not resolve to a private address.
/// assert!(!origin.admits("10.0.0.1".parse()?, false));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    https: bool,
    /// Lower-case name, or an address in canonical form; IPv6 in brackets.
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of a URL; `None` if it is not http or https, or names no host.
    #[must_use]
    pub fn of(url: &Url) -> Option<Self> {
        let https = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        Some(Self {
            https,
            host: url.host()?.to_string(),
            port: url.port_or_known_default()?,
        })
    }

    /// Reads an origin as a grant writes it: a URL, of which only the origin counts.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::of(&Url::parse(text.trim()).ok()?)
    }

    /// Whether requests go over TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Whether the host is this machine by its literal name: `localhost`, `127.0.0.0/8` or `[::1]`.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match Host::parse(&self.host) {
            Ok(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Ok(Host::Ipv4(address)) => address.is_loopback(),
            Ok(Host::Ipv6(address)) => address.is_loopback(),
            Err(_) => false,
        }
    }

    /// Whether a credential may be sent there: encrypted, or within this machine.
    #[must_use]
    pub fn is_safe_for_credentials(&self) -> bool {
        self.https || self.is_loopback()
    }

    /// Host and port, as in a URL and the `host` header.
    #[must_use]
    pub fn authority(&self) -> String {
        let default = if self.https { 443 } else { 80 };
        if self.port == default {
            self.host.clone()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The host as a resolver and TLS expect it: IPv6 without brackets.
    pub(super) fn host(&self) -> &str {
        self.host.trim_matches(['[', ']'])
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The address, if the host is an address literal.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        let address = self.host().parse().ok()?;
        Some(SocketAddr::new(address, self.port))
    }

    /// The URI of a path there, with the port if it is not the scheme's default.
    pub(super) fn uri(&self, path: Option<&PathAndQuery>) -> Uri {
        let scheme = if self.https { Scheme::HTTPS } else { Scheme::HTTP };
        let path = path.cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        let builder = Uri::builder().scheme(scheme).path_and_query(path);
        // A host and a port that were parsed from a URL form a valid authority.
        builder.authority(self.authority()).build().unwrap_or_default()
    }

    /// Whether the host is the literal of a private address.
    fn is_private_literal(&self) -> bool {
        match Host::parse(&self.host) {
            Ok(Host::Ipv4(address)) => class_of(IpAddr::V4(address)) == Class::Private,
            Ok(Host::Ipv6(address)) => class_of(IpAddr::V6(address)) == Class::Private,
            _ => false,
        }
    }

    /// Whether this address may be dialed for this origin. Loopback and private addresses only if the operator
    /// named them by a literal or allowed them; metadata and link-local ones never.
    #[must_use]
    pub fn admits(&self, address: IpAddr, allow_private: bool) -> bool {
        let class = class_of(address);
        if self.is_loopback() {
            // A host that counts as this machine gets the credential unencrypted, so it has to be loopback.
            return class == Class::Loopback;
        }
        match class {
            Class::Public => true,
            Class::Loopback => allow_private,
            Class::Private => self.is_private_literal() || allow_private,
            Class::Never => false,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        Origin::parse(text).unwrap()
    }

    fn admits(origin: &Origin, address: &str) -> bool {
        origin.admits(address.parse().unwrap(), false)
    }

    #[test]
    fn spellings_of_one_origin_are_equal() {
        assert_eq!(
            origin("https://Router.Example/v1"),
            origin("https://router.example:443")
        );
        assert_eq!(origin("http://127.0.0.1:80/x"), origin("http://127.1"));
        assert_eq!(origin("http://2130706433"), origin("http://0x7f.0.0.1"));
        assert_ne!(origin("https://router.example"), origin("http://router.example"));
        assert_ne!(
            origin("https://router.example"),
            origin("https://router.example:8443")
        );
    }

    #[test]
    fn a_public_name_never_reaches_this_machine_or_its_network() {
        let router = origin("https://router.example/v1");
        for address in [
            "127.0.0.1",
            "10.0.0.1",
            "192.168.1.1",
            "172.16.0.1",
            "169.254.169.254",
            "0.0.0.0",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "100.100.100.200",
            "224.0.0.1",
            "255.255.255.255",
            "::127.0.0.1",
            "::ffff:0:127.0.0.1",
            "2001:0:1:2:3:4:80ff:fffe",
            "64:ff9b:1:7f00:0:100::",
            "168.63.129.16",
            "100::1",
            "4000::1",
        ] {
            assert!(!admits(&router, address), "{address}");
        }
        assert!(admits(&router, "93.184.216.34"));
        assert!(admits(&router, "2606:2800:220:1::1"));
    }

    #[test]
    fn loopback_and_private_literals_are_the_operators_own_word() {
        assert!(admits(&origin("http://localhost:8080"), "127.0.0.1"));
        assert!(admits(&origin("http://127.0.0.1:8080"), "127.0.0.1"));
        assert!(admits(&origin("http://[::1]:8080"), "::1"));
        assert!(admits(&origin("http://10.1.2.3"), "10.1.2.3"));
        assert!(!admits(&origin("http://localhost"), "10.1.2.3"));
        // A name that counts as this machine, and which another machine may resolve to.
        for name in ["http://localhost", "http://api.localhost", "https://localhost"] {
            assert!(!admits(&origin(name), "93.184.216.34"), "{name}");
            assert!(!origin(name).admits("10.1.2.3".parse().unwrap(), true), "{name}");
        }
    }

    #[test]
    fn metadata_and_link_local_are_refused_even_when_private_addresses_are_allowed() {
        let host = origin("http://host.example");
        for address in [
            "169.254.169.254",
            "fe80::1",
            "::ffff:169.254.169.254",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "fd00:c1::a9fe:a9fe",
            "fd00:42::42",
            "64:ff9b:1::a9fe:a9fe",
        ] {
            assert!(!host.admits(address.parse().unwrap(), true), "{address}");
            // Nor by the operator's own literal.
            let address: IpAddr = address.parse().unwrap();
            let literal = origin(&match address {
                IpAddr::V4(v4) => format!("http://{v4}"),
                IpAddr::V6(v6) => format!("http://[{v6}]"),
            });
            assert!(!literal.admits(address, true), "{literal}");
        }
        assert!(host.admits("10.0.0.1".parse().unwrap(), true));
    }

    #[test]
    fn credentials_travel_encrypted_or_stay_on_this_machine() {
        assert!(origin("https://router.example").is_safe_for_credentials());
        assert!(origin("http://localhost:1").is_safe_for_credentials());
        assert!(!origin("http://router.example").is_safe_for_credentials());
        assert!(!origin("http://192.168.0.5").is_safe_for_credentials());
    }
}
