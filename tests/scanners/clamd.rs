//! A clamd of our own on a socket: no service, and no database but ours.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use crate::bench::Bench;

pub struct Clamd {
    child: Child,
}

impl Clamd {
    /// Ready when this returns. `more` is of its configuration.
    pub fn start(bench: &Bench, more: &str) -> Self {
        let config = bench.write(
            "clamd.conf",
            format!(
                "LocalSocket {}\nDatabaseDirectory {}\nForeground yes\nMaxThreads 2\n{more}",
                bench.socket().display(),
                bench.file("database").display()
            )
            .as_bytes(),
        );
        let _ = fs::remove_file(bench.socket());
        let mut start = Command::new("clamd");
        start.arg("--config-file").arg(config).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = start.spawn().unwrap_or_else(|error| panic!("clamd: {error}: tests/install tests"));
        let said = BufReader::new(child.stdout.take().unwrap());
        // It says this when it has bound the socket.
        for line in said.lines() {
            if line.unwrap().contains("Self checking every") {
                break;
            }
        }
        UnixStream::connect(bench.socket()).expect("clamd listens");
        Self { child }
    }
}

impl Drop for Clamd {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
