//! Networks of addresses.

use std::fmt;
use std::net::IpAddr;

/// A network of addresses, written `10.0.0.0/8` or `fd00::/8`; a single address is a network of its own.
///
/// ```
/// use scanrelay::signature::Network;
///
/// let network = Network::parse("10.0.0.0/8").unwrap();
/// assert!(network.contains("10.1.2.3".parse().unwrap()));
/// assert!(network.contains("::ffff:10.1.2.3".parse().unwrap()), "the same address, as a socket for both may tell it");
/// assert!(Network::parse("10.0.0.1/8").is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// `None`: it is no network, or its address has bits beyond its length, which is a typing error more often than not.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) if bits.bytes().all(|byte| byte.is_ascii_digit()) => {
                (address, Some(bits.parse().ok()?))
            }
            Some(_) => return None,
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let network = Self { address, bits: bits.unwrap_or(longest) };
        // A mapped IPv4 address would never match: it is looked at as the IPv4 address that it is.
        let is_one = network.bits <= longest && network.masked(address) == address && address == address.to_canonical();
        is_one.then_some(network)
    }

    /// Whether the address is in it. An IPv4 address in IPv6's clothes is the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && self.masked(address) == self.address
    }

    /// The first bits of an address, as many as this network has.
    fn masked(&self, address: IpAddr) -> IpAddr {
        let bits = u32::from(self.bits);
        match address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32_u32.saturating_sub(bits)).unwrap_or(0);
                IpAddr::from((address.to_bits() & mask).to_be_bytes())
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128_u32.saturating_sub(bits)).unwrap_or(0);
                IpAddr::from((address.to_bits() & mask).to_be_bytes())
            }
        }
    }
}

impl fmt::Display for Network {
    /// As [`Network::parse`] takes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}
