//! `kiln new`, and what it shares with `kiln init`: choosing a template.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser as _};
use dialoguer::Select;
use dialoguer::theme::ColorfulTheme;
use kiln_project::scaffold::{
    Builtin, ExtensionApi, Kind, Plan, ProjectName, Scaffold, ScaffoldError, Standing, Template,
    Workload,
};

use crate::failure::{Exit, Failure};
use crate::output::{self, GOOD, HINT};

/// Flags of `kiln new`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Directory to make; its last part is the project's name.
    #[arg(value_name = "PATH")]
    path: PathBuf,

    #[command(flatten)]
    choice: Choice,
}

const EXAMPLES: &str = "\
Examples:
  kiln new orders                           a function that is invoked with JSON
  kiln new orders --kind http               an HTTP function on axum
  kiln new orders --kind sqs --workload mixed
                                            queue messages; async at the ends, rayon in the middle
  kiln new audit --kind extension --extension-api telemetry
  kiln new orders --template ../our-template --render-var team=checkout

Templates are part of kiln: this works offline.
A template of your own is a directory or ZIP file. `Cargo.toml`, `README.md`, everything below
`src/` and files that end in `.j2` are rendered with `{{ project_name }}`, `{{ crate_name }}`,
`{{ binary_name }}` and your `--render-var`s; the rest is copied.";

/// Flags that choose what is made; shared with `kiln init`.
#[derive(Debug, clap::Args)]
pub struct Choice {
    /// Event that the function answers, or `extension`.
    #[arg(long, value_name = "KIND", value_parser = kinds())]
    kind: Option<KindChoice>,

    /// What the handler spends its time on [default: io]
    #[arg(long, value_name = "WORKLOAD", value_parser = workloads(), conflicts_with = "template")]
    workload: Option<Workload>,

    /// What an extension listens to [default: events]
    #[arg(long, value_name = "API", value_parser = extension_apis(), conflicts_with = "template")]
    extension_api: Option<ExtensionApi>,

    /// Use a template of your own: a directory or a ZIP file.
    #[arg(long, value_name = "DIR|ZIP", conflicts_with = "kind")]
    template: Option<PathBuf>,

    /// Set a variable of your own template; repeat for more.
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable, requires = "template")]
    render_var: Vec<(String, String)>,

    /// Name of the project, when it is not the directory's.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Name of the executable and so of the function, when it is not the project's.
    #[arg(long, value_name = "NAME", visible_alias = "function-name")]
    bin_name: Option<String>,

    /// Ask nothing: what is not given gets its default.
    #[arg(short = 'y', long, visible_alias = "yes")]
    no_interactive: bool,

    #[command(flatten)]
    cargo_lambda: CargoLambdaChoice,
}

/// The flags that cargo-lambda has for the same choices.
#[derive(Debug, clap::Args)]
struct CargoLambdaChoice {
    /// As `--kind http`.
    #[arg(long, hide = true, conflicts_with_all = ["kind", "template", "extension", "event_type"])]
    http: bool,

    /// As `--kind extension`.
    #[arg(long, hide = true, conflicts_with_all = ["kind", "template", "event_type"])]
    extension: bool,

    /// As `--extension-api events`.
    #[arg(
        long,
        hide = true,
        requires = "extension",
        conflicts_with = "extension_api"
    )]
    events: bool,

    /// As `--extension-api logs`.
    #[arg(long, hide = true, requires = "extension", conflicts_with_all = ["extension_api", "events"])]
    logs: bool,

    /// As `--extension-api telemetry`.
    #[arg(long, hide = true, requires = "extension", conflicts_with_all = ["extension_api", "events", "logs"])]
    telemetry: bool,

    /// An event type of the crate `aws_lambda_events`, for the `--kind` nearest to it.
    #[arg(long, hide = true, value_name = "TYPE", conflicts_with_all = ["kind", "template"])]
    event_type: Option<String>,
}

/// What `--kind` can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KindChoice {
    Function(Kind),
    Extension,
}

impl KindChoice {
    fn from_name(name: &str) -> Option<Self> {
        match name {
            EXTENSION => Some(Self::Extension),
            name => Kind::from_name(name).map(Self::Function),
        }
    }
}

const EXTENSION: &str = "extension";

fn kinds() -> impl clap::builder::TypedValueParser<Value = KindChoice> {
    let functions = Kind::ALL
        .iter()
        .map(|kind| PossibleValue::new(kind.name()).help(kind.description()));
    let extension = PossibleValue::new(EXTENSION).help("a Lambda extension");
    PossibleValuesParser::new(functions.chain([extension]))
        .map(|name| KindChoice::from_name(&name).expect("the parser knows these names only"))
}

fn workloads() -> impl clap::builder::TypedValueParser<Value = Workload> {
    PossibleValuesParser::new(
        Workload::ALL
            .iter()
            .map(|workload| PossibleValue::new(workload.name()).help(workload.description())),
    )
    .map(|name| Workload::from_name(&name).expect("the parser knows these names only"))
}

