//! The order of the layers: every pair of neighbours, so every pair.

use std::time::Duration;

use kiln_project::{
    BuildTarget, Compiler, CompilerKind, Environment, LogFormat, Memory, Origin, OutputFormat,
    Overrides, Project, Selection, SettingValue as _, Timeout, WatchSettings,
};

use crate::workspace::Workspace;

/// The layers of a function's memory from the weakest to the strongest, each giving a value of
/// its own: where it is written, and how its origin reads.
const FILES: [(&str, &str, u16); 9] = [
    ("", "[deploy] memory in CargoLambda.toml", 201),
    (
        "workspace.metadata.lambda.deploy",
        "[workspace.metadata.lambda.deploy] memory in Cargo.toml",
        202,
    ),
    (
        "workspace.metadata.lambda.bin.orders.deploy",
        "[workspace.metadata.lambda.bin.orders.deploy] memory in Cargo.toml",
        203,
    ),
    (
        "package.metadata.lambda.deploy",
        "[package.metadata.lambda.deploy] memory in orders/Cargo.toml",
        204,
    ),
    (
        "package.metadata.lambda.bin.orders.deploy",
        "[package.metadata.lambda.bin.orders.deploy] memory in orders/Cargo.toml",
        205,
    ),
    (
        "workspace.metadata.kiln.deploy",
        "[workspace.metadata.kiln.deploy] memory in Cargo.toml",
        206,
    ),
    (
        "workspace.metadata.kiln.bin.orders.deploy",
        "[workspace.metadata.kiln.bin.orders.deploy] memory in Cargo.toml",
        207,
    ),
    (
        "package.metadata.kiln.deploy",
        "[package.metadata.kiln.deploy] memory in orders/Cargo.toml",
        208,
    ),
    (
        "package.metadata.kiln.bin.orders.deploy",
        "[package.metadata.kiln.bin.orders.deploy] memory in orders/Cargo.toml",
        209,
    ),
];

/// A workspace where these layers are written.
fn workspace(layers: &[(&str, &str, u16)]) -> Workspace {
    let tables = |prefix: &str| -> String {
        layers
            .iter()
            .filter(|(table, _, _)| table.starts_with(prefix) && !table.is_empty())
            .map(|(table, _, value)| format!("[{table}]\nmemory = {value}\n"))
            .collect()
    };
    let workspace = Workspace::pair(&tables("workspace"), &tables("package"), "");
    for (table, _, value) in layers {
        if table.is_empty() {
            workspace.file("CargoLambda.toml", &format!("[deploy]\nmemory = {value}\n"));
        }
    }
    workspace
}

/// The memory of the function `orders` and its origin in words.
fn memory(project: &Project, overrides: &Overrides) -> (u16, String) {
    let function = project.function("orders").unwrap();
    let memory = project.settings(function, overrides).unwrap().deploy.memory;
    (memory.value.megabytes(), memory.origin.to_string())
}

#[test]
fn each_file_layer_alone_and_with_all_weaker_ones() {
    let default = memory(&workspace(&[]).load(), &Overrides::default());
    assert_eq!(default, (128, "default".into()));
    for (strongest, (_, origin, value)) in FILES.iter().enumerate() {
        let expected = (*value, (*origin).to_owned());
        for layers in [&FILES[strongest..=strongest], &FILES[..=strongest]] {
            let project = workspace(layers).load();
            assert_eq!(memory(&project, &Overrides::default()), expected);
        }
    }
}

#[test]
fn variables_beat_files_and_flags_beat_variables() {
    let workspace = workspace(&FILES);
    let project = workspace.load_with(&[("KILN_MEMORY", "300")]);
    assert_eq!(
        memory(&project, &Overrides::default()),
        (300, "environment variable KILN_MEMORY".into())
    );
    let mut overrides = Overrides::default();
    overrides.deploy.memory = Memory::from_megabytes(400);
    assert_eq!(memory(&project, &overrides), (400, "--memory".into()));
    // An empty variable is none.
    let project = workspace.load_with(&[("KILN_MEMORY", "")]);
    assert_eq!(memory(&project, &Overrides::default()).0, 209);
}

