//! What is open in a plugin from its first moment: its three pipes, and nothing that the daemon was started with.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::RawFd;

use nix::errno::Errno;
use nix::libc::STDERR_FILENO;
use nix::unistd;

/// Closes what we make no use of: whoever started the daemon may have left it open. Before anything else is opened here.
pub(super) fn close() -> io::Result<()> {
    let mut open = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        open.extend(number(&entry?.file_name()));
    }
    for descriptor in open.into_iter().filter(|descriptor| *descriptor > STDERR_FILENO) {
        match unistd::close(descriptor) {
            // The folder itself was open while it was read.
            Ok(()) | Err(Errno::EBADF) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn number(name: &OsStr) -> Option<RawFd> {
    name.to_str()?.parse().ok()
}
