//! Socket activation: listeners that systemd made and keeps while we restart, so that no connection is refused.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};

use crate::daemon::config::Config;
use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;

/// The names that a socket unit may give (`FileDescriptorName=`), in the order of [`Handed`].
const NAMES: [&str; 2] = ["intake", "admin"];

/// What was handed over, close-on-exec. None of it when we were started by hand.
#[derive(Debug, Default)]
pub struct Handed {
    pub(super) intake: Option<TcpListener>,
    pub(super) admin: Option<TcpListener>,
}

impl Handed {
    /// Takes them, by `LISTEN_FDS`, `LISTEN_PID` and `LISTEN_FDNAMES`. Called before any thread is started, and once:
    /// the first two variables are gone afterwards.
    pub fn take(environment: &BTreeMap<String, String>) -> Result<Self, String> {
        let mut descriptors = ListenFd::from_env();
        let names = environment.get("LISTEN_FDNAMES").map(String::as_str);
        let [intake, admin] = positions(descriptors.len(), names)?;
        let mut listener = |position: Option<usize>, name| -> Result<Option<TcpListener>, String> {
            let Some(position) = position else { return Ok(None) };
            let wrong = || {
                format!(
                    "the socket {name} is no TCP listener: give its socket unit ListenStream=ADDR:PORT, and no Accept=yes"
                )
            };
            let listener = descriptors.take_tcp_listener(position).ok().flatten().ok_or_else(wrong)?;
            if socket_acceptconn(&listener) == Ok(true) { Ok(Some(listener)) } else { Err(wrong()) }
        };
        Ok(Self { intake: listener(intake, NAMES[0])?, admin: listener(admin, NAMES[1])? })
    }

    /// Whether each is where the configuration says.
    pub fn check(&self, config: &Config) -> Result<(), String> {
        let checks =
            [(&self.intake, config.server.bind, "server.bind"), (&self.admin, config.admin.bind, "admin.bind")];
        for (listener, configured, key) in checks {
            if let Some(listener) = listener {
                let address =
                    listener.local_addr().map_err(|error| format!("{key}: the socket handed over: {error}"))?;
                agrees(address, configured, key)?;
            }
        }
        Ok(())
    }
}

/// Where each of our names stands among the descriptors. Every descriptor has to have one of them.
fn positions(count: usize, names: Option<&str>) -> Result<[Option<usize>; 2], String> {
    const CURE: &str =
        "give each socket unit one ListenStream= and FileDescriptorName=intake or FileDescriptorName=admin";
    let mut positions = [None; 2];
    if count == 0 {
        return Ok(positions);
    }
    let names: Vec<&str> =
        names.filter(|names| !names.is_empty()).map(|names| names.split(':').collect()).unwrap_or_default();
    if names.len() != count {
        return Err(format!("{count} sockets were handed over, and {} names: {CURE}", names.len()));
    }
    for (position, name) in names.into_iter().enumerate() {
        let Some(ours) = NAMES.iter().position(|ours| *ours == name) else {
            return Err(format!("a socket named {name:?} was handed over, and there is no use for it: {CURE}"));
        };
        if positions[ours].replace(position).is_some() {
            return Err(format!("two sockets named {name} were handed over: {CURE}"));
        }
    }
    Ok(positions)
}

/// A socket from elsewhere would pass by what the configuration was checked for, and by whoever reads it.
fn agrees(handed: SocketAddr, configured: SocketAddr, key: &str) -> Result<(), String> {
    let same_address = handed.ip().to_canonical() == configured.ip().to_canonical();
    let same_port = configured.port() == 0 || handed.port() == configured.port();
    if same_address && same_port {
        return Ok(());
    }
    let unit = if key == "admin.bind" { "scanrelay-admin.socket" } else { "scanrelay.socket" };
    Err(format!(
        "{key} is {configured}, and {unit} listens on {handed}: make them the same (systemctl edit {unit}, with an empty ListenStream= before the new one), or disable {unit}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_socket_has_one_of_our_names() {
        let check = |count, names, expected: Result<[Option<usize>; 2], &str>| {
            let said = positions(count, names);
            match expected {
                Ok(expected) => assert_eq!(said, Ok(expected), "{names:?}"),
                Err(words) => assert!(said.clone().is_err_and(|said| said.contains(words)), "{said:?} without {words}"),
            }
        };
        check(0, None, Ok([None, None]));
        check(0, Some("whatever"), Ok([None, None]));
        check(1, Some("intake"), Ok([Some(0), None]));
        check(1, Some("admin"), Ok([None, Some(0)]));
        check(2, Some("admin:intake"), Ok([Some(1), Some(0)]));
        check(1, None, Err("1 sockets were handed over, and 0 names"));
        check(2, Some("intake"), Err("2 sockets were handed over, and 1 names"));
        check(2, Some("intake:intake"), Err("two sockets named intake"));
        check(1, Some("scanrelay.socket"), Err("\"scanrelay.socket\" was handed over"));
        check(1, Some(""), Err("FileDescriptorName=intake"));
    }

    #[test]
    fn a_socket_is_where_the_configuration_says() {
        let check = |handed: &str, configured: &str, fine: bool| {
            let said = agrees(handed.parse().unwrap(), configured.parse().unwrap(), "server.bind");
            assert_eq!(said.is_ok(), fine, "{handed} {configured}");
        };
        check("127.0.0.1:8484", "127.0.0.1:8484", true);
        check("127.0.0.1:4000", "127.0.0.1:0", true);
        check("[::ffff:127.0.0.1]:8484", "127.0.0.1:8484", true);
        check("0.0.0.0:8484", "127.0.0.1:8484", false);
        check("0.0.0.0:8484", "127.0.0.1:0", false);
        check("127.0.0.1:8485", "127.0.0.1:8484", false);
        check("[::1]:8484", "127.0.0.1:8484", false);
    }
}
