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
    "http.md",
    "tracing.md",
}
