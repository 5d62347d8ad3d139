//! Bounded fan-out.
