//! Classification of IP addresses: public, loopback, private, or never allowed. Knows addresses only, not the
//! request. The cases are in `tests/cases/addresses.json`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// From the most to the least acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(test, derive(serde::Deserialize), serde(rename_all = "lowercase"))]
pub(super) enum Class {
    Public,
    Loopback,
    Private,
    /// Link-local, metadata services of clouds, multicast, unspecified, broadcast, reserved.
    Never,
}

pub(super) fn class_of(address: IpAddr) -> Class {
    match address {
        IpAddr::V4(v4) => class_of_v4(v4),
        IpAddr::V6(v6) => class_of_v6(v6),
    }
}

fn class_of_v4(address: Ipv4Addr) -> Class {
    let [a, b, c, _] = address.octets();
    if address.is_loopback() {
        Class::Loopback
    } else if address.is_link_local()
        || address.is_multicast()
        || a == 0
        || a >= 240
        // Metadata services that are not link-local: Alibaba's in the shared (carrier-grade NAT) range, Azure's in
        // the public one, Oracle's in the IETF protocol range.
        || address == Ipv4Addr::new(100, 100, 100, 200)
        || address == Ipv4Addr::new(168, 63, 129, 16)
        || (a, b, c) == (192, 0, 0)
    {
        Class::Never
    } else if address.is_private()
        || (a == 100 && (64..128).contains(&b))
        || (a == 198 && (18..20).contains(&b))
        || (a, b, c) == (192, 88, 99)
        || address.is_documentation()
    {
        Class::Private
    } else {
        Class::Public
    }
}

fn class_of_v6(address: Ipv6Addr) -> Class {
    if address.is_loopback() {
        return Class::Loopback;
    }
    if address.is_unspecified() {
        return Class::Never;
    }
    if let Some(same) = same_as(address) {
        return class_of_v4(same);
    }
    // Behind a NAT64 translator or a tunnel is another machine, where this machine's own address makes no sense.
    let elsewhere = |v4: Ipv4Addr| match class_of_v4(v4) {
        Class::Loopback => Class::Never,
        class => class,
    };
    if let Some(meant) = stands_for(address) {
        return elsewhere(meant);
    }
    // An address that embeds an IPv4 address gets the worse class of the two.
    let carried = carried_by(address).into_iter().flatten().map(elsewhere);
    carried
        .max()
        .unwrap_or(Class::Public)
        .max(class_of_itself(address))
}

/// The embedded IPv4 address that this machine's own network stack connects to: mapped, compatible.
fn same_as(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => Some(v4(high, low)),
        _ => None,
    }
}

/// The embedded IPv4 address that packets are translated to: IPv4-translated, NAT64, 6to4.
fn stands_for(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [s0, s1, s2, s3, s4, s5, s6, s7] = address.segments();
    match [s0, s1, s2, s3, s4, s5] {
        [0, 0, 0, 0, 0xffff, 0] | [0x64, 0xff9b, 0, 0, 0, 0] => Some(v4(s6, s7)),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

/// Candidates for an embedded IPv4 address: at the offsets of Teredo, ISATAP and local-use NAT64, and in the last
/// 32 bits, where NAT64 with a network-specific prefix puts it.
fn carried_by(address: Ipv6Addr) -> [Option<Ipv4Addr>; 4] {
    let [s0, s1, s2, s3, s4, s5, s6, s7] = address.segments();
    let bytes = address.octets();
    let at = |places: [usize; 4]| {
        let [a, b, c, d] = places.map(|place| bytes.get(place).copied().unwrap_or_default());
        // All zeros are unused bits of a longer prefix, not an address.
        (a != 0).then_some(Ipv4Addr::new(a, b, c, d))
    };
    let last = v4(s6, s7);
    match (s0, s1, s2) {
        // Teredo: the server's address, and the client's in inverted bits.
        (0x2001, 0, _) => [Some(v4(s2, s3)), Some(v4(!s6, !s7)), None, None],
        // The embeddings of RFC 6052 for prefixes of 48, 56, 64 and 96 bits.
        (0x64, 0xff9b, 1) => [
            at([6, 7, 9, 10]),
            at([7, 9, 10, 11]),
            at([9, 10, 11, 12]),
            at([12, 13, 14, 15]),
        ],
        // ISATAP.
        _ if s4 & 0xfcff == 0 && s5 == 0x5efe => [Some(last), None, None, None],
        // The metadata service under any prefix. Any other value at the end may be chance.
        _ if last == Ipv4Addr::new(169, 254, 169, 254) => [Some(last), None, None, None],
        _ => [None; 4],
    }
}

fn class_of_itself(address: Ipv6Addr) -> Class {
    let [s0, s1, s2, ..] = address.segments();
    if address.is_multicast() || (s0 & 0xffc0) == 0xfe80 || is_metadata(address) {
        Class::Never
    } else if (s0 & 0xfe00) == 0xfc00
        || (s0 & 0xffc0) == 0xfec0
        || (s0, s1) == (0x2001, 0xdb8)
        || (s0, s1, s2) == (0x2001, 2, 0)
        || (s0 & 0xfff0, s0 & 0xf) == (0x3ff0, 0xf) && s1 & 0xf000 == 0
        || (s0, s1, s2) == (0x64, 0xff9b, 1)
    {
        Class::Private
    } else if (s0 & 0xe000) == 0x2000 {
        Class::Public
    } else {
        // Unassigned.
        Class::Never
    }
}

/// Metadata services of clouds: Amazon (with its DNS, NTP and pod identities), Google, Oracle, Scaleway. Each has
/// its own range of unique local addresses, which is refused as a whole.
fn is_metadata(address: Ipv6Addr) -> bool {
    matches!(
        address.segments(),
        [0xfd00, 0xec2 | 0xc1 | 0x42, ..] | [0xfd20, 0xce, ..]
    )
}

fn v4(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(high) << 16 | u32::from(low))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Case {
        what: String,
        class: Class,
        addresses: Vec<IpAddr>,
    }

    #[test]
    fn every_address_is_judged_as_the_table_says() {
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../../../tests/cases/addresses.json")).expect("the cases");
        let mut wrong = Vec::new();
        for case in cases {
            for address in case.addresses {
                let class = class_of(address);
                if class != case.class {
                    wrong.push(format!(
                        "{address} ({}) is {class:?}, not {:?}",
                        case.what, case.class
                    ));
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn an_address_of_ipv4_is_judged_alike_in_every_spelling_that_carries_it() {
        for text in [
            "169.254.169.254",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "169.254.170.2",
        ] {
            let v4: Ipv4Addr = text.parse().expect("an address");
            let [a, b, c, d] = v4.octets();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            let s = |s: [u16; 8]| Ipv6Addr::from(s);
            for v6 in [
                v4.to_ipv6_mapped(),
                s([0, 0, 0, 0, 0xffff, 0, high, low]),
                s([0x64, 0xff9b, 0, 0, 0, 0, high, low]),
                s([0x64, 0xff9b, 1, 0, 0, 0, high, low]),
                s([0x64, 0xff9b, 1, 0x1200, 7, 8, high, low]),
                s([0x2002, high, low, 0, 0, 0, 0, 1]),
                s([0x2001, 0, high, low, 0, 0, 0xa247, 0x27dd]),
                s([0x2001, 0, 0x4136, 0xe378, 0, 0, !high, !low]),
                s([0x2606, 0x2800, 1, 2, 0, 0x5efe, high, low]),
                s([0xfd12, 1, 1, 2, 0x200, 0x5efe, high, low]),
            ] {
                assert_eq!(class_of(v6.into()), Class::Never, "{v6} for {v4}");
            }
        }
    }
}
