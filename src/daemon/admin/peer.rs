//! Who is at the other end of the socket: a person, or a plugin that found its way there.

use std::fs;

use actix_web::dev::Extensions;
use actix_web::rt::net::UnixStream;
use rustix::net::Shutdown;
use rustix::process::geteuid;
use tracing::warn;

use super::Uid;

/// Remembers the peer's uid for the audit, and hangs up on a plugin: one that may use local sockets is let in by the file's
/// permissions, since it is the same user.
pub(super) fn greet(stream: &UnixStream, data: &mut Extensions) {
    let Ok(peer) = stream.peer_cred() else { return };
    data.insert(Uid(peer.uid()));
    if peer.uid() != geteuid().as_raw() {
        // The owner's permissions, and root's, are all there are. What is another user's may be hidden from us.
        return;
    }
    let status = |pid: i32| fs::read_to_string(format!("/proc/{pid}/status")).ok();
    let own = fs::read_to_string("/proc/self/status").ok();
    if confined(own.as_deref(), peer.pid().and_then(status).as_deref()) {
        warn!(pid = peer.pid(), "a plugin was refused at the admin socket");
        let _ = rustix::net::shutdown(stream, Shutdown::Both);
    }
}

/// Whoever comes out of a cell has a filter of system calls more than we have, and cannot get rid of it. One who is gone
/// already asks nothing that a person would.
fn confined(own: Option<&str>, peer: Option<&str>) -> bool {
    let filters = |status: &str| -> u32 {
        let line = status.lines().find_map(|line| line.strip_prefix("Seccomp_filters:"));
        line.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
    };
    match (own.map(filters), peer.map(filters)) {
        (Some(own), Some(peer)) => peer > own,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_has_a_filter_more_than_we() {
        let check = |own: u32, peer: Option<u32>, expected: bool| {
            let status = |filters: u32| format!("Name:\tx\nSeccomp:\t2\nSeccomp_filters:\t{filters}\n");
            let (own, peer) = (status(own), peer.map(status));
            assert_eq!(confined(Some(&own), peer.as_deref()), expected, "{own}{peer:?}");
        };
        check(0, Some(0), false);
        check(0, Some(1), true);
        check(2, Some(0), false);
        check(2, Some(2), false);
        check(2, Some(3), true);
        check(0, None, true);
        // A kernel that does not count them.
        assert!(!confined(Some("Seccomp:\t0\n"), Some("Seccomp:\t0\n")));
    }
}
