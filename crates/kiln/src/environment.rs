//! What the execution environment says of itself: memory, processors, how it was initialized.
//!
//! Read from the variables that [Lambda defines][variables], once per process.
//!
//! [variables]: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime

use std::env;
use std::num::NonZeroUsize;
use std::sync::LazyLock;
use std::thread::available_parallelism;

/// The memory setting, in MB, that comes with one whole vCPU.
///
/// Source: [Configure Lambda function memory](https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html).
///
/// # Example
///
/// ```
/// use kiln::environment::{self, MB_PER_VCPU};
///
/// // Outside of Lambda there is no memory setting.
/// let has_a_vcpu = environment::current().memory_mb.is_none_or(|memory| memory >= MB_PER_VCPU);
/// assert!(has_a_vcpu);
/// ```
pub const MB_PER_VCPU: u32 = 1_769;

/// The settings of this execution environment.
///
/// # Example
///
/// ```
/// let environment = kiln::environment::current();
/// // Outside of Lambda there is no memory setting, and every processor counts.
/// assert!(environment.memory_mb.is_none());
/// assert!(environment.threads().get() >= 1);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Environment {
    /// `AWS_LAMBDA_FUNCTION_NAME`.
    pub function_name: Option<String>,
    /// `AWS_LAMBDA_FUNCTION_VERSION`: a number, or `$LATEST`.
    pub function_version: Option<String>,
    /// `AWS_LAMBDA_FUNCTION_MEMORY_SIZE`, in MB.
    pub memory_mb: Option<u32>,
    /// `AWS_LAMBDA_INITIALIZATION_TYPE`.
    pub initialization: Initialization,
    /// `AWS_LAMBDA_MAX_CONCURRENCY`: how many invocations may run here at once, on managed instances.
    pub max_concurrency: Option<NonZeroUsize>,
}

/// What the environment was initialized for.
///
/// # Example
///
/// ```
/// use kiln::environment::{self, Initialization};
///
/// // Nobody waits for what is loaded ahead; a cold start is kept short.
/// let loads_all = match environment::current().initialization {
///     Initialization::OnDemand => false,
///     _ => true,
/// };
/// assert!(!loads_all);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Initialization {
    /// An invocation that waits for it: a cold start.
    #[default]
    OnDemand,
    /// Ahead of any invocation: nobody waits.
    ProvisionedConcurrency,
    /// A snapshot.
    SnapStart,
    /// Managed instances: ahead of any invocation, for several at once.
    ManagedInstances,
}

impl Environment {
    /// Reads the variables through `get`.
    pub(crate) fn read(get: impl Fn(&str) -> Option<String>) -> Self {
        Self {
            function_name: get("AWS_LAMBDA_FUNCTION_NAME"),
            function_version: get("AWS_LAMBDA_FUNCTION_VERSION"),
            memory_mb: number(get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")),
            initialization: match get("AWS_LAMBDA_INITIALIZATION_TYPE").as_deref() {
                Some("provisioned-concurrency") => Initialization::ProvisionedConcurrency,
                Some("snap-start") => Initialization::SnapStart,
                Some("lambda-managed-instances") => Initialization::ManagedInstances,
                _ => Initialization::OnDemand,
            },
            max_concurrency: number(get("AWS_LAMBDA_MAX_CONCURRENCY")),
        }
    }

    /// The share of processors that comes with the memory, in vCPUs; `None` outside of Lambda, and
    /// on managed instances, whose ratio of memory to processors is configured.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::environment::Environment;
    ///
    /// let mut environment = Environment::default();
    /// assert_eq!(environment.vcpus(), None);
    /// environment.memory_mb = Some(3_538);
    /// assert_eq!(environment.vcpus(), Some(2.0));
    /// ```
    pub fn vcpus(&self) -> Option<f64> {
        let memory = self.memory_mb.filter(|_| self.max_concurrency.is_none())?;
        Some(f64::from(memory) / f64::from(MB_PER_VCPU))
    }

    /// How many threads can compute at once: the vCPUs, rounded up, and no more than the processors
    /// there are.
    ///
    /// At least one, however small the share.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::environment::Environment;
    ///
    /// let mut small = Environment::default();
    /// small.memory_mb = Some(512);
    /// // Less than a third of a vCPU is one thread.
    /// assert_eq!(small.threads().get(), 1);
    /// ```
    pub fn threads(&self) -> NonZeroUsize {
        let processors = available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let Some(memory) = self.memory_mb.filter(|_| self.max_concurrency.is_none()) else {
            return processors;
        };
        let vcpus = usize::try_from(memory.div_ceil(MB_PER_VCPU)).unwrap_or(usize::MAX);
        NonZeroUsize::new(vcpus).map_or(NonZeroUsize::MIN, |vcpus| vcpus.min(processors))
    }

    /// Whether the first invocation here has waited for the environment.
    ///
    /// False where the environment was made ahead, as Powertools counts it.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::environment::{Environment, Initialization};
    ///
    /// let mut environment = Environment::default();
    /// assert!(environment.starts_cold());
    /// environment.initialization = Initialization::ProvisionedConcurrency;
    /// assert!(!environment.starts_cold());
    /// ```
    pub fn starts_cold(&self) -> bool {
        !matches!(
            self.initialization,
            Initialization::ProvisionedConcurrency | Initialization::ManagedInstances
        )
    }
}

/// The environment of this process.
///
/// # Example
///
/// ```
/// use kiln::environment;
///
/// let parts = environment::current().threads().get();
/// let items = [1, 2, 3, 4, 5];
/// let sums = items.chunks(items.len().div_ceil(parts)).map(|part| part.iter().sum::<u32>());
/// assert_eq!(sums.sum::<u32>(), 15);
/// ```
pub fn current() -> &'static Environment {
    static CURRENT: LazyLock<Environment> =
        LazyLock::new(|| Environment::read(|name| env::var(name).ok()));
    &CURRENT
}

fn number<T: std::str::FromStr>(value: Option<String>) -> Option<T> {
    value?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Environment {
        Environment::read(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn memory_gives_threads_within_the_processors() {
        let processors = available_parallelism().unwrap().get();
        for (memory, threads) in [
            ("128", 1),
            ("1769", 1),
            ("1770", 2.min(processors)),
            ("10240", 6.min(processors)),
            ("no number", processors),
        ] {
            let environment = with(&[("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory)]);
            assert_eq!(environment.threads().get(), threads, "{memory} MB");
        }
    }

    #[test]
    fn managed_instances_have_their_own_ratio() {
        let environment = with(&[
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "2048"),
            ("AWS_LAMBDA_MAX_CONCURRENCY", "10"),
        ]);
        assert_eq!(environment.vcpus(), None);
        assert_eq!(environment.threads(), available_parallelism().unwrap());
    }

    #[test]
    fn environments_made_ahead_do_not_start_cold() {
        for (kind, cold) in [
            ("on-demand", true),
            ("snap-start", true),
            ("provisioned-concurrency", false),
            ("lambda-managed-instances", false),
        ] {
            let environment = with(&[("AWS_LAMBDA_INITIALIZATION_TYPE", kind)]);
            assert_eq!(environment.starts_cold(), cold, "{kind}");
        }
    }
}
