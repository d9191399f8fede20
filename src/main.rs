//! The `scanrelay` command.

mod daemon;
mod emulator;

fn main() {}
