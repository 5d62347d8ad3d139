//! Cached parameters and secrets.
