//! Every public item shows how it is used: by an example that runs, or by the item that makes it.
#![expect(clippy::unwrap_used, reason = "a panic is a test's report")]

use std::fs;
use std::path::{Path, PathBuf};

use syn::{Attribute, Expr, ImplItem, Item, Lit, Meta, TraitItem, Visibility};

/// A public item, and its page.
#[derive(Debug)]
struct Public {
    file: PathBuf,
    name: String,
    docs: String,
}

#[test]
fn every_public_item_has_an_example() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut all, mut broken) = (Vec::new(), Vec::new());
    for path in rust_files(&source) {
        let text = fs::read_to_string(&path).unwrap();
        let file = path.strip_prefix(&source).unwrap();
        broken.extend(left_out_fences(&text).map(|line| format!("{}:{line}", file.display())));
        let parsed = syn::parse_file(&text).unwrap();
        let mut found = Vec::new();
        items(&parsed.items, &mut found);
        // A list of constants is used in one way, which its module's page shows.
        let is_list = |item: &Item| matches!(item, Item::Const(_) | Item::Mod(_));
        if parsed.items.iter().all(is_list) && has_example(&docs(&parsed.attrs)) {
            found.clear();
        }
        all.extend(found.into_iter().map(|(name, attributes)| Public {
            file: file.to_owned(),
            name,
            docs: docs(attributes),
        }));
    }
    assert_eq!(broken, [""; 0], "examples that nothing compiles");

    let missing = all.iter().filter(|item| !shows_its_use(item, &all));
    let missing: Vec<String> = missing
        .map(|item| format!("{}: {}", item.file.display(), item.name))
        .collect();
    assert_eq!(missing, [""; 0], "public items without an example");
    let seen = all.len();
    assert!(seen > 300, "only {seen} public items were found");
}

#[test]
fn an_example_is_what_rustdoc_compiles() {
    for (docs, has_one) in [
        ("```\nlet a = 1;\n```", true),
        ("Text.\n\n```no_run\nfn main() {}\n```", true),
        ("```rust,no_run\nfn main() {}\n```", true),
        ("```ignore\nlet a = 1;\n```", false),
        ("```rust,ignore\nlet a = 1;\n```", false),
        ("```text\nlet a = 1;\n```", false),
        // What closes a fence opens none.
        ("```json\n{}\n```", false),
        ("```json\n{}\n```\n\n```\nlet a = 1;\n```", true),
        ("No example.", false),
    ] {
        assert_eq!(has_example(docs), has_one, "{docs}");
    }
}

#[test]
fn who_is_made_by_another_needs_that_others_example() {
    let item = |file: &str, name: &str, docs: &str| Public {
        file: file.into(),
        name: name.to_owned(),
        docs: docs.to_owned(),
    };
    let all = [
        item("a.rs", "Layer", "```\nnew();\n```"),
        item("b.rs", "Layer", "Without."),
        item("b.rs", "local", "```no_run\nlocal!();\n```"),
    ];
    for (file, docs, shows) in [
        ("a.rs", "The service made by [`Layer`].", true),
        ("c.rs", "The service made by [`Layer`].", true),
        ("a.rs", "Made: made by [`crate::a::Layer`](crate::a).", true),
        ("a.rs", "The answer, made by [`local!`].", true),
        // That of its own file is meant.
        ("b.rs", "The service made by [`Layer`].", false),
        ("a.rs", "The service made by [`Nobody`].", false),
        ("a.rs", "The service made by nobody.", false),
    ] {
        let service = item(file, "Service", docs);
        assert_eq!(shows_its_use(&service, &all), shows, "{file}: {docs}");
    }
}

/// Whether there is an example, or one at what makes it: nobody names what a layer makes, and its page
/// leads to the layer.
fn shows_its_use(item: &Public, all: &[Public]) -> bool {
    has_example(&item.docs)
        || maker(&item.docs).is_some_and(|maker| {
            let named: Vec<&Public> = all.iter().filter(|other| other.name == maker).collect();
            let in_its_file = named.iter().find(|other| other.file == item.file);
            match in_its_file {
                Some(maker) => has_example(&maker.docs),
                None => named.iter().any(|maker| has_example(&maker.docs)),
            }
        })
}

