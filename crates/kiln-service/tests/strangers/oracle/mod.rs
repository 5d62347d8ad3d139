//! The Runtime Interface Emulator as an oracle: AWS's own program beside us, the same requests to both,
//! their answers compared byte by byte.
//!
//! The test is the runtime and the extensions: the function's process only tells where its API is. Where
//! the two differ, the difference is listed here with its reason, and the list has to be exact.

mod emulator;
mod extensions_api;
pub mod http;
mod runtime_api;
mod talk;