fn extension_apis() -> impl clap::builder::TypedValueParser<Value = ExtensionApi> {
    PossibleValuesParser::new(
        ExtensionApi::ALL
            .iter()
            .map(|api| PossibleValue::new(api.name()).help(api.description())),
    )
    .map(|name| ExtensionApi::from_name(&name).expect("the parser knows these names only"))
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}

/// Runs the command.
pub fn run(args: Args) -> Result<Exit, Failure> {
    let made = args.choice.prepare(&args.path)?;
    made.plan.create(&args.path).map_err(failure)?;
    let place = args.path.display();
    made.announce(&format!("made {} in `{place}`", made.what));
    made.next_steps(Some(&args.path));
    Ok(Exit::Done)
}

/// A project ready to be written, and what is to be said about it.
pub struct Prepared {
    /// Its files.
    pub plan: Plan,
    what: String,
    standing: Standing,
    template: Template,
}

impl Choice {
    /// Decides, asks where it may, and renders the project for this directory.
    pub fn prepare(self, directory: &Path) -> Result<Prepared, Failure> {
        let name = self.project_name(directory)?;
        let binary_name = self.bin_name.as_deref().map(parse_name).transpose()?;
        let standing = Standing::of(directory).map_err(failure)?;
        let template = self.choose_template()?;
        let scaffold = Scaffold {
            name,
            binary_name,
            template,
            variables: self.render_var,
            standing,
        };
        let plan = scaffold.plan().map_err(failure)?;
        Ok(Prepared {
            plan,
            what: describe(&scaffold.name, &scaffold.template),
            standing: scaffold.standing,
            template: scaffold.template,
        })
    }

    fn project_name(&self, directory: &Path) -> Result<ProjectName, Failure> {
        if let Some(name) = &self.name {
            return parse_name(name);
        }
        match directory.file_name() {
            Some(name) => parse_name(&name.to_string_lossy()),
            None => Err(Failure::usage(format!(
                "`{}` has no name that a project could take",
                directory.display()
            ))
            .hint("`kiln init` makes a project of the current directory")),
        }
    }

    fn choose_template(&self) -> Result<Template, Failure> {
        if let Some(path) = &self.template {
            return Ok(Template::External(path.clone()));
        }
        let given = self.kind.or_else(|| self.cargo_lambda.kind());
        let (kind, asked_workload) = match given {
            Some(kind) => (kind, None),
            None if self.may_ask() => ask(self.workload)?,
            None => (KindChoice::Function(Kind::Json), None),
        };
        let builtin = match kind {
            KindChoice::Function(_) if self.extension_api.is_some() => {
                return Err(Failure::usage(
                    "`--extension-api` is for extensions, and this is a function",
                )
                .hint("add `--kind extension`"));
            }
            KindChoice::Extension if self.workload.is_some() => {
                return Err(Failure::usage(
                    "`--workload` is for functions, and this is an extension",
                )
                .hint("leave `--workload` out"));
            }
            KindChoice::Function(kind) => Builtin::Function {
                kind,
                workload: self.workload.or(asked_workload).unwrap_or_default(),
            },
            KindChoice::Extension => Builtin::Extension(
                self.extension_api
                    .or_else(|| self.cargo_lambda.extension_api())
                    .unwrap_or_default(),
            ),
        };
        Ok(Template::Builtin(builtin))
    }

    fn may_ask(&self) -> bool {
        !self.no_interactive
            && self.extension_api.is_none()
            && std::io::stdin().is_terminal()
            && std::io::stderr().is_terminal()
    }
}

impl CargoLambdaChoice {
    fn kind(&self) -> Option<KindChoice> {
        if self.http {
            Some(KindChoice::Function(Kind::Http))
        } else if self.extension {
            Some(KindChoice::Extension)
        } else {
            let event_type = self.event_type.as_deref()?;
            Some(KindChoice::Function(kind_of_event_type(event_type)))
        }
    }

    fn extension_api(&self) -> Option<ExtensionApi> {
        if self.logs {
            Some(ExtensionApi::Logs)
        } else if self.telemetry {
            Some(ExtensionApi::Telemetry)
        } else {
            self.events.then_some(ExtensionApi::Events)
        }
    }
}

/// The kind nearest to a type such as `sqs::SqsEvent` or `dynamodb::Event`.
fn kind_of_event_type(event_type: &str) -> Kind {
    let module = event_type.split("::").next().unwrap_or_default();
    match module {
        "sqs" => Kind::Sqs,
        "sns" => Kind::Sns,
        "s3" => Kind::S3,
        "eventbridge" | "cloudwatch_events" => Kind::EventBridge,
        "dynamodb" => Kind::DynamoDb,
        "kinesis" => Kind::Kinesis,
        "kafka" => Kind::Kafka,
        "lambda_function_urls" => Kind::FunctionUrl,
        "apigw" | "alb" | "vpc_lattice" => Kind::Http,
        other => {
            output::warn(format!(
                "no template is made for `{other}` events: this one takes any JSON"
            ));
            Kind::Json
        }
    }
}

