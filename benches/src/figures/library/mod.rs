//! What the library `kiln` adds to a function, beside the usual hand-written way.

pub(super) mod layers;