#[test]
fn other_functions_do_not_see_a_package_or_a_binary() {
    let project = workspace(&FILES).load();
    let function = project.function("thumbnails").unwrap();
    let settings = project.settings(function, &Overrides::default()).unwrap();
    assert_eq!(settings.deploy.memory.value.megabytes(), 206);
}

#[test]
fn defaults() {
    let workspace = Workspace::single("");
    let project = workspace.load();
    let function = &project.functions[0];
    let none = Overrides::default();

    let deploy = project.settings(function, &none).unwrap().deploy;
    assert_eq!(deploy.memory.value, Memory::DEFAULT);
    assert_eq!(deploy.timeout.value, Timeout::DEFAULT);
    assert_eq!(deploy.timeout.value.seconds(), 30);
    assert_eq!(deploy.runtime.value, "provided.al2023");
    assert_eq!(deploy.include, None);
    assert_eq!(deploy.reserved_concurrency, None);
    assert_eq!(deploy.ephemeral_storage.value.get(), 512);
    assert_eq!(deploy.effective_log_format(), LogFormat::Text);
    assert_eq!(deploy.layers, None);
    assert!(!deploy.snap_start.value && !deploy.tenant_isolation.value);

    let watch = project.watch_settings(&[function], &none).unwrap();
    assert_eq!(watch.port.value, 9000);
    assert_eq!(watch.address.value.to_string(), "127.0.0.1, ::1");
    assert_eq!(watch.port.origin, Origin::Default);
    assert_eq!(watch.account_concurrency.value.invocations(), 1_000);
    assert_eq!(
        watch.idle_timeout.value.duration(),
        Some(Duration::from_secs(600))
    );

    let build = project.build_settings(function, &none).unwrap();
    assert_eq!(build.output_format.value, OutputFormat::Binary);
    assert_eq!(build.profile, None);
    assert_eq!(build.target, None);
    assert_eq!(build.compiler, None);
}

#[test]
fn cargo_lambdas_names_are_read() {
    let workspace = Workspace::single(
        r#"
        [package.metadata.lambda.watch]
        invoke_port = 9001
        invoke_address = "::1"
        no_reload = true
        only_lambda_apis = true
        [package.metadata.lambda.deploy]
        memory_size = "512"
        timeout = "2m"
        runtime = "provided.al2"
        include = ["assets"]
        [package.metadata.lambda.build]
        target = "aarch64-unknown-linux-gnu"
        include = ["extra"]
        release = true
        output_format = "Zip"
        lambda_dir = "dist"
        flatten = "app"
        features = ["fast"]
        [package.metadata.lambda.build.compiler]
        type = "cargo"
        subcommand = ["brazil", "build"]
        extra_args = ["--verbose"]
        [features]
        fast = []
        "#,
    );
    let project = workspace.load();
    let function = &project.functions[0];
    let none = Overrides::default();

    let watch = project.watch_settings(&[function], &none).unwrap();
    assert_eq!(watch.port.value, 9001);
    assert_eq!(watch.address.value.to_string(), "::1");
    assert!(watch.ignore_changes.value);
    assert!(watch.only_lambda_apis.value);

    let deploy = project.settings(function, &none).unwrap().deploy;
    assert_eq!(deploy.memory.value.megabytes(), 512);
    assert_eq!(deploy.timeout.value.seconds(), 120);
    assert_eq!(deploy.runtime.value, "provided.al2");
    assert_eq!(deploy.include.unwrap().value, ["assets"]);

    let build = project.build_settings(function, &none).unwrap();
    assert_eq!(
        build.target.unwrap().value,
        BuildTarget::Triple("aarch64-unknown-linux-gnu".into())
    );
    assert_eq!(build.include.unwrap().value, ["extra"]);
    assert_eq!(build.profile.unwrap().value, "release");
    assert_eq!(build.output_format.value, OutputFormat::Zip);
    assert_eq!(build.lambda_dir.unwrap().value, workspace.path("dist"));
    assert_eq!(build.flatten.unwrap().value, "app");
    assert_eq!(build.features.unwrap().value, ["fast"]);
    assert_eq!(
        build.compiler.unwrap().value,
        Compiler {
            kind: CompilerKind::Cargo,
            subcommand: vec!["brazil".into(), "build".into()],
            extra_args: vec!["--verbose".into()],
        }
    );
}