/// The name that a page says it is made by.
fn maker(docs: &str) -> Option<&str> {
    let (_, linked) = docs.split_once("made by [`")?;
    let (linked, _) = linked.split_once("`]")?;
    let name = linked.rsplit("::").next()?;
    Some(name.trim_end_matches(['!', '(', ')']))
}

/// Whether there is code that rustdoc compiles.
fn has_example(docs: &str) -> bool {
    let fences = docs
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("```"));
    fences.step_by(2).any(|words| {
        let mut words = words.split(',').filter(|word| !word.is_empty());
        words.all(|word| ["no_run", "rust", "should_panic"].contains(&word))
    })
}

/// Lines of documentation that say of Rust that it is not to be compiled.
fn left_out_fences(source: &str) -> impl Iterator<Item = usize> {
    let lines = source.lines().enumerate().filter(|(_, line)| {
        let line = line.trim_start();
        let docs = line.strip_prefix("///").or(line.strip_prefix("//!"));
        let words = docs.and_then(|docs| docs.trim_start().strip_prefix("```"));
        words.is_some_and(|words| words.split(',').any(|word| word == "ignore"))
    });
    lines.map(|(number, _)| number + 1)
}

/// Sources, without those of tests.
fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !path.file_stem().unwrap().to_string_lossy().contains("test")
        {
            files.push(path);
        }
    }
    files
}

/// Public types, traits, functions, methods, constants and macros. A public item of a private module that nothing exports
/// counts as well: it need not be public.
fn items<'i>(of: &'i [Item], found: &mut Vec<(String, &'i [Attribute])>) {
    // Its page stands elsewhere, under another name.
    found.extend(of.iter().filter_map(|item| match item {
        Item::Macro(it) if it.attrs.iter().any(is_export) => {
            Some((it.ident.as_ref()?.to_string(), it.attrs.as_slice()))
        }
        _ => None,
    }));
    let mut keep = |visibility: &Visibility, name: &syn::Ident, attributes: &'i [Attribute]| {
        if matches!(visibility, Visibility::Public(_)) && !is_left_out(attributes) {
            found.push((name.to_string(), attributes));
        }
    };
    for item in of {
        match item {
            Item::Const(it) => keep(&it.vis, &it.ident, &it.attrs),
            Item::Enum(it) => keep(&it.vis, &it.ident, &it.attrs),
            Item::Fn(it) => keep(&it.vis, &it.sig.ident, &it.attrs),
            Item::Static(it) => keep(&it.vis, &it.ident, &it.attrs),
            Item::Struct(it) => keep(&it.vis, &it.ident, &it.attrs),
            Item::Type(it) => keep(&it.vis, &it.ident, &it.attrs),
            Item::Trait(it) => {
                keep(&it.vis, &it.ident, &it.attrs);
                for method in &it.items {
                    match method {
                        TraitItem::Const(it_has) => keep(&it.vis, &it_has.ident, &it_has.attrs),
                        TraitItem::Fn(it_has) => keep(&it.vis, &it_has.sig.ident, &it_has.attrs),
                        _ => {}
                    }
                }
            }
            Item::Impl(it) if it.trait_.is_none() => {
                for method in &it.items {
                    match method {
                        ImplItem::Const(it) => keep(&it.vis, &it.ident, &it.attrs),
                        ImplItem::Fn(it) => keep(&it.vis, &it.sig.ident, &it.attrs),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    for item in of {
        if let Item::Mod(it) = item
            && let Some((_, inner)) = &it.content
            && !is_left_out(&it.attrs)
        {
            items(inner, found);
        }
    }
}

fn is_export(attribute: &Attribute) -> bool {
    attribute.path().is_ident("macro_export")
}

/// Whether an item is of tests alone, or hidden from the documentation.
fn is_left_out(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) => {
            let arguments = list.tokens.to_string();
            list.path.is_ident("cfg") && arguments == "test"
                || list.path.is_ident("doc") && arguments == "hidden"
        }
        _ => false,
    })
}

fn docs(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| {
        let Meta::NameValue(pair) = &attribute.meta else {
            return None;
        };
        match &pair.value {
            Expr::Lit(literal) if pair.path.is_ident("doc") => match &literal.lit {
                Lit::Str(line) => Some(line.value()),
                _ => None,
            },
            _ => None,
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}
