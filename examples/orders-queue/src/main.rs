//! The function: everything that happens once per environment, then one batch after another.

use kiln::Error;
use orders_queue::{StockRoom, handle};

fn main() -> Result<(), Error> {
    kiln::builder()
        // Built during init, which runs at full speed; clients and connection pools belong here.
        .init(async || Ok::<_, Error>(StockRoom::opening_stock()))
        .run(handle::<StockRoom>)
}
