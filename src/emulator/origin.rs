//! Where this registry is, as whoever asks sees it.

use actix_web::HttpRequest;
use actix_web::http::header::HOST;
use url::{Host, Url};

/// `http://HOST:PORT`, or `https:` where a TLS front says so. The name is the caller's own, since a name and an address are two
/// origins, as long as it means this machine; otherwise it is the address that is listened at.
pub fn of(request: &HttpRequest) -> String {
    let asked = request.headers().get(HOST).and_then(|host| host.to_str().ok()).and_then(loopback);
    let secure = request.headers().get("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
    match asked {
        Some(asked) if secure => asked.replacen("http:", "https:", 1),
        Some(asked) => asked,
        None => format!("http://{}", request.app_config().local_addr()),
    }
}

/// The origin of a `HOST:PORT` that means this machine and nothing else.
pub fn loopback(authority: &str) -> Option<String> {
    let url = Url::parse(&format!("http://{authority}/")).ok()?;
    let here = match url.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    let origin = url.origin().ascii_serialization();
    // Something with a path, a user, a question or a fragment is no authority.
    (here && url.as_str() == format!("{origin}/")).then_some(origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machines_names_are_taken() {
        for authority in ["127.0.0.1:8093", "localhost:8093", "localhost", "LOCALHOST:1", "[::1]:8093", "127.8.0.1:1"] {
            assert!(loopback(authority).is_some(), "{authority}");
        }
        for authority in [
            "registry.example.com:8093",
            "localhost.example.com",
            "192.0.2.1:8093",
            "[2001:db8::1]:80",
            "evil@localhost",
            "localhost/x",
            "localhost?x",
            "localhost#x",
            "",
            "local host",
        ] {
            assert_eq!(loopback(authority), None, "{authority}");
        }
    }
}
