//! What there is to choose from: one list for `--help`, for flags and for questions.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use kiln_project::scaffold::{ExtensionApi, Kind, Workload};

/// One thing to choose.
#[derive(Clone, Copy, Debug)]
pub struct Choosable<T> {
    /// What is chosen.
    pub value: T,
    /// The name it is asked for by.
    pub name: &'static str,
    /// What it is, in a few words.
    pub description: &'static str,
}

/// What `--kind` can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KindChoice {
    /// A function that answers this.
    Function(Kind),
    /// An extension.
    Extension,
}

/// The values of `--kind`.
pub fn kinds() -> Vec<Choosable<KindChoice>> {
    let functions = Kind::ALL.iter().map(|&kind| Choosable {
        value: KindChoice::Function(kind),
        name: kind.name(),
        description: kind.description(),
    });
    let extension = Choosable {
        value: KindChoice::Extension,
        name: "extension",
        description: "a Lambda extension",
    };
    functions.chain([extension]).collect()
}

/// The values of `--workload`.
pub fn workloads() -> Vec<Choosable<Workload>> {
    let choosable = |&workload: &Workload| Choosable {
        value: workload,
        name: workload.name(),
        description: workload.description(),
    };
    Workload::ALL.iter().map(choosable).collect()
}

/// The values of `--extension-api`.
pub fn extension_apis() -> Vec<Choosable<ExtensionApi>> {
    let choosable = |&api: &ExtensionApi| Choosable {
        value: api,
        name: api.name(),
        description: api.description(),
    };
    ExtensionApi::ALL.iter().map(choosable).collect()
}

/// A flag that takes one of these by its name.
pub fn one_of<T: Copy + Send + Sync + 'static>(
    options: Vec<Choosable<T>>,
) -> impl TypedValueParser<Value = T> {
    let names = options
        .iter()
        .map(|option| PossibleValue::new(option.name).help(option.description));
    PossibleValuesParser::new(names).map(move |name| {
        let mut options = options.iter();
        let chosen = options.find(|option| option.name == name);
        chosen.expect("the parser knows these names only").value
    })
}
