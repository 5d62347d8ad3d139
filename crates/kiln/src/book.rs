//! The chapters of the manual on this library: their code compiles, and runs where it can.
//!
//! Of the repository alone: a published crate has no manual beside it, and no need of it.

macro_rules! chapters {
    ($($path:literal),* $(,)?) => {
        $(
            const _: () = {
                #[doc = include_str!(concat!("../../../docs/library/", $path))]
                struct Chapter;
            };
        )*
    };
}

chapters! {
    "README.md",
    "async-or-threads.md",
    "batches.md",
    "cold-start.md",
    "compute.md",
    "deadlines.md",
    "entry.md",
    "errors.md",
    "examples.md",
    "extensions.md",
    "fan-out.md",
    "feature-flags.md",
    "http.md",
    "idempotency.md",
    "logging.md",
    "memory-and-cpu.md",
    "metrics.md",
    "parameters.md",
    "pipelines.md",
    "testing.md",
    "tracing.md",
}
