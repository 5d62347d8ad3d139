//! Test harness: projects, the real binary, a running service.
