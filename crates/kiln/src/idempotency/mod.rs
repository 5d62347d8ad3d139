//! Handlers that run once per key.
