//! Whose environment it is.

use kiln_protocol::telemetry_record::Instance;

/// What records, log lines and extensions are told of the function and its runtime.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// The function's name.
    pub function_name: String,
    /// Its ARN, without qualifier.
    pub function_arn: String,
    /// `$LATEST` or a number.
    pub function_version: String,
    /// The configured handler.
    pub handler: String,
    /// The account it is of.
    pub account: String,
    /// The region it is in.
    pub region: String,
    /// The environment's log stream.
    pub log_stream: String,
    /// Such as `provided:al2023.v90`.
    pub runtime_version: String,
    /// Its ARN.
    pub runtime_version_arn: String,
}

impl Identity {
    /// As the records about an environment's beginning have it.
    pub(super) fn instance(&self, memory_mb: u32) -> Instance {
        let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        Instance {
            runtime_version: some(&self.runtime_version),
            runtime_version_arn: some(&self.runtime_version_arn),
            function_name: some(&self.function_name),
            function_arn: some(&self.function_arn),
            function_version: some(&self.function_version),
            instance_id: some(&self.log_stream),
            instance_max_memory: Some(u64::from(memory_mb) * 1_024 * 1_024),
        }
    }
}
