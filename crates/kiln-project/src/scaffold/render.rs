//! The template language: [minijinja](https://docs.rs/minijinja), and which files speak it.

use std::path::{Path, PathBuf};

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};

use super::error::ScaffoldError;

/// Renders the files of one template.
pub(super) struct Renderer {
    environment: Environment<'static>,
    variables: Value,
}

impl Renderer {
    /// A renderer with these variables.
    pub fn new(variables: impl IntoIterator<Item = (String, Value)>) -> Self {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder()
            // A line with nothing but a tag leaves no empty line behind.
            .trim_blocks(true)
            .lstrip_blocks(true)
            .keep_trailing_newline(true)
            .build();
        environment.set_syntax(syntax.expect("the default delimiters are valid"));
        // A misspelt variable is an error and not an empty name in a manifest.
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        // These are sources, whatever their names end in.
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.add_filter("snake_case", |text: String| text.replace('-', "_"));
        environment.add_filter("kebab_case", |text: String| text.replace('_', "-"));
        environment.add_function("import", |path: String, names: String| {
            import(&path, &names)
        });
        Self {
            environment,
            variables: Value::from_pairs(variables),
        }
    }

    /// Renders one text; `file` is for messages.
    pub fn render(&self, file: &Path, text: &str) -> Result<String, ScaffoldError> {
        self.environment
            .render_named_str(&file.to_string_lossy(), text, self.variables.clone())
            .map_err(|source| ScaffoldError::Render {
                file: file.to_owned(),
                source,
            })
    }
}

/// Imports of several names that rustfmt leaves as they are, however long the path is: together
/// where that surely fits a line, one by one where it may not.
fn import(path: &str, names: &str) -> String {
    const SURELY_FITS: usize = 90;
    let together = format!("use {path}::{{{names}}};");
    if together.len() <= SURELY_FITS {
        return together;
    }
    let one_by_one: Vec<String> = names
        .split(", ")
        .map(|name| match name {
            "self" => format!("use {path};"),
            name => format!("use {path}::{name};"),
        })
        .collect();
    one_by_one.join("\n")
}

/// The path without the ending that marks a file for rendering, if it has it.
pub(super) fn without_suffix(path: &Path) -> Option<PathBuf> {
    (path.extension()? == "j2").then(|| path.with_extension(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(text: &str) -> Result<String, ScaffoldError> {
        let variables = [("project_name".to_owned(), Value::from("my-orders"))];
        Renderer::new(variables).render(Path::new("a.html"), text)
    }

    #[test]
    fn renders() {
        let cases = [
            ("{{project_name}} <b>\n", "my-orders <b>\n"),
            ("{{ project_name | snake_case }}", "my_orders"),
            ("a\n  {% if true %}\nb\n  {% endif %}\nc", "a\nb\nc"),
            ("{% raw %}{{}}{% endraw %}", "{{}}"),
            ("{% if project_name == 'x' %}y{% endif %}", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(render(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn says_what_and_where() {
        for (text, hint) in [("\n{{ nobody }}", "--render-var"), ("\n{{}}", "raw")] {
            let error = render(text).unwrap_err();
            let ScaffoldError::Render { source, .. } = &error else {
                panic!("{error:?}");
            };
            assert_eq!(source.line(), Some(2), "{source}");
            assert!(error.hint().unwrap().contains(hint), "{error:?}");
        }
    }

    #[test]
    fn imports() {
        assert_eq!(import("a::b", "self, C"), "use a::b::{self, C};");
        let path = "a".repeat(90);
        let expected = format!("use {path};\nuse {path}::C;");
        assert_eq!(import(&path, "self, C"), expected);
    }

    #[test]
    fn suffixes() {
        let cases = [
            ("Cargo.toml.j2", Some("Cargo.toml")),
            ("src/main.rs.j2", Some("src/main.rs")),
            ("src/main.rs", None),
            ("j2", None),
        ];
        for (path, expected) in cases {
            let expected = expected.map(PathBuf::from);
            assert_eq!(without_suffix(Path::new(path)), expected, "{path}");
        }
    }
}