/// Asks for the kind, and for the workload where it is open.
fn ask(workload: Option<Workload>) -> Result<(KindChoice, Option<Workload>), Failure> {
    let functions = Kind::ALL
        .iter()
        .map(|kind| (kind.name(), kind.description()));
    let mut entries: Vec<(&str, &str)> = functions.collect();
    entries.push((EXTENSION, "a Lambda extension"));
    let json = entries.iter().position(|(name, _)| *name == "json");
    let picked = select(
        "What does the function answer?",
        &entries,
        json.unwrap_or(0),
    )?;
    let kind = KindChoice::from_name(entries[picked].0).expect("it was picked from these names");
    if kind == KindChoice::Extension || workload.is_some() {
        return Ok((kind, workload));
    }
    let entries: Vec<(&str, &str)> = Workload::ALL
        .iter()
        .map(|workload| (workload.name(), workload.description()))
        .collect();
    let picked = select("What does it spend its time on?", &entries, 0)?;
    Ok((kind, Some(Workload::ALL[picked])))
}

fn select(prompt: &str, entries: &[(&str, &str)], default: usize) -> Result<usize, Failure> {
    let items: Vec<String> = entries
        .iter()
        .map(|(name, description)| format!("{name:13} {description}"))
        .collect();
    let picked = Select::with_theme(&ColorfulTheme::default())
        .with_prompt(prompt)
        .items(&items)
        .default(default)
        .interact_opt()
        .map_err(Failure::usage)?;
    picked.ok_or_else(|| {
        Failure::usage("nothing was chosen, and nothing was made")
            .hint("`--kind` says it without questions")
    })
}

fn parse_name(name: &str) -> Result<ProjectName, Failure> {
    ProjectName::parse(name).map_err(|error| {
        let hint = error.hint();
        Failure::usage(error).maybe_hint(hint)
    })
}

/// Everything that can go wrong here is wrong usage or a machine that is not right for it.
pub fn failure(error: ScaffoldError) -> Failure {
    let hint = error.hint();
    Failure::usage(error).maybe_hint(hint)
}

fn describe(name: &ProjectName, template: &Template) -> String {
    match template {
        Template::Builtin(Builtin::Function { kind, workload }) => {
            format!("function `{name}` ({}, {})", kind.name(), workload.name())
        }
        Template::Builtin(Builtin::Extension(api)) => {
            format!("extension `{name}` ({})", api.name())
        }
        Template::External(path) => format!("`{name}` from `{}`", path.display()),
    }
}

impl Prepared {
    /// What the project is, for messages.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Says what was done, and how the project stands to a workspace above it.
    pub fn announce(&self, done: &str) {
        output::say(format!("{GOOD}done:{GOOD:#} {done}"));
        match &self.standing {
            Standing::Alone => {}
            Standing::Member { manifest } => output::say(format!(
                "it is a member of the workspace `{}`",
                manifest.display()
            )),
            Standing::Beside { manifest, member } => {
                output::say(format!(
                    "it is not a member of the workspace `{}`",
                    manifest.display()
                ));
                // A template of the user's decides about its own manifest.
                let also = match self.template {
                    Template::Builtin(_) => {
                        ", and take `[workspace]` and `[profile.release]` out of its own `Cargo.toml`"
                    }
                    Template::External(_) => "",
                };
                output::say(format!(
                    "{HINT}hint:{HINT:#} to make it one, add `\"{}\"` to `members` there{also}",
                    member.display()
                ));
            }
        }
    }

    /// Says what to type next.
    pub fn next_steps(&self, directory: Option<&Path>) {
        let mut commands = Vec::new();
        if let Some(directory) = directory {
            commands.push(format!("cd {}", directory.display()));
        }
        match self.template {
            Template::Builtin(Builtin::Function { kind, .. }) => commands.extend([
                "kiln watch".to_owned(),
                format!("kiln invoke --event {}", kind.name()),
            ]),
            Template::Builtin(Builtin::Extension(_)) => {
                commands.extend(["cargo test".to_owned(), "kiln build --release".to_owned()]);
            }
            Template::External(_) => commands.push("kiln watch".to_owned()),
        }
        output::say("next:");
        for command in commands {
            output::say(format!("  {HINT}{command}{HINT:#}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_types_of_cargo_lambda() {
        let cases = [
            ("sqs::SqsEvent", Kind::Sqs),
            ("cloudwatch_events::CloudWatchEvent", Kind::EventBridge),
            ("dynamodb::Event", Kind::DynamoDb),
            (
                "lambda_function_urls::LambdaFunctionUrlRequest",
                Kind::FunctionUrl,
            ),
            ("apigw::ApiGatewayProxyRequest", Kind::Http),
            ("ses::SimpleEmailEvent", Kind::Json),
        ];
        for (event_type, kind) in cases {
            assert_eq!(kind_of_event_type(event_type), kind, "{event_type}");
        }
    }

    #[test]
    fn variables_are_pairs() {
        assert_eq!(variable("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert_eq!(variable("a="), Ok(("a".into(), String::new())));
        assert!(variable("a").is_err());
        assert!(variable("=b").is_err());
    }
}
