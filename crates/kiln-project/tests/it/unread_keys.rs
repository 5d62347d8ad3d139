//! Keys that nothing reads.

use crate::workspace::Workspace;

#[test]
fn mistakes_are_found_with_what_was_meant() {
    let workspace = Workspace::single(
        r#"
        [package.metadata.lambda]
        deplyo = 1
        [package.metadata.lambda.deploy]
        memmory = 512
        iam_role = "arn"
        env_file = ".env"
        zebra = true
        [package.metadata.kiln.bin.app.deploy]
        timout = 3
        [package.metadata.kiln.bin.app.bin]
        [package.metadata.kiln.watch]
        invoke-port = 9000
        envfile = ".env"
        [package.metadata.kiln.build]
        arm64 = true
        [package.metadata.kiln.env]
        ANYTHING = 1
        [package.metadata.docs.rs]
        memmory = 1
        "#,
    );
    workspace.file(
        "CargoLambda.toml",
        "[production.deploy]\nmemory = 1\n[biuld]\n[template]\n[build]\ntargt = \"x\"\n",
    );
    let unread = workspace.load().unread_keys();
    let foreign: Vec<&str> = unread
        .iter()
        .filter(|key| key.cargo_lambda)
        .map(|key| key.key.as_str())
        .collect();
    assert_eq!(foreign, ["iam_role", "production", "template"]);
    let mut found: Vec<(String, Option<&str>)> = unread
        .iter()
        .filter(|key| !key.cargo_lambda)
        .map(|key| {
            (
                format!("{} [{}] {}", key.file.display(), key.table, key.key),
                key.suggestion.as_deref(),
            )
        })
        .collect();
    found.sort();
    let mut expected = [
        (
            "Cargo.toml [package.metadata.kiln.bin.app.deploy] timout",
            Some("timeout"),
        ),
        (
            "Cargo.toml [package.metadata.kiln.bin.app] bin",
            Some("env"),
        ),
        (
            "Cargo.toml [package.metadata.kiln.watch] envfile",
            Some("env_file"),
        ),
        (
            "Cargo.toml [package.metadata.lambda.deploy] memmory",
            Some("memory"),
        ),
        ("Cargo.toml [package.metadata.lambda.deploy] zebra", None),
        (
            "Cargo.toml [package.metadata.lambda] deplyo",
            Some("deploy"),
        ),
        ("CargoLambda.toml [] biuld", Some("build")),
        ("CargoLambda.toml [build] targt", Some("target")),
    ]
    .map(|(place, suggestion)| (place.to_owned(), suggestion));
    // A word of three letters that shares none in its place means nothing.
    expected[1].1 = None;
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn tables_of_binaries_that_are_not_there_are_found() {
    let workspace = Workspace::pair(
        "[workspace.metadata.kiln.bin.orders.deploy]\nmemory = 256\n\
         [workspace.metadata.kiln.bin.order.deploy]\nmemory = 256\n",
        // Another package's binary is not this one's to configure.
        "[package.metadata.lambda.bin.thumbnails.env]\nA = 1\n",
        "[package.metadata.lambda.bin.thumbnails.env]\nA = 1\n",
    );
    workspace.file("CargoLambda.toml", "[bin.orders.deploy]\nmemory = 256\n");
    let unread = workspace.load().unread_keys();
    let found: Vec<_> = unread
        .iter()
        .map(|key| {
            let place = format!("{} [{}] {}", key.file.display(), key.table, key.key);
            (place, key.cargo_lambda, key.suggestion.as_deref())
        })
        .collect();
    let expected = [
        (
            "orders/Cargo.toml [package.metadata.lambda.bin] thumbnails",
            None,
        ),
        (
            "Cargo.toml [workspace.metadata.kiln.bin] order",
            Some("orders"),
        ),
        ("CargoLambda.toml [] bin", None),
    ]
    .map(|(place, suggestion)| (place.to_owned(), false, suggestion));
    assert_eq!(found, expected);
}
