//! The questions of `kiln new` at a terminal.

use std::io;

use dialoguer::Select;
use dialoguer::console::{self, Term};
use dialoguer::theme::ColorfulTheme;
use kiln_project::scaffold::{Builtin, Kind, Workload};
use tokio::signal::unix::{SignalKind, signal};

use super::options::{Choosable, KindChoice, extension_apis, kinds, workloads};
use crate::failure::Failure;

/// Asks which of the built-in templates it is to be. Who has chosen a workload wants a function.
pub fn builtin(workload: Option<Workload>) -> Result<Builtin, Failure> {
    catch_interrupts()?;
    let mut kinds = kinds();
    if workload.is_some() {
        kinds.retain(|kind| kind.value != KindChoice::Extension);
    }
    let json = KindChoice::Function(Kind::Json);
    let default = kinds.iter().position(|kind| kind.value == json);
    let kind = select("What does it answer?", &kinds, default.unwrap_or(0))?;
    match (kind, workload) {
        (KindChoice::Extension, _) => {
            let api = select("What does it listen to?", &extension_apis(), 0)?;
            Ok(Builtin::Extension(api))
        }
        (KindChoice::Function(kind), Some(workload)) => Ok(Builtin::Function { kind, workload }),
        (KindChoice::Function(kind), None) => {
            let workload = select("What does it spend its time on?", &workloads(), 0)?;
            Ok(Builtin::Function { kind, workload })
        }
    }
}

/// Lets Ctrl-C end a question and not the process, which would leave the terminal without a cursor.
fn catch_interrupts() -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::usage)?;
    let _context = runtime.enter();
    // Nobody has to listen: the question hears of the key from the terminal, and the process
    // keeps the handler to its end.
    drop(signal(SignalKind::interrupt()).map_err(Failure::usage)?);
    Ok(())
}

fn select<T: Copy>(question: &str, options: &[Choosable<T>], default: usize) -> Result<T, Failure> {
    // It has a mind of its own about colour, which knows no `--color`.
    let color = anstream::AutoStream::choice(&io::stderr());
    console::set_colors_enabled_stderr(color != anstream::ColorChoice::Never);
    let lines = options
        .iter()
        .map(|option| format!("{:13} {}", option.name, option.description));
    let picked = Select::with_theme(&ColorfulTheme::default())
        .with_prompt(question)
        .items(lines)
        .default(default)
        .interact_opt();
    match picked {
        Ok(Some(picked)) => Ok(options[picked].value),
        Ok(None) => Err(nothing_chosen()),
        Err(dialoguer::Error::IO(error)) => {
            // It was hidden for the question.
            let _ = Term::stderr().show_cursor();
            Err(match error.kind() {
                io::ErrorKind::Interrupted => nothing_chosen(),
                _ => Failure::usage(error).hint("`-y` asks nothing"),
            })
        }
    }
}

fn nothing_chosen() -> Failure {
    Failure::usage("nothing was chosen, and nothing was made")
        .hint("`--kind` says it without questions")
}
