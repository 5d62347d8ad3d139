//! An extension that sends the logs of the function beside it to a collector, as JSON lines over HTTP.
//!
//! The function does not wait for it, and does not know of it.

mod line;
mod shipper;

pub use line::line_of;
pub use shipper::{ShipError, Shipper};
