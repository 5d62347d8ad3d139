//! What the documents say of this repository is there: tests that promises name, pages and headings
//! that links lead to, events that examples are called with.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: a panic there is the report"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

#[test]
fn promises_name_tests_that_exist() {
    let specification = fs::read_to_string(root().join("SPECIFICATION.md")).unwrap();
    let (mut named, mut broken) = (0, Vec::new());
    // What `…` stands for.
    let mut file = String::new();
    for cell in last_cells_of_tables_with_tests(&specification) {
        if cell.names.is_empty() && !cell.text.contains("test pending") {
            broken.push(format!("a promise without a test: `{}`", cell.text));
        }
        for name in cell.names {
            let (path, test) = match name.split_once("::") {
                Some((path, test)) => (path, Some(test)),
                None => (name.as_str(), None),
            };
            if path != "…" {
                path.clone_into(&mut file);
            }
            let source = fs::read_to_string(root().join("crates").join(&file)).unwrap_or_default();
            let there = match test {
                Some(test) => has_test(&source, test),
                None => !source.is_empty(),
            };
            if !there {
                broken.push(format!("`{name}` does not exist, in `{file}`"));
            }
            named += 1;
        }
    }
    assert_eq!(broken, [""; 0], "in SPECIFICATION.md");
    assert!(named > 100, "only {named} tests were found to be named");
}

