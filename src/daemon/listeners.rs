//! The addresses that a daemon listens on, bound before anything else is done.

use std::io;
use std::net::{SocketAddr, TcpListener};

use super::config::Config;

/// Bound listeners: of the intake, and of the read-only admin side.
pub struct Listeners {
    pub(super) intake: TcpListener,
    pub(super) admin: TcpListener,
}

impl Listeners {
    /// Binds both, or says which key asked for an address that cannot be had.
    pub fn bind(config: &Config) -> Result<Self, String> {
        Ok(Self { intake: bound(config.server.bind, "server.bind")?, admin: bound(config.admin.bind, "admin.bind")? })
    }

    pub fn intake_address(&self) -> io::Result<SocketAddr> {
        self.intake.local_addr()
    }

    pub fn admin_address(&self) -> io::Result<SocketAddr> {
        self.admin.local_addr()
    }
}

/// A bound listener, or which setting asked for an address that cannot be had.
pub fn bound(address: SocketAddr, key: &str) -> Result<TcpListener, String> {
    TcpListener::bind(address).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("{key}: {address} is in use: stop what listens there, or choose another port")
        }
        _ => format!("{key}: {address} cannot be bound: {error}"),
    })
}
