//! The function: its client is built and its threads start during init, which runs at full speed.

use kiln::{Error, compute};
use thumbnails::{Album, handle};

fn main() -> Result<(), Error> {
    kiln::builder()
        .init(async || {
            compute::init()?;
            Album::from_env().await
        })
        .run(handle)
}
