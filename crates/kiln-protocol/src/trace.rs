//! X-Ray trace headers.
//!
//! Source: [X-Ray trace IDs](https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-traceids).

/// A new trace header: `Root=1-<8 hex>-<24 hex>;Parent=<16 hex>;Sampled=0`.
///
/// `epoch_seconds` is the moment the trace begins; `random` makes it unique.
pub fn new_header(epoch_seconds: u64, random: u128) -> String {
    let root = random >> 32;
    // The parent is a number of its own: fold the bits the root does not show into those it does.
    let parent = u64::try_from(((random >> 64) ^ random) & u128::from(u64::MAX)).unwrap_or(1);
    format!(
        "Root=1-{:08x}-{:024x};Parent={parent:016x};Sampled=0",
        epoch_seconds & 0xffff_ffff,
        root
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_header_has_the_documented_shape(seconds: u64, random: u128) {
            let header = new_header(seconds, random);
            let rest = header.strip_prefix("Root=1-").unwrap();
            let (time, rest) = rest.split_once('-').unwrap();
            let (unique, rest) = rest.split_once(";Parent=").unwrap();
            let (parent, sampled) = rest.split_once(';').unwrap();
            prop_assert_eq!((time.len(), unique.len(), parent.len(), sampled), (8, 24, 16, "Sampled=0"));
        }
    }
}
