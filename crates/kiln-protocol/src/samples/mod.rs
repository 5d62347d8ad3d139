//! Sample events: one realistic JSON document per event source, and edits to them.
//!
//! Wherever a source carries a payload of the user's (a body, a message, a detail, a stream record),
//! it is the same order, so that one function answers the same question whichever way it is asked:
//!
//! ```json
//! {"orderId":"ord-1001","customer":"ada","lines":[
//!   {"sku":"KILN-MUG","quantity":2,"unitPriceCents":1250},
//!   {"sku":"KILN-CAP","quantity":1,"unitPriceCents":1990}]}
//! ```
//!
//! Region, account and resource names are those of the AWS documentation's examples:
//! `us-east-1`, `123456789012`, and `orders`.
//!
//! ```
//! use kiln_protocol::samples;
//!
//! let mut event = samples::find("sqs")?.value();
//! assert_eq!(event["Records"][0]["eventSource"], "aws:sqs");
//!
//! // The body is JSON inside of a string: the path goes on into it.
//! samples::set(&mut event, "Records.0.body.customer", "grace")?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod assignment;
mod catalogue;
mod find;
mod payload;
mod set;

pub use assignment::Assignment;
pub use catalogue::{Sample, all};
pub use find::{UnknownSample, find};
pub use set::{SetError, set};

#[cfg(test)]
mod round_trip;
