//! The development registry.
