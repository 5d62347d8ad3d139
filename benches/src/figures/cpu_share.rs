//! The share of CPU that a function really gets, by each means of keeping it to its share.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use kiln_sandbox::filesystem::{FileSystems, Layout};
use kiln_sandbox::resources::{Choice, CpuShare, Means};
use kiln_sandbox::{
    Controls, Environment, EnvironmentConfig, Host, Identity, InitializationType, Invocation,
    InvocationReport, Launch, LogSource, ResourceSettings, StreamLimits,
};
use tokio::sync::Notify;

use super::{Plan, round};
use crate::error::BenchError;
use crate::procfs;
use crate::report::{Row, Section, Target};
use crate::statistics::median;

const FUNCTION: &str = "behave";
/// With one thread, and with as many as share what one would get: of that the extremes.
const CASES: [(usize, &[u32]); 2] = [(1, &[128, 256, 512, 1_024, 1_769]), (2, &[128, 1_769])];
/// Before a measurement: the family moves to its group, the first credit is used up.
const SETTLING: Duration = Duration::from_millis(500);
const MEASURING: Duration = Duration::from_secs(3);
/// There are many cases, and little chance in each: more rounds would only be longer.
const MOST_RUNS: u32 = 3;
const TOLERANCE_PERCENT: f64 = 3.0;

/// Knows when the environment is there and when it has gone.
#[derive(Default)]
struct Watcher {
    available: Notify,
    closed: Notify,
    trouble: Mutex<Option<String>>,
}

impl Host for Watcher {
    fn available(&self, _environment: &Arc<Environment>) {
        self.available.notify_one();
    }
    fn available_soon(&self, _environment: &Arc<Environment>) {}
    fn closed(&self, _environment: &Arc<Environment>) {
        self.closed.notify_one();
    }
    fn log(&self, _environment: &Environment, _source: LogSource, line: &str) -> bool {
        if line.contains("rror") {
            *self
                .trouble
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(line.to_owned());
        }
        true
    }
    fn finished(&self, _environment: &Environment, _report: InvocationReport) {}
}

pub(super) fn measure(plan: &Plan) -> Result<Section, BenchError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(BenchError::Machine)?;
    let settings = |cpu| ResourceSettings {
        cpu,
        ..ResourceSettings::default()
    };
    let auto = Controls::detect(settings(Choice::Auto));
    let fallback = Controls::detect(settings(Choice::Fallback));
    let mut ways = vec![("by signals", fallback)];
    let mut notes = vec![
        format!(
            "a function that spins, {} times {} s each; the share is its CPU time over the time that passed",
            plan.runs.min(MOST_RUNS),
            MEASURING.as_secs()
        ),
        format!("in force here: {}", auto.in_force()),
    ];
    if matches!(auto.in_force().cpu.means, Means::ControlGroup(_)) {
        ways.insert(0, ("by cgroup", auto));
    } else {
        notes.push("no control group here that could be measured".to_owned());
    }
    let runs = plan.runs.min(MOST_RUNS);
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let mut rows = Vec::new();
    for (way, controls) in &ways {
        for (threads, sizes) in CASES {
            for &memory_mb in sizes {
                let wanted = CpuShare::of_memory(memory_mb).processors();
                if threads > processors {
                    continue;
                }
                let mut errors = Vec::new();
                let mut measured = Vec::new();
                for number in 0..runs {
                    round(&format!("cpu-share {way}, {memory_mb} MB"), number, runs);
                    let share =
                        runtime.block_on(spin(plan, controls.clone(), memory_mb, threads))?;
                    measured.push(share);
                    errors.push((share / wanted - 1.0).abs() * 100.0);
                }
                let plural = if threads == 1 { "" } else { "s" };
                let name = format!("{memory_mb} MB, {threads} thread{plural}, {way}: off by");
                let row = Row::new(name, "%").kiln(median(errors));
                rows.push(row.target(Target::AtMost(TOLERANCE_PERCENT)));
                notes.push(format!(
                    "{memory_mb} MB, {threads} thread{plural}, {way}: {:.2} % of a processor, {:.2} % wanted",
                    median(measured) * 100.0,
                    wanted * 100.0
                ));
            }
        }
        controls.close();
    }
    Ok(Section {
        figure: String::new(),
        title: "share of CPU, measured beside memory/1769",
        rows,
        notes,
    })
}

async fn spin(
    plan: &Plan,
    controls: Controls,
    memory_mb: u32,
    threads: usize,
) -> Result<f64, BenchError> {
    let layout = Layout {
        task_root: plan.functions.clone(),
        bootstrap: plan.function(FUNCTION),
        layers: Vec::new(),
        tmp_mb: 512,
    };
    let watcher = Arc::new(Watcher::default());
    let config = EnvironmentConfig {
        identity: Identity::default(),
        json_log: None,
        max_concurrency: None,
        memory_mb,
        timeout: Duration::from_secs(60),
        initialization: InitializationType::OnDemand,
        init_limit: Duration::from_secs(10),
        stream_limits: StreamLimits::default(),
        controls,
        launch: Some(Launch {
            files: FileSystems::off().release(layout).environment(),
            variables: [
                ("AWS_LAMBDA_FUNCTION_NAME", FUNCTION.to_owned()),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory_mb.to_string()),
                ("AWS_LAMBDA_LOG_GROUP_NAME", String::new()),
                ("AWS_LAMBDA_LOG_STREAM_NAME", String::new()),
            ]
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
            layers: Vec::new(),
            extension_variables: Vec::new(),
            credentials: None,
        }),
    };
    let host: Arc<dyn Host> = Arc::clone(&watcher) as _;
    let before = pids();
    let environment = Environment::start(config, host).map_err(BenchError::Machine)?;
    watcher.available.notified().await;
    let invocation = Invocation {
        request_id: "00000000-0000-4000-8000-000000000000".to_owned(),
        function_arn: String::new(),
        trace_id: String::new(),
        client_context: None,
        tenant_id: None,
        payload: format!(r#"{{"do": "spin", "threads": {threads}}}"#).into(),
        tail: false,
        arrived: SystemTime::now(),
        reply: None,
        parts: None,
    };
    if environment.invoke(Box::new(invocation)).is_err() {
        let reason = "it takes no invocation".to_owned();
        let program = FUNCTION.to_owned();
        return Err(BenchError::Program { program, reason });
    }
    let ours: Vec<u32> = pids()
        .into_iter()
        .filter(|pid| !before.contains(pid))
        .collect();
    let used = || {
        ours.iter()
            .map(|pid| procfs::run_time(*pid))
            .sum::<Duration>()
    };
    tokio::time::sleep(SETTLING).await;
    let (began, already) = (Instant::now(), used());
    tokio::time::sleep(MEASURING).await;
    let (passed, now) = (began.elapsed(), used());
    environment.close();
    watcher.closed.notified().await;
    if now == Duration::ZERO {
        let trouble = watcher.trouble.lock();
        let trouble = trouble.unwrap_or_else(std::sync::PoisonError::into_inner);
        let reason = trouble
            .clone()
            .unwrap_or_else(|| "it does not run".to_owned());
        let program = FUNCTION.to_owned();
        return Err(BenchError::Program { program, reason });
    }
    Ok(now.saturating_sub(already).as_secs_f64() / passed.as_secs_f64())
}

fn pids() -> Vec<u32> {
    let below = procfs::descendants(std::process::id());
    below.into_iter().map(|process| process.pid).collect()
}
