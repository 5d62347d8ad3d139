//! The variables of a function.

use kiln_project::{Overrides, Project, Purpose};

use crate::workspace::Workspace;

/// The value of `WHO` for the function `orders`, and its origin in words.
fn who(project: &Project, overrides: &Overrides) -> Option<(String, String)> {
    let function = project.function("orders").unwrap();
    let settings = project.settings(function, overrides).unwrap();
    let who = settings.environment.get("WHO")?;
    Some((who.value.clone(), who.origin.to_string()))
}

/// Places for a variable, weakest first: file, table.
const PLACES: [(&str, &str); 14] = [
    ("CargoLambda.toml", "env"),
    ("Cargo.toml", "workspace.metadata.lambda.env"),
    ("Cargo.toml", "workspace.metadata.lambda.watch.env"),
    ("Cargo.toml", "workspace.metadata.kiln.env"),
    ("Cargo.toml", "workspace.metadata.kiln.watch.env"),
    ("Cargo.toml", "workspace.metadata.lambda.bin.orders.env"),
    ("Cargo.toml", "workspace.metadata.kiln.bin.orders.env"),
    ("orders/Cargo.toml", "package.metadata.lambda.env"),
    ("orders/Cargo.toml", "package.metadata.lambda.watch.env"),
    ("orders/Cargo.toml", "package.metadata.kiln.env"),
    ("orders/Cargo.toml", "package.metadata.kiln.watch.env"),
    (
        "orders/Cargo.toml",
        "package.metadata.lambda.bin.orders.env",
    ),
    ("orders/Cargo.toml", "package.metadata.kiln.bin.orders.env"),
    (
        "orders/Cargo.toml",
        "package.metadata.kiln.bin.orders.watch.env",
    ),
];

/// A workspace where `WHO` is written in these places, with the place as value.
fn workspace(places: &[(&str, &str)]) -> Workspace {
    let tables = |wanted: &str| -> String {
        places
            .iter()
            .filter(|(file, _)| *file == wanted)
            .map(|(_, table)| format!("[{table}]\nWHO = \"{table}\"\n"))
            .collect()
    };
    let workspace = Workspace::pair(&tables("Cargo.toml"), &tables("orders/Cargo.toml"), "");
    workspace.file("CargoLambda.toml", &tables("CargoLambda.toml"));
    workspace
}

#[test]
fn each_place_beats_all_weaker_ones() {
    for (strongest, (file, table)) in PLACES.iter().enumerate() {
        let project = workspace(&PLACES[..=strongest]).load();
        assert_eq!(
            who(&project, &Overrides::default()),
            Some(((*table).to_owned(), format!("[{table}] WHO in {file}")))
        );
    }
}

#[test]
fn the_env_file_beats_tables_and_flags_beat_the_env_file() {
    let workspace = workspace(&PLACES);
    workspace
        .file(
            "from-flag.env",
            "WHO=flag file\n".replace(' ', "-").as_str(),
        )
        .file("from-variable.env", "WHO=variable-file\n")
        .file("orders/configured.env", "WHO=configured-file\n");
    let mut overrides = Overrides::default();

    let manifest = workspace.path("orders/Cargo.toml");
    let text = std::fs::read_to_string(&manifest).unwrap().replace(
        "[package.metadata.kiln.watch.env]",
        "[package.metadata.kiln.watch]\nenv_file = \"configured.env\"\n\
         [package.metadata.kiln.watch.env]",
    );
    std::fs::write(&manifest, text).unwrap();
    let project = workspace.load();
    assert_eq!(
        who(&project, &overrides),
        Some(("configured-file".into(), "orders/configured.env".into()))
    );

    let project = workspace.load_with(&[("KILN_ENV_FILE", "from-variable.env")]);
    assert_eq!(
        who(&project, &overrides),
        Some(("variable-file".into(), "from-variable.env".into()))
    );

    overrides.env_file = Some("from-flag.env".into());
    assert_eq!(
        who(&project, &overrides),
        Some(("flag-file".into(), "from-flag.env".into()))
    );

    overrides.env_var = vec!["WHO=first,OTHER=1".into(), "WHO=last".into()];
    assert_eq!(
        who(&project, &overrides),
        Some(("last".into(), "--env-var".into()))
    );
}

#[test]
fn what_is_meant_for_production_stays_there() {
    let workspace = Workspace::pair(
        "",
        "[package.metadata.lambda.env]\nWHO = \"both\"\n\
         [package.metadata.lambda.deploy]\nenv_var = [\"WHO=production\"]\n\
         [package.metadata.lambda.watch]\nenv_vars = \"WHERE=home\"\n",
        "",
    );
    let project = workspace.load();
    let mut overrides = Overrides::default();
    assert_eq!(who(&project, &overrides).unwrap().0, "both");
    overrides.purpose = Purpose::Deploy;
    assert_eq!(
        who(&project, &overrides).unwrap(),
        (
            "production".into(),
            "[package.metadata.lambda.deploy] env_var in orders/Cargo.toml".into()
        )
    );
}

#[test]
fn values_that_are_no_strings_are_written_as_they_stand() {
    let workspace = Workspace::single(
        "[package.metadata.kiln.env]\nTEXT = \"a b\"\nNUMBER = 42\nHALF = 0.5\nON = true\n\
         DAY = 1979-05-27\nEMPTY = \"\"\n",
    );
    let project = workspace.load();
    let settings = project
        .settings(&project.functions[0], &Overrides::default())
        .unwrap();
    let values: Vec<(&str, &str)> = settings
        .environment
        .iter()
        .map(|(name, setting)| (name.as_str(), setting.value.as_str()))
        .collect();
    assert_eq!(
        values,
        [
            ("DAY", "1979-05-27"),
            ("EMPTY", ""),
            ("HALF", "0.5"),
            ("NUMBER", "42"),
            ("ON", "true"),
            ("TEXT", "a b"),
        ]
    );
}

#[test]
fn reports_hide_what_env_files_hold() {
    let workspace = Workspace::single("[package.metadata.kiln.watch]\nenv_file = \".env\"\n");
    workspace.file(".env", "TOKEN=secret\n");
    let project = workspace.load();
    let settings = project
        .settings(&project.functions[0], &Overrides::default())
        .unwrap();
    let entries = settings.entries();
    let token = entries.iter().find(|entry| entry.key == "env.TOKEN");
    assert_eq!(token.unwrap().value.as_deref(), Some("(hidden)"));
    assert_eq!(token.unwrap().origin, ".env");
    assert_eq!(settings.environment["TOKEN"].value, "secret");
}
