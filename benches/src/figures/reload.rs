//! From an edit to the first answer of the new code.

use std::time::{Duration, Instant};

use super::{Plan, finish, round};
use crate::error::BenchError;
use crate::project::EditedProject;
use crate::report::{Row, Section, Target};
use crate::server::Server;
use crate::statistics::{median, milliseconds};
use crate::tool::{Tool, Tools};
use crate::traffic::Caller;

/// Between two calls that the old code answered: often enough to see the swap, and too seldom to
/// take the processor from the compiler.
const PAUSE: Duration = Duration::from_millis(2);
/// After which the new code will not come.
const LIMIT: Duration = Duration::from_secs(120);
/// The figure's own minimum of edits.
const EDITS: u32 = 5;

/// A tool at work on a project of its own.
struct Subject {
    server: Server,
    project: EditedProject,
    /// From edit to new answer, ms, per round.
    answered: Vec<f64>,
    /// The same without what the bare build took in that round.
    beyond: Vec<f64>,
}

impl Subject {
    fn start(plan: &Plan, tool: Tool) -> Result<Self, BenchError> {
        let name = format!("edited-{}", tool.name());
        let project = EditedProject::new(&name, &plan.functions, &plan.tools.scratch)?;
        let server = Server::start(&plan.tools, tool, project.path(), &[])?;
        server.warm(project.name())?;
        Ok(Self {
            server,
            project,
            answered: Vec::new(),
            beyond: Vec::new(),
        })
    }
}

pub(super) fn measure(plan: &Plan) -> Result<Section, BenchError> {
    let bare = EditedProject::new("edited-bare", &plan.functions, &plan.tools.scratch)?;
    let [mut kiln, mut other] = [
        Subject::start(plan, Tool::Kiln)?,
        Subject::start(plan, Tool::CargoLambda)?,
    ];
    build(&plan.tools, &bare)?;

    let edits = plan.runs.max(EDITS);
    let mut builds = Vec::new();
    for number in 0..edits {
        round("reload", number, edits);
        bare.edit()?;
        let built = milliseconds(build(&plan.tools, &bare)?);
        builds.push(built);
        for subject in [&mut kiln, &mut other] {
            let answered = milliseconds(edit(&subject.server, &subject.project)?);
            subject.answered.push(answered);
            subject.beyond.push(answered - built);
        }
    }
    drop((kiln.server, other.server));
    for project in [&bare, &kiln.project, &other.project] {
        forget(&plan.tools, project)?;
    }
    Ok(Section {
        figure: String::new(),
        title: "from an edit to the first answer of the new code",
        rows: vec![
            Row::new("edit → first new answer", "ms")
                .tools(median(kiln.answered), median(other.answered))
                .bare(median(builds)),
            Row::new("… beyond a bare `cargo build` of it", "ms")
                .tools(median(kiln.beyond), median(other.beyond))
                .target(Target::AtMost(150.0)),
        ],
        notes: vec![
            format!(
                "medians of {edits} edits; bare: `cargo build` of the same edit, in the same round \
                 and target directory"
            ),
            "calls follow each other over one connection; one that cargo-lambda does not answer \
             within 500 ms is made again"
                .to_owned(),
        ],
    })
}

/// Edits, and calls until the new code answers.
fn edit(server: &Server, project: &EditedProject) -> Result<Duration, BenchError> {
    let patience = server.tool.reload_patience();
    let call = server.invocation(project.name(), "{}");
    let mut caller = Caller::new(server.address, &call, patience);
    let began = Instant::now();
    let answer = project.edit()?;
    while began.elapsed() < LIMIT {
        match caller.call() {
            Ok(given) if given.body == answer.as_bytes() => return Ok(began.elapsed()),
            Ok(_) => std::thread::sleep(PAUSE),
            // Lost in the reload, or refused during it.
            Err(_) => {}
        }
    }
    Err(server.problem("does not come to run the new code"))
}

fn build(tools: &Tools, project: &EditedProject) -> Result<Duration, BenchError> {
    let began = Instant::now();
    finish(&mut tools.cargo(project.path(), &["build", "--quiet"]))?;
    Ok(began.elapsed())
}

/// Takes the project's artefacts out of the shared target directory: its path is new in every run,
/// and cargo would keep them for ever.
fn forget(tools: &Tools, project: &EditedProject) -> Result<(), BenchError> {
    let arguments = ["clean", "--quiet", "--package", project.name()];
    finish(&mut tools.cargo(project.path(), &arguments))
}
