//! The daemon.

#[cfg_attr(not(test), expect(dead_code, unused_imports, reason = "the worker that runs plugins is not there yet"))]
mod runner;
