//! The datagram socket of the service manager (`sd_notify`), and what it asks for.

use std::collections::BTreeMap;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tracing::warn;

/// A manager that takes no message holds us up for this long at most.
const PATIENCE: Duration = Duration::from_secs(1);

/// The service manager, or nobody. Clones speak to the same.
#[derive(Clone, Default)]
pub struct Manager {
    socket: Option<Arc<(UnixDatagram, SocketAddr)>>,
    watchdog: Option<Duration>,
}

impl Manager {
    /// Whom the environment names: `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
    pub fn of(environment: &BTreeMap<String, String>) -> Self {
        let Some(name) = environment.get("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Self::default();
        };
        match socket(name) {
            Ok(socket) => Self {
                socket: Some(Arc::new(socket)),
                watchdog: watchdog(environment, rustix::process::getpid().as_raw_pid()),
            },
            Err(error) => {
                warn!(socket = %name, %error, "NOTIFY_SOCKET cannot be used: the service manager hears nothing of us");
                Self::default()
            }
        }
    }

    /// Whether anybody listens.
    pub fn listens(&self) -> bool {
        self.socket.is_some()
    }

    /// How often a watchdog wants to hear from us: half of its patience, as systemd advises. `None`: there is none.
    pub fn tick(&self) -> Option<Duration> {
        self.watchdog.map(|patience| patience / 2)
    }

    /// The start, or a reload, is done.
    pub fn ready(&self, status: &str) {
        self.say(&format!("READY=1\nSTATUS={}\n", one_line(status)));
    }

    /// A reload begins; [`Self::ready`] ends it, also when the old configuration was kept.
    pub fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        self.say(&format!("RELOADING=1\nMONOTONIC_USEC={}\n", now.tv_sec * 1_000_000 + now.tv_nsec / 1000));
    }

    /// The drain begins.
    pub fn stopping(&self) {
        self.say("STOPPING=1\nSTATUS=draining: running jobs are waited for\n");
    }

    pub fn status(&self, status: &str) {
        self.say(&format!("STATUS={}\n", one_line(status)));
    }

    /// For the watchdog.
    pub fn alive(&self) {
        self.say("WATCHDOG=1\n");
    }

    fn say(&self, words: &str) {
        let Some((socket, address)) = self.socket.as_deref() else { return };
        if let Err(error) = socket.send_to_addr(words.as_bytes(), address) {
            warn!(%error, words, "the service manager took no message");
        }
    }
}

/// A line break would begin another assignment.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

/// `/path`, or `@name` for an abstract one.
fn socket(name: &str) -> io::Result<(UnixDatagram, SocketAddr)> {
    let address = match name.strip_prefix('@') {
        Some(rest) => SocketAddr::from_abstract_name(rest)?,
        None if name.starts_with('/') => SocketAddr::from_pathname(name)?,
        None => return Err(io::Error::new(io::ErrorKind::Unsupported, "it is neither a path nor an abstract name")),
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok((socket, address))
}

/// The watchdog's patience, when it is for this process.
fn watchdog(environment: &BTreeMap<String, String>, pid: i32) -> Option<Duration> {
    let other = |of: &String| of.parse() != Ok(pid);
    if environment.get("WATCHDOG_PID").is_some_and(other) {
        return None;
    }
    let patience: u64 = environment.get("WATCHDOG_USEC")?.parse().ok()?;
    (patience > 1).then(|| Duration::from_micros(patience))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_watchdog_for_another_process_is_not_ours() {
        let check = |variables: &[(&str, &str)], expected: Option<u64>| {
            assert_eq!(watchdog(&environment(variables), 7), expected.map(Duration::from_secs), "{variables:?}");
        };
        check(&[], None);
        check(&[("WATCHDOG_USEC", "30000000")], Some(30));
        check(&[("WATCHDOG_USEC", "30000000"), ("WATCHDOG_PID", "7")], Some(30));
        check(&[("WATCHDOG_USEC", "30000000"), ("WATCHDOG_PID", "8")], None);
        check(&[("WATCHDOG_USEC", "0")], None);
        check(&[("WATCHDOG_USEC", "soon")], None);
    }

    #[test]
    fn what_is_said_arrives_at_a_path_and_at_an_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let abstract_name = format!("@scanrelay-test-{}", std::process::id());
        let hears = [
            (path.display().to_string(), UnixDatagram::bind(&path).unwrap()),
            (
                abstract_name.clone(),
                UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&abstract_name[1..]).unwrap()).unwrap(),
            ),
        ];
        for (name, heard) in hears {
            let manager = Manager::of(&environment(&[("NOTIFY_SOCKET", &name)]));
            assert!(manager.listens() && manager.tick().is_none());
            manager.ready("two\nlines");
            let mut buffer = [0; 256];
            let length = heard.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], b"READY=1\nSTATUS=two lines\n", "{name}");
        }
    }

    #[test]
    fn nobody_hears_nothing() {
        for name in ["", "vsock:2:1234", "/"] {
            let manager = Manager::of(&environment(&[("NOTIFY_SOCKET", name), ("WATCHDOG_USEC", "30000000")]));
            manager.ready("");
            assert!(name == "/" || !manager.listens() && manager.tick().is_none(), "{name}");
        }
    }
}