#[test]
fn a_compiler_can_be_a_word_and_keys_can_have_hyphens() {
    let workspace = Workspace::single(
        "[package.metadata.kiln.build]\ncompiler = \"cargo-zigbuild\"\noutput-format = \"zip\"\n",
    );
    let project = workspace.load();
    let build = project
        .build_settings(&project.functions[0], &Overrides::default())
        .unwrap();
    let compiler = build.compiler.unwrap();
    assert_eq!(compiler.value.kind, CompilerKind::Zig);
    assert_eq!(build.output_format.value, OutputFormat::Zip);
    assert_eq!(
        build.output_format.origin.to_string(),
        "[package.metadata.kiln.build] output-format in Cargo.toml"
    );
}

#[test]
fn an_architecture_is_a_target() {
    let workspace = Workspace::pair(
        "[workspace.metadata.lambda.build]\narm64 = true\n",
        "[package.metadata.lambda.build]\narm64 = false\nx86_64 = true\n",
        "[package.metadata.lambda.build]\narm64 = false\n",
    );
    let project = workspace.load_with(&[]);
    let target = |project: &Project, name: &str| {
        let function = project.function(name).unwrap();
        let build = project.build_settings(function, &Overrides::default());
        let target = build.unwrap().target.unwrap();
        (target.value.describe(), target.origin.to_string())
    };
    assert_eq!(
        target(&project, "orders"),
        (
            "x86_64".into(),
            "[package.metadata.lambda.build] x86_64 in orders/Cargo.toml".into()
        )
    );
    // A switch that is off says nothing.
    assert_eq!(
        target(&project, "thumbnails"),
        (
            "arm64".into(),
            "[workspace.metadata.lambda.build] arm64 in Cargo.toml".into()
        )
    );
    let project = workspace.load_with(&[("KILN_TARGET", "x86_64-unknown-linux-musl")]);
    assert_eq!(target(&project, "orders").0, "x86_64-unknown-linux-musl");
    let project = workspace.load_with(&[("KILN_ARM64", "true"), ("KILN_X86_64", "0")]);
    assert_eq!(
        target(&project, "orders"),
        ("arm64".into(), "environment variable KILN_ARM64".into())
    );
}

#[test]
fn release_and_profile_are_one_setting() {
    let workspace = Workspace::pair(
        "[workspace.metadata.kiln.build]\nrelease = true\n",
        "[package.metadata.kiln.build]\nprofile = \"slim\"\n",
        "",
    );
    let profile = |project: &Project, name: &str| {
        let function = project.function(name).unwrap();
        let build = project.build_settings(function, &Overrides::default());
        build.unwrap().profile.unwrap().value
    };
    let project = workspace.load();
    assert_eq!(profile(&project, "orders"), "slim");
    assert_eq!(profile(&project, "thumbnails"), "release");
    let project = workspace.load_with(&[("KILN_RELEASE", "1")]);
    assert_eq!(profile(&project, "orders"), "release");
}

