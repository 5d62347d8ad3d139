//! Settings that Lambda does not take together, and layers that are not there.

use kiln_project::{Overrides, ProjectError, Purpose};

use crate::workspace::Workspace;

/// What is wrong with these lines of `[package.metadata.kiln.deploy]`.
fn refusal(deploy: &str) -> Option<ProjectError> {
    let workspace = Workspace::single(&format!("[package.metadata.kiln.deploy]\n{deploy}\n"));
    let project = workspace.load();
    project
        .settings(&project.functions[0], &Overrides::default())
        .err()
}

#[test]
fn what_lambda_does_not_take_together_is_refused_with_both_keys() {
    let snap_start = "`snap_start = true`";
    let provisioned = "`provisioned_concurrency = 2`";
    let tenants = "`tenant_isolation = true`";
    let managed = "`max_concurrency = 8`";
    let level = "`application_log_level = debug`";
    for (deploy, first, second) in [
        (
            "snap_start = true\nprovisioned_concurrency = 2",
            snap_start,
            provisioned,
        ),
        (
            "snap_start = true\nephemeral_storage = 513",
            snap_start,
            "`ephemeral_storage = 513 MB`",
        ),
        (
            "snap_start = true\ntenant_isolation = true",
            tenants,
            snap_start,
        ),
        (
            "tenant_isolation = true\nprovisioned_concurrency = 2",
            tenants,
            provisioned,
        ),
        (
            "max_concurrency = 8\nsnap_start = true",
            managed,
            snap_start,
        ),
        (
            "max_concurrency = 8\nprovisioned_concurrency = 2",
            managed,
            provisioned,
        ),
        (
            "max_concurrency = 8\ntenant_isolation = true",
            managed,
            tenants,
        ),
        (
            "max_concurrency = 8\nlog_format = \"text\"",
            managed,
            "`log_format = text`",
        ),
        (
            "reserved_concurrency = 1\nprovisioned_concurrency = 2",
            "`reserved_concurrency = 1`",
            provisioned,
        ),
        (
            "application_log_level = \"debug\"",
            level,
            "`log_format = text` (default)",
        ),
        (
            "log_format = \"Text\"\nsystem_log_level = \"WARN\"",
            "`system_log_level = warn`",
            "`log_format = text`",
        ),
    ] {
        let error = refusal(deploy).unwrap();
        assert!(matches!(error, ProjectError::NotTogether { .. }), "{error}");
        let error = error.to_string();
        assert!(error.starts_with(first), "{error}");
        assert!(error.contains(&format!(" and {second}")), "{error}");
        assert!(error.contains("[package.metadata.kiln.deploy]"), "{error}");
    }
}

#[test]
fn what_lambda_takes_together_is_taken() {
    for deploy in [
        "snap_start = false\nprovisioned_concurrency = 2",
        "snap_start = true\nephemeral_storage = 512",
        "reserved_concurrency = 2\nprovisioned_concurrency = 2",
        "tenant_isolation = true\nreserved_concurrency = 2",
        "max_concurrency = 8\napplication_log_level = \"debug\"",
        "log_format = \"JSON\"\napplication_log_level = \"fatal\"\nsystem_log_level = \"warn\"",
    ] {
        assert!(refusal(deploy).is_none(), "{deploy}");
    }
}

#[test]
fn a_layer_that_is_not_there_is_named() {
    let workspace = Workspace::single(
        r#"
        [package.metadata.kiln.deploy]
        layers = ["layers/one", "arn:aws:lambda:us-east-1:123456789012:layer:audit:3", "src/main.rs"]
        "#,
    );
    let project = workspace.load();
    let settings = |overrides: &Overrides| project.settings(&project.functions[0], overrides);
    let local = Overrides::default();
    let error = settings(&local).unwrap_err();
    let path = workspace.path("layers/one");
    assert_eq!(
        error.to_string(),
        format!(
            "the layer `{}` ([package.metadata.kiln.deploy] layers in Cargo.toml) does not exist",
            path.display()
        )
    );
    std::fs::create_dir_all(&path).unwrap();
    let error = settings(&local).unwrap_err().to_string();
    assert!(error.ends_with("is not a directory"), "{error}");
    // What is deployed may be built elsewhere.
    let deploy = Overrides {
        purpose: Purpose::Deploy,
        ..Overrides::default()
    };
    let layers = settings(&deploy).unwrap().deploy.layers.unwrap().value;
    assert_eq!(layers.directories().next(), Some(path.as_path()));
    assert_eq!(layers.arns().count(), 1);
}
