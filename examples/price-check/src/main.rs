//! The function: its client is made once per environment, and its connections are kept.

use kiln::Error;
use price_check::{Shop, handle};

fn main() -> Result<(), Error> {
    kiln::builder().init(Shop::from_env).run(handle)
}
