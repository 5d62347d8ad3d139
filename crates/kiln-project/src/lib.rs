//! Cargo metadata and layered configuration resolved to one model of a user's project.
//!
//! ```no_run
//! use kiln_project::{Environment, LoadOptions, Overrides, Project, Selection};
//!
//! # fn main() -> Result<(), kiln_project::ProjectError> {
//! let mut options = LoadOptions::new(".");
//! options.environment = Environment::from_process();
//! let project = Project::load(&options)?;
//! for function in project.select(&Selection::default())? {
//!     let settings = project.settings(function, &Overrides::default())?;
//!     let memory = &settings.deploy.memory;
//!     assert!(memory.value.megabytes() >= 128, "{} from {}", memory.value, memory.origin);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Layers of configuration
//!
//! The strongest first; each value carries the [`Origin`] it was taken from.
//!
//! 1. flags ([`Overrides`])
//! 2. environment variables `KILN_…` ([`keys`] lists them)
//! 3. `[package.metadata.kiln.bin.NAME.…]`, then `[package.metadata.kiln.…]`
//! 4. `[workspace.metadata.kiln.bin.NAME.…]`, then `[workspace.metadata.kiln.…]`
//! 5. the same four under `metadata.lambda`, which are cargo-lambda's
//! 6. `CargoLambda.toml` in the workspace root
//! 7. the default
//!
//! A function's variables are merged from all layers. Of one that is in several, the first of
//! these holds: `--env-var`, the env file, the tables of the binary, of the package, of the
//! binary in the workspace's manifest, of the workspace, `CargoLambda.toml`; at the same place
//! `metadata.kiln` before `metadata.lambda`.

mod cargo;
mod env_file;
mod environment;
mod error;
mod function;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod graph;
mod layers;
mod project;
mod resolve;
pub mod scaffold;
mod select;
mod setting;
mod settings;
mod together;
mod unread;
mod value;
mod variables;

pub use cargo_metadata;
pub use env_file::parse_pairs;
pub use environment::Environment;
pub use error::ProjectError;
pub use function::{Function, FunctionKind, TargetKind};
pub use project::{LoadOptions, Project};
pub use resolve::FunctionSettings;
pub use select::Selection;
pub use setting::{Origin, Setting};
pub use settings::{
    BuildOverrides, BuildSettings, DeployOverrides, DeploySettings, Entry, Key, Overrides, Purpose,
    WatchOverrides, WatchSettings, keys,
};
pub use unread::UnreadKey;
pub use value::{
    Addresses, ApplicationLogLevel, BuildTarget, Compiler, CompilerKind, Concurrency,
    EphemeralStorage, FunctionLayer, FunctionLayers, IdleTimeout, InvalidText, LogFormat,
    MaxConcurrency, Memory, OutputFormat, ProvisionedConcurrency, SettingValue, SystemLogLevel,
    Timeout,
};
pub use variables::Variables;
