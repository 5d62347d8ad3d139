//! The reference of the command line is what the binary says of itself.

use std::fs;

use kiln_testing::{Kiln, workspace_root};

const KILN: &str = env!("CARGO_BIN_EXE_kiln");

const HEAD: &str = "\
# Every command and flag

What `kiln --help` and `kiln COMMAND --help` print. Where to read about a command instead of looking
something up: [the manual](../README.md).

<!-- Written by `cargo test -p cargo-kiln --test reference`: change the words beside the flags. -->
";

#[test]
fn the_reference_is_what_the_binary_says() {
    let path = workspace_root().join("docs/reference/commands.md");
    let written = fs::read_to_string(&path).unwrap_or_default();
    let said = reference();
    if written != said {
        fs::write(&path, said).unwrap();
        panic!("`docs/reference/commands.md` was out of date and has been written anew: commit it");
    }
}

fn reference() -> String {
    let all = help(&[]);
    let mut page = format!("{HEAD}{}", section("kiln", &all));
    for command in commands(&all) {
        page.push_str(&section(&format!("kiln {command}"), &help(&[command])));
    }
    page
}

fn section(title: &str, help: &str) -> String {
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    format!(
        "\n## {title}\n\n```text\n{}\n```\n",
        lines.join("\n").trim_end()
    )
}

fn help(command: &[&str]) -> String {
    Kiln::new(KILN)
        .args(command)
        .arg("--help")
        // As wide as a page, wherever it is written.
        .env("COLUMNS", "100")
        .output()
        .expect_code(0)
        .stdout
}

/// The commands that `kiln --help` lists, but for `help` itself.
fn commands(help: &str) -> Vec<&str> {
    let list = help.split("\nCommands:\n").nth(1).unwrap_or_default();
    let lines = list.lines().take_while(|line| !line.is_empty());
    // The lines that go on with a description are indented further.
    let named = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let commands: Vec<&str> = named.filter(|name| !["", "help"].contains(name)).collect();
    assert!(commands.len() > 5, "{commands:?} of:\n{help}");
    commands
}
