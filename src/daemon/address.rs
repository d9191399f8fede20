//! Addresses: those of the internet at large, and all others, which are reached only where the configuration names them.

mod forwarded;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use forwarded::sender;
pub use scanrelay::signature::Network;

/// What names and addresses may lead to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    pub allow: Vec<Network>,
}

impl Reach {
    /// Whether the configuration names it.
    pub fn names(&self, address: IpAddr) -> bool {
        self.allow.iter().any(|network| network.contains(address))
    }

    /// Whether it may be connected to over TLS: it is named, or one of the internet at large.
    pub fn permits(&self, address: IpAddr) -> bool {
        self.names(address) || is_public(address)
    }
}

/// Whether it is an address of the internet at large: not this machine's, not this network's, no group's, and not one
/// under which a cloud tells a machine its secrets.
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// The registry of special-purpose addresses (RFC 6890 and later), and one cloud's metadata at a public address.
fn is_public_v4(address: Ipv4Addr) -> bool {
    const OTHERS: [(Ipv4Addr, u8); 15] = [
        (Ipv4Addr::UNSPECIFIED, 8),
        (Ipv4Addr::new(10, 0, 0, 0), 8),
        (Ipv4Addr::new(100, 64, 0, 0), 10),
        (Ipv4Addr::new(127, 0, 0, 0), 8),
        (Ipv4Addr::new(168, 63, 129, 16), 32),
        (Ipv4Addr::new(169, 254, 0, 0), 16),
        (Ipv4Addr::new(172, 16, 0, 0), 12),
        (Ipv4Addr::new(192, 0, 0, 0), 24),
        (Ipv4Addr::new(192, 0, 2, 0), 24),
        (Ipv4Addr::new(192, 88, 99, 0), 24),
        (Ipv4Addr::new(192, 168, 0, 0), 16),
        (Ipv4Addr::new(198, 18, 0, 0), 15),
        (Ipv4Addr::new(198, 51, 100, 0), 24),
        (Ipv4Addr::new(203, 0, 113, 0), 24),
        // Groups, what is reserved, and the broadcast.
        (Ipv4Addr::new(224, 0, 0, 0), 3),
    ];
    let mask = |bits: u8| u32::MAX.checked_shl(32_u32.saturating_sub(bits.into())).unwrap_or(0);
    !OTHERS.iter().any(|(network, bits)| address.to_bits() & mask(*bits) == network.to_bits())
}

/// Only `2000::/3` is given out; in it, and beside it, there are addresses that carry an IPv4 address.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let carried = |high: u16, low: u16| is_public_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match segments {
        // NAT64, and 6to4.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => carried(high, low),
        // Teredo and other protocols' (2001::/23), documentation.
        [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => false,
        [0x3fff, second, ..] if second < 0x1000 => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_internet_at_large_is_public() {
        let check = |address: &str, public: bool| {
            assert_eq!(is_public(address.parse().unwrap()), public, "{address}");
        };
        for public in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.15",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
            "2002:101:101::1",
        ] {
            check(public, true);
        }
        for other in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            check(other, false);
        }
    }

    #[test]
    fn what_is_named_is_reached() {
        let reach = Reach { allow: vec![Network::parse("10.0.0.0/8").unwrap()] };
        let check = |address: &str, named: bool, permitted: bool| {
            let address = address.parse().unwrap();
            assert_eq!((reach.names(address), reach.permits(address)), (named, permitted), "{address}");
        };
        check("10.1.1.1", true, true);
        check("::ffff:10.1.1.1", true, true);
        check("1.1.1.1", false, true);
        check("127.0.0.1", false, false);
    }
}
