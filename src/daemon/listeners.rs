//! The addresses that a daemon listens on, had before anything else is done: bound here, or handed over by systemd.

mod handed;

use std::io;
use std::net::{SocketAddr, TcpListener};

use super::config::Config;
pub use handed::Handed;

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

    /// Those that were handed over; the others are bound.
    pub fn take(handed: Handed, config: &Config) -> Result<Self, String> {
        Ok(Self {
            intake: handed.intake.map_or_else(|| bound(config.server.bind, "server.bind"), Ok)?,
            admin: handed.admin.map_or_else(|| bound(config.admin.bind, "admin.bind"), Ok)?,
        })
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
