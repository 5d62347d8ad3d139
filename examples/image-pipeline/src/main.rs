//! The function: its client, with its open connections, and its threads are there before any event.

use image_pipeline::{Album, handle};
use kiln::{Error, compute};

fn main() -> Result<(), Error> {
    kiln::builder()
        .init(async || {
            compute::init()?;
            Album::from_env().await
        })
        .run(handle)
}
