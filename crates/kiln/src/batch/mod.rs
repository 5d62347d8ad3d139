//! Partial batches.
