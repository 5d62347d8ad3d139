//! The page on configuration has every key.

use kiln_project::keys;

const PAGE: &str = include_str!("../../../../docs/configuration.md");

#[test]
fn every_key_is_documented() {
    for key in keys() {
        let (_, section) = PAGE
            .split_once(&format!("\n### {}\n", key.section))
            .unwrap_or_else(|| panic!("no section `{}`", key.section));
        let section = section.split("\n##").next().unwrap_or_default();
        let names = key.names.iter().copied();
        let shorthands = key.shorthands.iter().map(|(name, _)| *name);
        for name in names.chain(shorthands).chain([key.variable]) {
            let word = format!("`{name}");
            assert!(
                section.contains(&word),
                "`{name}` is not in the section `{}`",
                key.section
            );
        }
    }
}
