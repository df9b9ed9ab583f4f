//! `NO_PROXY`: the origins that are reached without a proxy. Knows the list, not the proxy.

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

use super::origin::Origin;

/// Whether a list names an origin. Entries are separated by commas or blanks, as in curl and wget. An entry may
/// have a port, begin with `*.`, or end with the dot of a fully qualified name. The library matches the rest:
/// domains with their subdomains, addresses, networks.
pub(super) fn covers(list: &str, origin: &Origin) -> bool {
    let host = origin.host().trim_end_matches('.');
    let separators = |c: char| c == ',' || c.is_whitespace();
    let entries = list.split(separators).filter(|entry| !entry.is_empty());
    entries.into_iter().any(|entry| {
        let (name, port) = with_port(entry);
        if port.is_some_and(|port| port != origin.port()) {
            return false;
        }
        let name = name.trim_matches(['[', ']']).trim_end_matches('.');
        match name.strip_prefix('*') {
            Some("") => true,
            // `*.corp.test` is every subdomain, `*corp.test` every name with this suffix.
            Some(ending) => ends_with(host, ending),
            None => is_in(name, host),
        }
    })
}

/// Splits `host:443` and `[::1]:443`; an IPv6 address without brackets has no port.
fn with_port(entry: &str) -> (&str, Option<u16>) {
    let is_alone = |host: &str| !host.contains(':') || host.ends_with(']');
    let split = entry.rsplit_once(':').filter(|(host, _)| is_alone(host));
    match split.and_then(|(host, port)| Some((host, port.parse().ok()?))) {
        Some((host, port)) => (host, Some(port)),
        None => (entry, None),
    }
}

/// Whether a domain, an address or a network covers a host, by the library's rules.
fn is_in(name: &str, host: &str) -> bool {
    let host = if host.contains(':') {
        format!("http://[{host}]")
    } else {
        format!("http://{host}")
    };
    let probe = Matcher::builder().all("http://proxy").no(name).build();
    host.parse::<Uri>()
        .is_ok_and(|uri| probe.intercept(&uri).is_none())
}

fn ends_with(host: &str, ending: &str) -> bool {
    let at = host.len().checked_sub(ending.len());
    let end = at.and_then(|at| host.get(at..));
    end.is_some_and(|end| end.eq_ignore_ascii_case(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_excepted_is_written_in_every_usual_form() {
        for (list, origin, is_covered) in [
            ("*.corp.test", "https://api.corp.test", true),
            ("*.corp.test", "https://corp.test", false),
            ("*.corp.test", "https://notcorp.test", false),
            ("*corp.test", "https://notcorp.test", true),
            ("*.CORP.test", "https://a.b.corp.TEST", true),
            ("corp.test:443", "https://corp.test", true),
            ("corp.test:443", "https://a.corp.test", true),
            ("corp.test:8443", "https://corp.test", false),
            ("corp.test:8443", "https://corp.test:8443", true),
            ("*.corp.test:443", "https://a.corp.test", true),
            ("a.test b.test", "https://b.test", true),
            (" a.test ,\tb.test\n", "https://b.test", true),
            ("a.test,,b.test", "https://b.test", true),
            ("corp.test.", "https://corp.test", true),
            (".corp.test.", "https://a.corp.test", true),
            ("corp.test", "https://corp.test.", true),
            ("corp.test.:443", "https://corp.test.", true),
            ("10.0.0.0/8", "https://10.1.2.3", true),
            ("10.1.2.3:443", "https://10.1.2.3", true),
            ("10.1.2.3:80", "https://10.1.2.3", false),
            ("fd12::1", "https://[fd12::1]", true),
            ("[fd12::1]", "https://[fd12::1]", true),
            ("[fd12::1]:443", "https://[fd12::1]", true),
            ("[fd12::1]:80", "https://[fd12::1]", false),
            ("fd12::/16", "https://[fd12::1]", true),
            ("x *", "https://a.test", true),
            ("*:443", "http://a.test", false),
            ("corp.test:port", "https://corp.test", false),
            (":443", "https://corp.test", false),
            (".", "https://corp.test", false),
            ("", "https://corp.test", false),
        ] {
            let origin = Origin::parse(origin).unwrap();
            assert_eq!(covers(list, &origin), is_covered, "{list:?} and {origin}");
        }
    }
}