#[test]
fn cargo_lambdas_variable_counts_where_ours_is_not_set() {
    let workspace = Workspace::single("[package.metadata.kiln.build]\ncompiler = \"cargo\"\n");
    let compiler = |variables: &[(&str, &str)]| {
        let project = workspace.load_with(variables);
        let function = &project.functions[0];
        let build = project.build_settings(function, &Overrides::default());
        let compiler = build.unwrap().compiler.unwrap();
        (compiler.value.kind, compiler.origin.to_string())
    };
    let theirs = ("CARGO_LAMBDA_COMPILER", "cross");
    assert_eq!(
        compiler(&[theirs]),
        (
            CompilerKind::Cross,
            "environment variable CARGO_LAMBDA_COMPILER".into()
        )
    );
    assert_eq!(
        compiler(&[theirs, ("KILN_COMPILER", "musl")]).0,
        CompilerKind::Musl
    );
    assert_eq!(compiler(&[]).0, CompilerKind::Cargo);
}

#[test]
fn the_directory_of_an_origin_is_where_it_was_written() {
    let workspace = Workspace::pair(
        "",
        "[package.metadata.kiln.build]\ninclude = [\"assets\"]\n",
        "",
    );
    let project = workspace.load_in("thumbnails");
    let function = project.function("orders").unwrap();
    let build = project.build_settings(function, &Overrides::default());
    let origin = build.unwrap().include.unwrap().origin;
    assert_eq!(project.directory_of(&origin), workspace.path("orders"));
    assert_eq!(
        project.directory_of(&Origin::Flag("--include")),
        workspace.path("thumbnails")
    );
}

#[test]
fn paths_start_where_they_are_written() {
    let workspace = Workspace::pair(
        "",
        "[package.metadata.kiln.build]\nlambda_dir = \"dist\"\n",
        "",
    );
    let directory = |project: &Project, overrides: &Overrides| {
        let function = project.function("orders").unwrap();
        let build = project.build_settings(function, overrides).unwrap();
        build.lambda_dir.unwrap().value
    };
    let project = workspace.load_in("thumbnails");
    let mut overrides = Overrides::default();
    assert_eq!(
        directory(&project, &overrides),
        workspace.path("orders/dist")
    );
    overrides.build.lambda_dir = Some("out".into());
    assert_eq!(
        directory(&project, &overrides),
        workspace.path("thumbnails/out")
    );
}

#[test]
fn what_one_package_says_of_the_service_holds_for_all() {
    let workspace = Workspace::pair(
        "[workspace.metadata.kiln.watch]\nport = 9100\n",
        "[package.metadata.kiln.watch]\nport = 9200\n",
        "",
    );
    let project = workspace.load();
    let all = project.select(&Selection::default()).unwrap();
    let none = Overrides::default();
    assert_eq!(
        project.watch_settings(&all, &none).unwrap().port.value,
        9200
    );
    let other = project.function("thumbnails").unwrap();
    assert_eq!(
        project.watch_settings(&[other], &none).unwrap().port.value,
        9100
    );
    assert_eq!(project.watch_settings(&[], &none).unwrap().port.value, 9100);
}

#[test]
fn every_variable_is_the_sole_one_of_its_key() {
    let mut variables: Vec<&str> = kiln_project::keys()
        .filter(|key| key.names != ["env_file"])
        .map(|key| key.variable)
        .collect();
    let all = variables.len();
    variables.sort_unstable();
    variables.dedup();
    assert_eq!(variables.len(), all);
    for key in kiln_project::keys() {
        assert!(key.variable.starts_with("KILN_"), "{key:?}");
        assert!(key.flag.starts_with("--"), "{key:?}");
        assert!(!key.help.trim().is_empty(), "{key:?}");
    }
}

#[test]
fn the_service_can_be_found_without_a_project() {
    let environment = Environment::from_pairs([("KILN_PORT", "9100")]);
    let none = Overrides::default();
    let settings = WatchSettings::without_project(&environment, &none).unwrap();
    assert_eq!(settings.port.value, 9100);
    assert_eq!(settings.address.origin, Origin::Default);
    let environment = Environment::from_pairs([("KILN_PORT", "many")]);
    let error = WatchSettings::without_project(&environment, &none).unwrap_err();
    assert!(error.to_string().contains("KILN_PORT"), "{error}");
}
