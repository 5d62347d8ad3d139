//! The manual's page of configuration, beside the table of all keys.

use std::path::Path;

use kiln_project::keys;

#[test]
fn the_manual_has_every_key_with_its_names_and_variables() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let page = std::fs::read_to_string(page).unwrap();
    for key in keys() {
        let heading = format!("\n### {}\n", key.section);
        let (_, section) = page.split_once(&heading).expect(&heading);
        // To the next heading of any rank.
        let section = section.split("\n#").next().unwrap();
        let shorthands = key.shorthands.iter().map(|(name, _)| *name);
        let rows: Vec<&str> = section
            .lines()
            .filter(|line| line.starts_with("| `"))
            .collect();
        for name in key.names.iter().copied().chain(shorthands) {
            let shown = [format!("`{name}`"), format!("`{name} = true`")];
            let row = rows
                .iter()
                .find(|row| shown.iter().any(|name| row.contains(name)));
            assert!(
                row.is_some(),
                "`{}.{name}` is not in docs/configuration.md",
                key.section
            );
        }
        let variable = format!("`{}`", key.variable);
        assert!(
            rows.iter().any(|row| row.contains(&variable)),
            "no {variable}"
        );
    }
}