#[test]
fn links_lead_somewhere() {
    let pages: BTreeMap<PathBuf, Page> = markdown_files(&root())
        .into_iter()
        .map(|path| {
            let page = Page::of(&fs::read_to_string(&path).unwrap());
            (path, page)
        })
        .collect();
    let mut broken = Vec::new();
    for (path, page) in &pages {
        for link in &page.links {
            // Others' sites are theirs to keep.
            if link.contains("://") {
                continue;
            }
            let (target, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match target {
                "" => path.clone(),
                _ => normal(&path.parent().unwrap().join(target)),
            };
            let headings = pages.get(&target).map(|page| &page.headings);
            let has_heading = || headings.is_some_and(|headings| headings.contains(heading));
            if !target.exists() || !heading.is_empty() && !has_heading() {
                broken.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert_eq!(broken, [""; 0], "links to nowhere");
    assert!(pages.len() > 15, "only {} pages were found", pages.len());
}

#[test]
fn the_book_has_every_page_and_its_code_is_compiled() {
    let docs = root().join("docs");
    let summary = Page::of(&fs::read_to_string(docs.join("SUMMARY.md")).unwrap());
    let pages: BTreeSet<String> = markdown_files(&docs)
        .iter()
        .map(|path| path.strip_prefix(&docs).unwrap().display().to_string())
        .filter(|page| page != "SUMMARY.md")
        .collect();
    let listed: BTreeSet<String> = summary.links.iter().cloned().collect();
    assert_eq!(
        listed, pages,
        "pages of `docs/SUMMARY.md`, and those there are"
    );
    assert_eq!(listed.len(), summary.links.len(), "a page is listed twice");

    let compiled = fs::read_to_string(root().join("crates/kiln/src/book.rs")).unwrap();
    for chapter in pages
        .iter()
        .filter_map(|page| page.strip_prefix("library/"))
    {
        assert!(
            compiled.contains(&format!("\"{chapter}\",")),
            "nothing compiles the code of `docs/library/{chapter}`: add it to `crates/kiln/src/book.rs`"
        );
    }
}

/// Outside of `docs` there is nothing for the rendered book to link to.
#[test]
fn the_book_links_to_its_own_pages() {
    let docs = root().join("docs");
    let mut outside = Vec::new();
    for path in markdown_files(&docs) {
        let page = Page::of(&fs::read_to_string(&path).unwrap());
        for link in page.links {
            let target = normal(&path.parent().unwrap().join(&link));
            if !link.contains("://") && !target.starts_with(&docs) {
                outside.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert_eq!(outside, [""; 0], "name them as code: `examples/orders-api`");
}

#[test]
fn the_book_has_every_example() {
    let page = fs::read_to_string(root().join("docs/library/examples.md")).unwrap();
    let examples = fs::read_dir(root().join("examples")).unwrap();
    let mut functions = 0;
    for example in examples {
        let example = example.unwrap();
        let name = example.file_name().into_string().unwrap();
        // The others are what functions have in common.
        if example.path().join("tests/local.rs").exists() {
            let row = format!("| `examples/{name}` |");
            assert!(
                page.contains(&row),
                "`{name}` is not in docs/library/examples.md"
            );
            assert!(page.contains(&format!("`cargo test --package {name}`")));
            functions += 1;
        }
    }
    assert!(functions >= 12, "only {functions} examples were found");
}

#[test]
fn examples_are_called_with_the_events_of_kiln_event() {
    let samples = names_in(&root().join("crates/kiln/src/testing/samples"));
    let samples: BTreeSet<&str> = samples
        .iter()
        .filter_map(|name| name.strip_suffix(".json"))
        .collect();
    let (mut functions, mut broken) = (0, Vec::new());
    for name in names_in(&root().join("examples")) {
        let example = root().join("examples").join(&name);
        if !example.join("src/main.rs").exists() {
            continue;
        }
        functions += 1;
        let read = |file: &str| fs::read_to_string(example.join(file)).unwrap_or_default();
        let (test, page) = (read("tests/local.rs"), read("README.md"));
        let kinds: Vec<&str> = test
            .split('"')
            .filter(|text| samples.contains(text))
            .collect();
        if !test.contains("testing::local!()")
            || !test.contains("testing::sample")
            || kinds.is_empty()
        {
            broken.push(format!(
                "`{name}/tests/local.rs` calls the function with no sample event"
            ));
        }
        let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
        let is_shown = |kind: &&str| {
            let commands = [format!("--event {kind} "), format!("kiln event {kind} ")];
            commands.iter().any(|command| page.contains(command))
        };
        if !kinds.iter().any(is_shown) {
            broken.push(format!(
                "`{name}/README.md` does not show its event: one of {kinds:?}"
            ));
        }
    }
    assert_eq!(broken, [""; 0], "in `examples`");
    assert!(functions > 10, "only {functions} functions were found");
}

#[test]
fn no_code_of_the_library_is_left_out() {
    let chapters = markdown_files(&root().join("docs/library"));
    let (mut compiled, mut broken) = (0, Vec::new());
    for path in &chapters {
        for words in fences(&fs::read_to_string(path).unwrap()) {
            match words.as_str() {
                "rust" | "rust,no_run" => compiled += 1,
                // What is no Rust, by its name: `text` may be anything.
                "console" | "json" | "toml" | "yaml" => {}
                _ => broken.push(format!("{}: ```{words}", path.display())),
            }
        }
    }
    assert_eq!(
        broken, [""; 0],
        "code that nothing compiles: `rust` or `rust,no_run`, with hidden lines for what it takes"
    );
    assert!(compiled > 40, "only {compiled} examples were found");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap()
}

/// A cell that says by which tests a promise is kept.
#[derive(Debug, Default)]
struct Cell {
    text: String,
    /// `path::test`, `…::test` for one of the file before, or `path` where each test of it counts.
    names: Vec<String>,
}

/// The last cell of each row, from tables whose last column is headed `test`.
fn last_cells_of_tables_with_tests(markdown: &str) -> Vec<Cell> {
    let (mut found, mut cell, mut of_tests) = (Vec::new(), Cell::default(), false);
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::TableCell) => cell = Cell::default(),
            Event::Code(code) => {
                if code.contains("::") || code.ends_with(".rs") {
                    cell.names.push(code.to_string());
                }
                cell.text.push_str(&code);
            }
            Event::Text(text) => cell.text.push_str(&text),
            Event::End(TagEnd::TableHead) => of_tests = cell.text == "test",
            Event::End(TagEnd::TableRow) if of_tests => found.push(std::mem::take(&mut cell)),
            _ => {}
        }
    }
    found
}

/// Whether a source file has a test of this name.
fn has_test(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim_start).collect();
    let is_it = |line: &str| {
        let function = line.strip_prefix("async ").unwrap_or(line);
        let rest = function
            .strip_prefix("fn ")
            .and_then(|rest| rest.strip_prefix(name));
        rest.is_some_and(|rest| rest.starts_with('('))
    };
    lines
        .iter()
        .position(|line| is_it(line))
        .is_some_and(|place| {
            let above = lines.iter().take(place).rev();
            above
                .take_while(|line| line.starts_with("#[") || line.starts_with("//"))
                .any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
        })
}

/// What stands behind the first backticks of each piece of code; nothing of one that is indented.
fn fences(markdown: &str) -> Vec<String> {
    let code = Parser::new(markdown).filter_map(|event| match event {
        Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(words))) => Some(words.to_string()),
        Event::Start(Tag::CodeBlock(CodeBlockKind::Indented)) => Some(String::new()),
        _ => None,
    });
    code.collect()
}

/// What links are about, of one page.
#[derive(Debug, Default)]
struct Page {
    links: Vec<String>,
    /// As links name them.
    headings: BTreeSet<String>,
}

impl Page {
    fn of(markdown: &str) -> Self {
        let (mut page, mut heading) = (Self::default(), None::<String>);
        for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push(dest_url.to_string());
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                Event::End(TagEnd::Heading(_)) => {
                    page.headings
                        .extend(heading.take().map(|heading| anchor(&heading)));
                }
                _ => {}
            }
        }
        page
    }
}

/// The name that GitHub gives a heading.
fn anchor(heading: &str) -> String {
    let kept = |character: &char| character.is_alphanumeric() || "-_ ".contains(*character);
    heading
        .to_lowercase()
        .chars()
        .filter(kept)
        .collect::<String>()
        .replace(' ', "-")
}

/// What is in a directory.
fn names_in(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

/// All pages of the repository, by their canonical paths.
fn markdown_files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let (path, name) = (entry.path(), entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            if name != "target" && !name.as_encoded_bytes().starts_with(b".") {
                found.extend(markdown_files(&path));
            }
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
    found
}

/// The path without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}
