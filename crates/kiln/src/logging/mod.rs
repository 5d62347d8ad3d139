//! JSON logs with the keys of Lambda.
