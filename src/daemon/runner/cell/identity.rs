//! Who a plugin is: another user where one is configured, and nobody with privileges in any case.

use std::io;

use nix::unistd::{Gid, Uid, setgid, setgroups, setuid};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_no_new_privs};

/// Becomes that user, in no group but the user's own.
pub(super) fn become_user(user: u32, group: u32) -> io::Result<()> {
    let group = Gid::from_raw(group);
    setgroups(&[group])?;
    setgid(group)?;
    Ok(setuid(Uid::from_raw(user))?)
}

/// From here on no program gives it more privileges than it has, and it has none: not root's either.
pub(super) fn renounce() -> io::Result<()> {
    set_no_new_privs(true)?;
    let none = CapabilitySet::empty();
    let CapabilitySets { effective, permitted, inheritable } = capabilities(None)?;
    // Those who have none may not even be allowed to say so.
    if (effective | permitted | inheritable) != none {
        set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    }
    Ok(())
}
