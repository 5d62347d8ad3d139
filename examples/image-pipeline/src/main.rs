//! The function: its client, with its open connections, and its threads are there before any event.

use kiln::{Error, compute};

fn main() -> Result<(), Error> {
    kiln::builder()
        .init(async || {
            compute::init()?;
            Ok::<_, compute::ComputeError>(reqwest::Client::new())
        })
        .run(image_pipeline::handle)
}
