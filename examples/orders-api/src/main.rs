//! The function: everything that happens once per environment, then one request after another.

use kiln::Error;
use orders_api::OrderBook;

fn main() -> Result<(), Error> {
    kiln::builder()
        // Built here, during init, which runs at full speed; clients and connection pools belong here.
        .init(async || Ok::<_, Error>(OrderBook::default()))
        .run_http(|book| orders_api::service(book.clone()))
}
