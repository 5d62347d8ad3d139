//! The function: the client is built once per environment, then one event after another.

use kiln::Error;
use object_processor::{Objects, handle};

fn main() -> Result<(), Error> {
    kiln::builder().init(Objects::from_env).run(handle)
}
