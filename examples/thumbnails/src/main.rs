//! The function: its threads start during init, which runs at full speed.

use kiln::{Error, compute};

fn main() -> Result<(), Error> {
    kiln::builder()
        .init(async || compute::init())
        .run(|_: &'static (), event| thumbnails::handle(event))
}
