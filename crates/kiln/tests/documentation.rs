//! Every public item shows how it is used: by an example that runs, or by the item that makes it.
#![expect(clippy::unwrap_used, reason = "a panic is a test's report")]

use std::fs;
use std::path::{Path, PathBuf};

use syn::{Attribute, Expr, ImplItem, Item, Lit, Meta, TraitItem, Visibility};

#[test]
fn every_public_item_has_an_example() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut seen, mut missing) = (0, Vec::new());
    for path in rust_files(&source) {
        let file = syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap();
        let mut found = Vec::new();
        items(&file.items, &mut found);
        let path = path.strip_prefix(&source).unwrap().display();
        for (name, attributes) in found {
            seen += 1;
            let docs = docs(attributes);
            // Nobody names what a layer makes: its page leads to the layer.
            if !docs.contains("```") && !docs.contains("made by [`") {
                missing.push(format!("{path}: {name}"));
            }
        }
    }
    assert_eq!(missing, [""; 0], "public items without an example");
    assert!(seen > 300, "only {seen} public items were found");
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

/// Public types, traits, functions and methods. A public item of a private module that nothing exports
/// counts as well: it need not be public.
fn items<'i>(of: &'i [Item], found: &mut Vec<(String, &'i [Attribute])>) {
    let mut keep = |visibility: &Visibility, name: &syn::Ident, attributes: &'i [Attribute]| {
        if matches!(visibility, Visibility::Public(_)) && !is_left_out(attributes) {
            found.push((name.to_string(), attributes));
        }
    };
    for item in of {
        match item {
            Item::Enum(it) => keep(&it.vis, &it.ident, &it.attrs),
            Item::Fn(it) => keep(&it.vis, &it.sig.ident, &it.attrs),
            Item::Struct(it) => keep(&it.vis, &it.ident, &it.attrs),
            Item::Type(it) => keep(&it.vis, &it.ident, &it.attrs),
            Item::Trait(it) => {
                keep(&it.vis, &it.ident, &it.attrs);
                for method in &it.items {
                    if let TraitItem::Fn(method) = method {
                        keep(&it.vis, &method.sig.ident, &method.attrs);
                    }
                }
            }
            Item::Impl(it) if it.trait_.is_none() => {
                for method in &it.items {
                    if let ImplItem::Fn(method) = method {
                        keep(&method.vis, &method.sig.ident, &method.attrs);
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
