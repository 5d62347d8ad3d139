//! Callers that were written for AWS, in the virtual environment that `cargo xtask test` sets up.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

/// The Python of the virtual environment.
fn interpreter() -> PathBuf {
    let python = std::env::var_os("KILN_TEST_PYTHON").expect(
        "`KILN_TEST_PYTHON` names no Python with boto3 and awscli: run the tests by `cargo xtask test`",
    );
    PathBuf::from(python)
}

/// The same, to be run.
pub(crate) fn python() -> Command {
    Command::new(interpreter())
}

/// A program of the virtual environment.
pub fn program(name: &str) -> Command {
    let mut command = Command::new(interpreter().with_file_name(name));
    command
        .env("AWS_ACCESS_KEY_ID", "123456789012")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_DEFAULT_REGION", "eu-west-1")
        .env("AWS_CONFIG_FILE", "/nonexistent")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// What it printed, which is JSON; a program that failed is shown.
#[track_caller]
pub fn json_of(output: &Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}
