//! The runner with its cell: everything that is said of it without one must be so within one too, with the real launcher; and
//! what only the cell promises.
#![expect(clippy::disallowed_methods, reason = "tests start the programs that they test")]

#[path = "cell/calls.rs"]
mod calls;
#[path = "cell/hiding.rs"]
mod hiding;
#[path = "cell/many.rs"]
mod many;
#[path = "cell/planted.rs"]
mod planted;
#[path = "cell/walls.rs"]
mod walls;

#[path = "../src/daemon"]
mod daemon {
    #[allow(dead_code, unused_imports, reason = "the daemon uses what is not used here")]
    #[allow(clippy::allow_attributes, reason = "not in every build is there something unused")]
    pub mod runner;
    #[allow(dead_code, reason = "the daemon uses what is not used here")]
    #[allow(clippy::allow_attributes, reason = "not in every build is there something unused")]
    pub mod stop;
    pub mod sweep;
}
