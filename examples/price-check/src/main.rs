//! The function: its client is made once per environment, and its connections are kept.

use kiln::{Error, service_fn};
use price_check::{Shop, handle};

fn main() -> Result<(), Error> {
    kiln::builder()
        .init(Shop::from_env)
        .run_http(|shop| service_fn(move |request| handle(shop, request)))
}
