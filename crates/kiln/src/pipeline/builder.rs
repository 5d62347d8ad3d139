//! What a pipeline is made of.

use std::fmt;
use std::time::Duration;

use super::{MARGIN, Report, drive};
use crate::deadline::Deadline;
use crate::environment;

/// How many transfers there are at once, unless set.
const TRANSFERS: usize = 16;

/// How much memory there is where nobody says.
const MEMORY: u64 = 512 << 20;

/// Begins a pipeline: its items, and how many bytes each takes from the begin of its download to the
/// end of its upload.
///
/// That is the most it holds at one time: what is downloaded and what is computed of it together, where
/// computing does not consume the one as it makes the other. What an item says is believed: a download
/// should refuse to read more.
///
/// # Example
///
/// See [`Pipeline`].
pub fn items<T>(
    items: impl IntoIterator<Item = T>,
    bytes: impl Fn(&T) -> u64,
) -> Pipeline<T, (), (), ()> {
    let items = items.into_iter().map(|item| (bytes(&item), item));
    Pipeline {
        items: items.collect(),
        settings: Settings::default(),
        download: (),
        compute: (),
        upload: (),
    }
}

/// Items on their way through three stages; made by [`items`], complete with
/// [`download`](Self::download), [`compute`](Self::compute) and [`upload`](Self::upload).
///
/// # Example
///
/// ```
/// use kiln::pipeline::{self, Cause};
/// use std::time::Duration;
/// # use std::convert::Infallible;
///
/// # kiln_doc(async {
/// let report = pipeline::items(vec![5_u64, 600, 7], |size| *size)
///     .transfers(4)
///     .memory(100)
///     .margin(Duration::from_millis(250))
///     .download(async |size| Ok::<_, Infallible>(vec![b'a'; usize::try_from(size).unwrap_or(0)]))
///     .compute(|bytes: Vec<u8>| Ok(bytes.to_ascii_uppercase()))
///     .upload(async |bytes: Vec<u8>| Ok(bytes.len()))
///     .run()
///     .await;
/// assert!(matches!(report.outcomes[0], Ok(5)));
/// let error = report.outcomes[1].as_ref().unwrap_err();
/// assert!(matches!(error.cause, Cause::TooLarge { bytes: 600, .. }));
/// # });
/// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
/// #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
/// # }
/// ```
#[must_use = "nothing is done until it is run"]
pub struct Pipeline<T, D, C, U> {
    items: Vec<(u64, T)>,
    settings: Settings,
    download: D,
    compute: C,
    upload: U,
}

/// The limits of a pipeline.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) transfers: usize,
    pub(super) memory: u64,
    pub(super) margin: Duration,
    pub(super) lead: Duration,
    pub(super) deadline: Deadline,
    pub(super) stop_on_failure: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let memory = environment::current().memory_mb;
        Self {
            transfers: TRANSFERS,
            memory: memory.map_or(MEMORY, |megabytes| (u64::from(megabytes) << 20) / 2),
            margin: MARGIN,
            lead: Duration::ZERO,
            deadline: Deadline::NEVER,
            stop_on_failure: false,
        }
    }
}

impl<T, D, C, U> Pipeline<T, D, C, U> {
    /// How many downloads and uploads there are at once, together: 16 unless set.
    ///
    /// With zero, every item fails with [`Cause::ZeroTransfers`](super::Cause::ZeroTransfers).
    pub fn transfers(mut self, transfers: usize) -> Self {
        self.settings.transfers = transfers;
        self
    }

    /// How many bytes items may hold at once: half of the function's memory unless set, and 512 MB
    /// outside of Lambda.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.settings.memory = bytes;
        self
    }

    /// How long before the deadline everything ends: [`MARGIN`] unless set.
    pub fn margin(mut self, margin: Duration) -> Self {
        self.settings.margin = margin;
        self
    }

    /// How long an item takes: none is begun when less is left. Zero unless set.
    pub fn lead(mut self, lead: Duration) -> Self {
        self.settings.lead = lead;
        self
    }

    /// A deadline besides that of the invocation. The earlier one counts, less the margin.
    pub fn deadline(mut self, deadline: Deadline) -> Self {
        self.settings.deadline = deadline;
        self
    }

    /// Begins no item after one has failed. Those that have begun come to their end.
    pub fn stop_on_failure(mut self) -> Self {
        self.settings.stop_on_failure = true;
        self
    }

    /// The first stage: fetches what an item is about.
    pub fn download<F>(self, download: F) -> Pipeline<T, F, C, U> {
        Pipeline {
            items: self.items,
            settings: self.settings,
            download,
            compute: self.compute,
            upload: self.upload,
        }
    }

    /// The second stage: a closure without `async`, on the threads of [`compute`](crate::compute).
    pub fn compute<F>(self, compute: F) -> Pipeline<T, D, F, U> {
        Pipeline {
            items: self.items,
            settings: self.settings,
            download: self.download,
            compute,
            upload: self.upload,
        }
    }

    /// The third stage: stores what was computed, and gives the item's result.
    pub fn upload<F>(self, upload: F) -> Pipeline<T, D, C, F> {
        Pipeline {
            items: self.items,
            settings: self.settings,
            download: self.download,
            compute: self.compute,
            upload,
        }
    }

    /// Brings all items through.
    ///
    /// # Cancellation
    /// Dropping the future drops all transfers, and begins no more computations.
    pub async fn run<Down, Input, Output, Up, R, E>(self) -> Report<R, E>
    where
        D: Fn(T) -> Down,
        Down: Future<Output = Result<Input, E>>,
        C: Fn(Input) -> Result<Output, E> + Send + Sync + 'static,
        U: Fn(Output) -> Up,
        Up: Future<Output = Result<R, E>>,
        Input: Send + 'static,
        Output: Send + 'static,
        E: Send + 'static,
    {
        let Self {
            items,
            settings,
            download,
            compute,
            upload,
        } = self;
        drive::run(items, settings, download, compute, upload).await
    }
}

impl<T, D, C, U> fmt::Debug for Pipeline<T, D, C, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline")
            .field("items", &self.items.len())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
