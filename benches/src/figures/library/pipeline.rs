//! 64 items that are downloaded, computed and uploaded.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use kiln::pipeline::{self, Report};
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::runtime;
use crate::error::BenchError;
use crate::figures::{Plan, round};
use crate::report::{Row, Section, Target};
use crate::statistics::{median, milliseconds};

const ITEMS: usize = 64;
const TRANSFERS: usize = 8;
/// A download, and an upload.
const TRANSFER: Duration = Duration::from_millis(50);
/// Of a processor's time, per item.
const COMPUTATION: Duration = Duration::from_millis(20);
/// What is downloaded, and what is made of it while that is still there.
const PAYLOAD: usize = 1 << 20;
/// For both, of sixteen items.
const MEMORY: usize = 16 * 2 * PAYLOAD;

/// Bytes in memory, and the most there were.
#[derive(Debug, Default)]
struct Gauge {
    now: AtomicUsize,
    most: AtomicUsize,
}

/// Bytes that are counted as long as they are there.
struct Payload {
    bytes: Vec<u8>,
    gauge: Arc<Gauge>,
}

impl Payload {
    fn new(gauge: &Arc<Gauge>, byte: u8) -> Self {
        let now = gauge.now.fetch_add(PAYLOAD, Ordering::SeqCst) + PAYLOAD;
        gauge.most.fetch_max(now, Ordering::SeqCst);
        Self {
            bytes: vec![byte; PAYLOAD],
            gauge: gauge.clone(),
        }
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        self.gauge.now.fetch_sub(PAYLOAD, Ordering::SeqCst);
    }
}

/// What a stage gives. Nothing fails here.
type Result<T> = std::result::Result<T, std::convert::Infallible>;

async fn download(gauge: Arc<Gauge>) -> Result<Payload> {
    let payload = Payload::new(&gauge, 1);
    tokio::time::sleep(TRANSFER).await;
    Ok(payload)
}

/// Uses its time of a processor, however many others want it.
fn compute(input: Payload) -> Result<Payload> {
    let used = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
        Duration::new(seconds, nanos)
    };
    let mut output = Payload::new(&input.gauge, 0);
    let end = used() + COMPUTATION;
    while used() < end {
        let pairs = output.bytes.iter_mut().zip(&input.bytes);
        pairs
            .take(10_000)
            .for_each(|(to, from)| *to = to.wrapping_add(*from).rotate_left(1));
    }
    Ok(output)
}

async fn upload(payload: Payload) -> Result<usize> {
    tokio::time::sleep(TRANSFER).await;
    Ok(payload.bytes.len())
}

/// What a way took.
struct Run {
    took: Duration,
    peak: usize,
}

fn by_kiln() -> std::result::Result<Run, BenchError> {
    let gauge = Arc::new(Gauge::default());
    let runtime = runtime()?;
    let began = Instant::now();
    let report: Report<usize, _> = runtime.block_on(async {
        let items = pipeline::items(vec![(); ITEMS], |()| 2 * PAYLOAD as u64);
        items
            .transfers(TRANSFERS)
            .memory(MEMORY as u64)
            .download(|()| download(gauge.clone()))
            .compute(compute)
            .upload(upload)
            .run()
            .await
    });
    let took = began.elapsed();
    let all = report
        .into_results()
        .map_err(|_failed| BenchError::Panicked)?;
    finished(&all, took, &gauge)
}

/// Each phase when the one before is done, as it is usually written.
fn by_hand() -> std::result::Result<Run, BenchError> {
    let gauge = Arc::new(Gauge::default());
    let runtime = runtime()?;
    let began = Instant::now();
    let all = runtime.block_on(async {
        let inputs = bounded((0..ITEMS).map(|_| download(gauge.clone()))).await;
        let computing = move || inputs.into_par_iter().flat_map(compute).collect::<Vec<_>>();
        let outputs = tokio::task::spawn_blocking(computing).await.ok()?;
        Some(bounded(outputs.into_iter().map(upload)).await)
    });
    let took = began.elapsed();
    finished(&all.unwrap_or_default(), took, &gauge)
}

/// All of them, so many at a time.
async fn bounded<T: Send + 'static>(
    transfers: impl Iterator<Item: Future<Output = Result<T>> + Send + 'static>,
) -> Vec<T> {
    let permits = Arc::new(Semaphore::new(TRANSFERS));
    let mut tasks = JoinSet::new();
    for transfer in transfers {
        let permits = permits.clone();
        tasks.spawn(async move {
            let _permit = permits.acquire().await;
            transfer.await
        });
    }
    tasks.join_all().await.into_iter().flatten().collect()
}

fn finished(all: &[usize], took: Duration, gauge: &Gauge) -> std::result::Result<Run, BenchError> {
    if all.len() != ITEMS {
        return Err(BenchError::Panicked);
    }
    let peak = gauge.most.load(Ordering::SeqCst);
    Ok(Run { took, peak })
}

pub fn measure(plan: &Plan) -> std::result::Result<Section, BenchError> {
    let (mut kiln, mut hand) = (Vec::new(), Vec::new());
    for number in 0..plan.runs {
        round("pipeline", number, plan.runs);
        kiln.push(by_kiln()?);
        hand.push(by_hand()?);
    }
    let took = |runs: &[Run]| median(runs.iter().map(|run| milliseconds(run.took)));
    let megabytes = |bytes: usize| bytes as f64 / f64::from(1 << 20);
    let peak = |runs: &[Run]| megabytes(runs.iter().map(|run| run.peak).max().unwrap_or_default());
    let threads = kiln::compute::threads().get() as f64;
    let items = ITEMS as f64;
    let transferring = items * 2.0 * milliseconds(TRANSFER) / TRANSFERS as f64;
    let computing = items * milliseconds(COMPUTATION) / threads;
    let bound = transferring.max(computing + 2.0 * milliseconds(TRANSFER));
    Ok(Section {
        figure: String::new(),
        title: "64 items: download 50 ms, compute 20 ms, upload 50 ms; 8 transfers at once",
        rows: vec![
            Row::new("all items", "ms")
                .by_hand(took(&kiln), took(&hand))
                .target(Target::RatioAtMost(0.7)),
            Row::new("what nothing can be faster than; three phases", "ms")
                .by_hand(bound, transferring + computing),
            Row::new("most bytes in memory at once", "MB")
                .by_hand(peak(&kiln), peak(&hand))
                .target(Target::AtMost(megabytes(MEMORY))),
        ],
        notes: vec![
            "the other column is one phase after the other, under the same limit of transfers"
                .to_owned(),
            format!(
                "transfers take {transferring:.0} ms at least, computing {computing:.0} ms on {threads} \
                 threads, of a processor's time each"
            ),
        ],
    })
}
