//! Who sent a request that came through a proxy.

use std::net::{IpAddr, SocketAddr};

use super::Network;

/// The sender's address: the peer's, unless that is a proxy which is trusted to say for whom it speaks. `None`: the proxy's
/// word cannot be read.
///
/// Each proxy adds the address of its own peer at the right end of `X-Forwarded-For`. So it is read from there, and the first
/// address that is no trusted proxy's counts: what stands further left was written by who sent the request.
pub fn sender<'a>(
    peer: IpAddr,
    forwarded: impl DoubleEndedIterator<Item = &'a [u8]>,
    proxies: &[Network],
) -> Option<IpAddr> {
    let is_proxy = |address: IpAddr| proxies.iter().any(|proxy| proxy.contains(address));
    let mut farthest = peer.to_canonical();
    // Several headers are one list.
    let mut said = forwarded.rev().flat_map(|value| value.rsplit(|byte| *byte == b','));
    while is_proxy(farthest) {
        match said.next() {
            Some(text) => farthest = address(text)?,
            None => break,
        }
    }
    Some(farthest)
}

/// An address as proxies write it: bare, in brackets, or with a port.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim_ascii();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let bare = bare.filter(|bare| bare.contains(':')).unwrap_or(text);
    let address = bare.parse().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip())).ok();
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(peer: &str, forwarded: &[&str], expected: Option<&str>) {
        let proxies = ["127.0.0.1", "10.0.0.0/8", "fd00::/8"].map(|text| Network::parse(text).unwrap());
        let values = forwarded.iter().map(|value| value.as_bytes());
        let got = sender(peer.parse().unwrap(), values, &proxies);
        assert_eq!(got, expected.map(|address| address.parse().unwrap()), "{peer} {forwarded:?}");
    }

    #[test]
    fn who_is_no_proxy_speaks_for_himself() {
        check("203.0.113.9", &[], Some("203.0.113.9"));
        check("203.0.113.9", &["10.0.0.1"], Some("203.0.113.9"));
        check("203.0.113.9", &["nonsense"], Some("203.0.113.9"));
        check("::ffff:203.0.113.9", &["10.0.0.1"], Some("203.0.113.9"));
    }

    #[test]
    fn the_first_from_the_right_that_is_no_proxy_counts() {
        check("127.0.0.1", &["203.0.113.9"], Some("203.0.113.9"));
        check("127.0.0.1", &["198.51.100.1, 203.0.113.9"], Some("203.0.113.9"));
        check("127.0.0.1", &["198.51.100.1, 203.0.113.9, 10.0.0.2"], Some("203.0.113.9"));
        check("127.0.0.1", &["198.51.100.1", "203.0.113.9", "10.0.0.2 ,fd00::1"], Some("203.0.113.9"));
        check("::ffff:127.0.0.1", &["2001:db8::1"], Some("2001:db8::1"));
        // Whatever stands left of it was never looked at.
        check("127.0.0.1", &["nonsense,,203.0.113.9"], Some("203.0.113.9"));
        // Proxies all the way, or one that says nothing.
        check("127.0.0.1", &["10.0.0.3,10.0.0.2"], Some("10.0.0.3"));
        check("127.0.0.1", &[], Some("127.0.0.1"));
    }

    #[test]
    fn an_address_is_written_in_several_ways() {
        check("127.0.0.1", &["203.0.113.9:4711"], Some("203.0.113.9"));
        check("127.0.0.1", &["[2001:db8::1]"], Some("2001:db8::1"));
        check("127.0.0.1", &["[2001:db8::1]:4711"], Some("2001:db8::1"));
        check("127.0.0.1", &["::ffff:203.0.113.9"], Some("203.0.113.9"));
    }

    #[test]
    fn what_cannot_be_read_is_no_address() {
        for bad in [
            "",
            ",",
            "203.0.113.9,",
            "unknown",
            "_hidden",
            "203.0.113",
            "203.0.113.9.",
            "[203.0.113.9]",
            "[::1",
            "203.0.113.9 10.0.0.1",
            "203.0.113.9:",
            "\u{e9}",
        ] {
            check("127.0.0.1", &[bad], None);
        }
        check("127.0.0.1", &["203.0.113.9", "nonsense"], None);
        check("127.0.0.1", &["nonsense, 10.0.0.1"], None);
    }
}
