//! Tests of functions: events, contexts, a clock to set, and the real binary on the local Lambda.
//!
//! For dev-dependencies: `kiln = { .., features = ["testing"] }`.
//!
//! ```
//! use kiln::{Error, LambdaEvent, testing};
//!
//! async fn shout(event: LambdaEvent<String>) -> Result<String, Error> {
//!     Ok(event.payload.to_uppercase())
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let answer = testing::invoke(shout, testing::event("hello".to_owned())).await;
//! assert_eq!(answer.unwrap(), "HELLO");
//! # });
//! ```
//!
//! Stores in memory are with what they store: `idempotency`, `parameters`.

mod clock;
mod context;
mod invoke;
mod local;
mod sample;

pub use clock::FakeClock;
pub use context::{ContextBuilder, context, event};
pub use invoke::{invoke, invoke_service};
pub use local::{Local, LocalAnswer, LocalBuilder, LocalError};
pub use sample::{sample, sample_text, samples};

#[doc(inline)]
pub use crate::__testing_local as local;
