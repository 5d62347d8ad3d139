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
/// ```
/// use kiln::pipeline::{self, Cause};
/// # use std::convert::Infallible;
/// # struct Object { key: &'static str, size: u64 }
///
/// # kiln_doc(async {
/// let objects = [Object { key: "mug.png", size: 40 }, Object { key: "film.mp4", size: 4_000 }];
/// // What is downloaded, and what is made of it: twice its size.
/// let report = pipeline::items(objects, |object| 2 * object.size)
///     .memory(100)
///     .download(async |object: Object| Ok::<_, Infallible>(object.key))
///     .compute(Ok)
///     .upload(async |key| Ok(key))
///     .run()
///     .await;
/// assert!(matches!(report.outcomes[0], Ok("mug.png")));
/// let error = report.outcomes[1].as_ref().unwrap_err();
/// assert!(matches!(error.cause, Cause::TooLarge { bytes: 8_000, .. }));
/// # });
/// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
/// #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
/// # }
/// ```
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
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::pipeline;
    /// use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    /// # use std::convert::Infallible;
    ///
    /// # kiln_doc(async {
    /// let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    /// let report = pipeline::items(0..9, |_| 1)
    ///     .transfers(2)
    ///     .download(async |number| {
    ///         most.fetch_max(now.fetch_add(1, Relaxed) + 1, Relaxed);
    ///         tokio::task::yield_now().await;
    ///         now.fetch_sub(1, Relaxed);
    ///         Ok::<_, Infallible>(number)
    ///     })
    ///     .compute(Ok)
    ///     .upload(async |number| Ok(number))
    ///     .run()
    ///     .await;
    /// assert_eq!(report.failures().count(), 0);
    /// assert_eq!(most.into_inner(), 2);
    /// # });
    /// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
    /// #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
    /// # }
    /// ```
    pub fn transfers(mut self, transfers: usize) -> Self {
        self.settings.transfers = transfers;
        self
    }

    /// How many bytes items may hold at once: half of the function's memory unless set, and 512 MB
    /// outside of Lambda.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::pipeline;
    /// # use std::convert::Infallible;
    ///
    /// # kiln_doc(async {
    /// // Eight bytes each: never more than two items at once, however many transfers there may be.
    /// let report = pipeline::items(0..9, |_| 8)
    ///     .memory(16)
    ///     .download(async |number| Ok::<_, Infallible>(number))
    ///     .compute(Ok)
    ///     .upload(async |number| Ok(number))
    ///     .run()
    ///     .await;
    /// assert_eq!(report.peak_bytes, 16);
    /// # });
    /// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
    /// #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
    /// # }
    /// ```
    pub fn memory(mut self, bytes: u64) -> Self {
        self.settings.memory = bytes;
        self
    }

    /// How long before the deadline everything ends: [`MARGIN`] unless set.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::deadline::Deadline;
    /// use kiln::pipeline::{self, Cause};
    /// # use std::convert::Infallible;
    /// use std::time::Duration;
    ///
    /// # kiln_doc(async {
    /// let begun = tokio::time::Instant::now();
    /// let report = pipeline::items([1], |_| 1)
    ///     .deadline(Deadline::after(Duration::from_secs(30)))
    ///     // To write down how far it came.
    ///     .margin(Duration::from_secs(10))
    ///     .download(async |_| {
    ///         std::future::pending::<()>().await;
    ///         Ok::<_, Infallible>(())
    ///     })
    ///     .compute(Ok)
    ///     .upload(async |()| Ok(()))
    ///     .run()
    ///     .await;
    /// let error = report.into_results().unwrap_err();
    /// assert!(matches!(error.cause, Cause::DeadlineExceeded));
    /// assert!(begun.elapsed() <= Duration::from_secs(21));
    /// # });
    /// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
    /// #     let mut runtime = tokio::runtime::Builder::new_current_thread();
    /// #     runtime.enable_time().start_paused(true).build().unwrap().block_on(test)
    /// # }
    /// ```
    pub fn margin(mut self, margin: Duration) -> Self {
        self.settings.margin = margin;
        self
    }

    /// How long an item takes: none is begun when less is left. Zero unless set.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::deadline::Deadline;
    /// use kiln::pipeline::{self, Cause};
    /// # use std::convert::Infallible;
    /// use std::time::Duration;
    ///
    /// # kiln_doc(async {
    /// // A film takes a minute: with half of one left, none is begun.
    /// let report = pipeline::items(["film.mp4"], |_| 1)
    ///     .deadline(Deadline::after(Duration::from_secs(30)))
    ///     .lead(Duration::from_secs(60))
    ///     .download(async |key| Ok::<_, Infallible>(key))
    ///     .compute(Ok)
    ///     .upload(async |key| Ok(key))
    ///     .run()
    ///     .await;
    /// let error = report.into_results().unwrap_err();
    /// assert!(matches!(error.cause, Cause::DeadlineExceeded));
    /// assert_eq!(error.stage, None);
    /// # });
    /// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
    /// #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
    /// # }
    /// ```
    pub fn lead(mut self, lead: Duration) -> Self {
        self.settings.lead = lead;
        self
    }

    /// A deadline besides that of the invocation. The earlier one counts, less the margin.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::deadline::Deadline;
    /// use kiln::pipeline::{self, Cause, Stage};
    /// # use std::convert::Infallible;
    /// use std::time::Duration;
    ///
    /// # kiln_doc(async {
    /// // Of a caller that gives up after 5 seconds.
    /// let report = pipeline::items([1], |_| 1)
    ///     .deadline(Deadline::after(Duration::from_secs(5)))
    ///     .download(async |_| {
    ///         std::future::pending::<()>().await;
    ///         Ok::<_, Infallible>(())
    ///     })
    ///     .compute(Ok)
    ///     .upload(async |()| Ok(()))
    ///     .run()
    ///     .await;
    /// let error = report.into_results().unwrap_err();
    /// assert!(matches!(error.cause, Cause::DeadlineExceeded));
    /// assert_eq!(error.stage, Some(Stage::Download));
    /// # });
    /// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
    /// #     let mut runtime = tokio::runtime::Builder::new_current_thread();
    /// #     runtime.enable_time().start_paused(true).build().unwrap().block_on(test)
    /// # }
    /// ```
    pub fn deadline(mut self, deadline: Deadline) -> Self {
        self.settings.deadline = deadline;
        self
    }

    /// Begins no item after one has failed. Those that have begun come to their end.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::pipeline::{self, Cause};
    ///
    /// # kiln_doc(async {
    /// let report = pipeline::items(["one", "2", "3"], |_| 1)
    ///     .transfers(1)
    ///     .stop_on_failure()
    ///     .download(async |text: &str| text.parse::<u32>())
    ///     .compute(Ok)
    ///     .upload(async |number| Ok(number))
    ///     .run()
    ///     .await;
    /// let causes: Vec<_> = report.failures().map(|error| &error.cause).collect();
    /// assert!(matches!(causes[..], [Cause::Failed(_), Cause::Stopped, Cause::Stopped]));
    /// # });
    /// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
    /// #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
    /// # }
    /// ```
    pub fn stop_on_failure(mut self) -> Self {
        self.settings.stop_on_failure = true;
        self
    }

    /// The first stage: fetches what an item is about.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::pipeline;
    /// # use std::convert::Infallible;
    ///
    /// # kiln_doc(async {
    /// let bucket = |key: &str| key.repeat(3).into_bytes();
    /// let report = pipeline::items(["mug", "bowl"], |_| 12)
    ///     .download(async |key| Ok::<Vec<u8>, Infallible>(bucket(key)))
    ///     .compute(|object: Vec<u8>| Ok(object.len()))
    ///     .upload(async |length| Ok(length))
    ///     .run()
    ///     .await;
    /// assert_eq!(report.into_results().unwrap(), [9, 12]);
    /// # });
    /// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
    /// #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
    /// # }
    /// ```
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
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::pipeline;
    /// # use std::convert::Infallible;
    ///
    /// # kiln_doc(async {
    /// let here = std::thread::current().id();
    /// let report = pipeline::items([1_u64, 2, 3], |_| 8)
    ///     .download(async |number| Ok::<_, Infallible>(number))
    ///     .compute(move |number| Ok((number * number, std::thread::current().id() != here)))
    ///     .upload(async |computed| Ok(computed))
    ///     .run()
    ///     .await;
    /// assert_eq!(report.into_results().unwrap(), [(1, true), (4, true), (9, true)]);
    /// # });
    /// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
    /// #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
    /// # }
    /// ```
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
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::pipeline;
    /// use std::sync::Mutex;
    /// # use std::convert::Infallible;
    ///
    /// # kiln_doc(async {
    /// let bucket = Mutex::new(Vec::new());
    /// let report = pipeline::items(["mug", "bowl"], |_| 4)
    ///     .download(async |name| Ok::<_, Infallible>(name))
    ///     .compute(|name: &str| Ok(name.to_uppercase()))
    ///     .upload(async |object: String| {
    ///         let key = format!("{object}.txt");
    ///         bucket.lock().unwrap().push(object);
    ///         Ok(key)
    ///     })
    ///     .run()
    ///     .await;
    /// assert_eq!(report.into_results().unwrap(), ["MUG.txt", "BOWL.txt"]);
    /// assert_eq!(bucket.lock().unwrap().len(), 2);
    /// # });
    /// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
    /// #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
    /// # }
    /// ```
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
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::pipeline;
    ///
    /// # kiln_doc(async {
    /// let pipeline = pipeline::items(["1", "two", "3"], |_| 1)
    ///     .download(async |text: &str| text.parse::<u32>())
    ///     .compute(|number| Ok(number * 10))
    ///     .upload(async |number| Ok(number));
    /// let report = pipeline.run().await;
    /// assert!(matches!(report.outcomes[..], [Ok(10), Err(_), Ok(30)]));
    /// # });
    /// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
    /// #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
    /// # }
    /// ```
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
