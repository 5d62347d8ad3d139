//! Feature flags.
//!
//! The schema, its 21 actions and what they mean are those of [Powertools for AWS Lambda], so that a
//! document serves functions in any language. It comes from AppConfig or any other store of
//! `parameters`, or is part of the function.
//!
//! ```json
//! {
//!   "discount": {
//!     "default": false,
//!     "rules": {
//!       "gold tier on Fridays": {
//!         "when_match": true,
//!         "conditions": [
//!           {"action": "EQUALS", "key": "tier", "value": "gold"},
//!           {"action": "SCHEDULE_BETWEEN_DAYS_OF_WEEK", "key": "CURRENT_DAY_OF_WEEK",
//!            "value": {"DAYS": ["FRIDAY"], "TIMEZONE": "Europe/Berlin"}}
//!         ]
//!       }
//!     }
//!   }
//! }
//! ```
//!
//! Rules are tried in the order of the document. The first whose conditions are all met decides; if
//! there is none, the feature's `default` does.
//!
//! - An attribute that is missing meets no condition, nor does one of a type that does not go with the
//!   action, such as a number with `STARTSWITH`: also where the action denies (`NOT_IN`).
//! - Numbers are equal by value: 1 is 1.0. A boolean is no number.
//! - `TIMEZONE` takes names such as `Europe/Berlin`; without it times are UTC. Lambda's
//!   `provided.al2023` has no time zone database: the feature `flags-time-zones` brings one.
//!
//! [Powertools for AWS Lambda]: https://docs.powertools.aws.dev/lambda/python/latest/utilities/feature_flags/

mod condition;
mod error;
mod feature_flags;
mod json;
mod schedule;
mod schema;
#[cfg(feature = "parameters")]
mod stored;
#[cfg(test)]
mod tests;

pub use error::FlagError;
pub use feature_flags::FeatureFlags;
pub use schema::Schema;
