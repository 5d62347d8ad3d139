//! What is typed after `--set`.

use kiln_fuzz::{Input, text};
use serde_json::Value;

use crate::samples::{self, Assignment};

/// The first line names a sample, each other one is a change `PATH=VALUE`: a change that is refused
/// changes nothing, and an event that was changed can be sent and received.
pub(super) fn edits(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let Some(Ok(sample)) = input.text_line().map(samples::find) else {
        return;
    };
    let mut event = sample.value();
    while !input.is_empty() {
        let Some(Ok(Assignment { path, value })) = text(input.line()).map(str::parse) else {
            continue;
        };
        let before = event.clone();
        if let Err(refused) = samples::set(&mut event, &path, &value) {
            assert_eq!(event, before, "{refused}");
            let _ = (refused.to_string(), refused.hint());
            continue;
        }
        let received: Value =
            serde_json::from_str(&event.to_string()).expect("an event can be received");
        assert_eq!(received, event);
    }
}
