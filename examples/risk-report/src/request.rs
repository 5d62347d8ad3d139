//! What is asked, and whether it makes sense.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// How many positions a portfolio may have.
const POSITIONS: RangeInclusive<usize> = 1..=500;
/// How many futures may be simulated.
const SIMULATIONS: RangeInclusive<usize> = 1_000..=5_000_000;
/// Positions times simulations: half a minute or so on one core.
const MOST_WORK: usize = 1_000_000_000;
/// How far ahead, in trading days: up to ten years.
const HORIZON_DAYS: RangeInclusive<u32> = 1..=2_520;
/// How sure to be.
const CONFIDENCE: RangeInclusive<f64> = 0.5..=0.9999;
/// How few simulated futures may lie beyond the value at risk before it is noise.
const SMALLEST_TAIL: f64 = 10.0;
/// The largest position, in whatever currency.
const LARGEST_VALUE: f64 = 1e12;
/// Expected returns per year, as fractions.
const ANNUAL_RETURN: RangeInclusive<f64> = -1.0..=10.0;
/// Volatilities per year, as fractions.
const ANNUAL_VOLATILITY: RangeInclusive<f64> = 0.0..=5.0;

/// A request as it arrives. Unknown members are refused: a misspelled one would change the answer.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RiskRequest {
    /// What is held.
    pub positions: Vec<Position>,
    /// How much all positions move together, 0 to 1.
    pub correlation: f64,
    /// How far ahead to look, in trading days.
    pub horizon_days: u32,
    /// In what share of the futures the loss is at most the value at risk: 0.99 for 99 %.
    pub confidence: f64,
    /// How many futures to simulate.
    pub simulations: usize,
    /// The same seed gives the same report.
    pub seed: u64,
}

/// Something that is held.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Position {
    /// Its name, for messages.
    pub symbol: String,
    /// What it is worth today; negative for a short position.
    pub value: f64,
    /// What it is expected to gain per year, as a fraction.
    pub annual_return: f64,
    /// How much that varies per year, as a fraction.
    pub annual_volatility: f64,
}

/// Why a request makes no sense. Each message names the member and what would do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RequestError {
    /// None, or too many.
    #[error("`positions` has {0} entries instead of {least} to {most}", least = POSITIONS.start(), most = POSITIONS.end())]
    Positions(usize),
    /// Too few to mean anything, or too many to wait for.
    #[error("`simulations` is {0} instead of {least} to {most}", least = SIMULATIONS.start(), most = SIMULATIONS.end())]
    Simulations(usize),
    /// Each factor is fine, their product is not.
    #[error("{positions} positions times {simulations} simulations are more than {MOST_WORK}")]
    Work {
        /// How many positions.
        positions: usize,
        /// How many simulations.
        simulations: usize,
    },
    /// Today, or beyond what such a model can say.
    #[error("`horizonDays` is {0} instead of {least} to {most}", least = HORIZON_DAYS.start(), most = HORIZON_DAYS.end())]
    HorizonDays(u32),
    /// Not a share.
    #[error("`confidence` is {0} instead of {least} to {most}", least = CONFIDENCE.start(), most = CONFIDENCE.end())]
    Confidence(f64),
    /// The answer would hang on a handful of futures.
    #[error(
        "{simulations} simulations say too little at a confidence of {confidence}: \
         fewer than {SMALLEST_TAIL} lie beyond it"
    )]
    Tail {
        /// How many simulations.
        simulations: usize,
        /// The confidence.
        confidence: f64,
    },
    /// Not a correlation that all positions can have with each other.
    #[error("`correlation` is {0} instead of 0 to 1")]
    Correlation(f64),
    /// A position with a member out of range.
    #[error("`{member}` of `{symbol}` is {value} instead of {least} to {most}")]
    Position {
        /// Whose.
        symbol: String,
        /// Which.
        member: &'static str,
        /// What it is.
        value: f64,
        /// The least it may be.
        least: f64,
        /// The most it may be.
        most: f64,
    },
}

/// A request that makes sense: to have one is proof that it was checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Portfolio(RiskRequest);

impl Portfolio {
    /// The request.
    pub fn request(&self) -> &RiskRequest {
        &self.0
    }
}

impl RiskRequest {
    /// Checks that the request makes sense.
    ///
    /// # Errors
    ///
    /// The first thing that does not.
    pub fn check(self) -> Result<Portfolio, RequestError> {
        let positions = self.positions.len();
        let simulations = self.simulations;
        let confidence = self.confidence;
        if !POSITIONS.contains(&positions) {
            return Err(RequestError::Positions(positions));
        }
        if !SIMULATIONS.contains(&simulations) {
            return Err(RequestError::Simulations(simulations));
        }
        if positions * simulations > MOST_WORK {
            return Err(RequestError::Work {
                positions,
                simulations,
            });
        }
        if !HORIZON_DAYS.contains(&self.horizon_days) {
            return Err(RequestError::HorizonDays(self.horizon_days));
        }
        if !CONFIDENCE.contains(&confidence) {
            return Err(RequestError::Confidence(confidence));
        }
        // Half a future of slack: 1 - 0.999 is not quite 0.001.
        if (1.0 - confidence) * simulations as f64 + 0.5 < SMALLEST_TAIL {
            return Err(RequestError::Tail {
                simulations,
                confidence,
            });
        }
        if !(0.0..=1.0).contains(&self.correlation) {
            return Err(RequestError::Correlation(self.correlation));
        }
        self.positions.iter().try_for_each(Position::check)?;
        Ok(Portfolio(self))
    }
}

impl Position {
    fn check(&self) -> Result<(), RequestError> {
        let members = [
            ("value", self.value, -LARGEST_VALUE..=LARGEST_VALUE),
            ("annualReturn", self.annual_return, ANNUAL_RETURN),
            (
                "annualVolatility",
                self.annual_volatility,
                ANNUAL_VOLATILITY,
            ),
        ];
        for (member, value, range) in members {
            if !range.contains(&value) {
                return Err(RequestError::Position {
                    symbol: self.symbol.clone(),
                    member,
                    value,
                    least: *range.start(),
                    most: *range.end(),
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> RiskRequest {
        RiskRequest {
            positions: vec![Position {
                symbol: "KILN".to_owned(),
                value: 1e6,
                annual_return: 0.07,
                annual_volatility: 0.2,
            }],
            correlation: 0.3,
            horizon_days: 10,
            confidence: 0.99,
            simulations: 10_000,
            seed: 42,
        }
    }

    /// A request that is fine but for one thing.
    fn with(change: impl FnOnce(&mut RiskRequest)) -> RiskRequest {
        let mut request = request();
        change(&mut request);
        request
    }

    #[test]
    fn a_sensible_request_passes() {
        assert_eq!(request().check().unwrap().request(), &request());
        // The smallest tail that is allowed, in spite of rounding.
        let edge = with(|request| {
            request.confidence = 0.999;
            request.simulations = 10_000;
        });
        assert!(edge.check().is_ok());
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (request, message) in [
            (
                with(|it| it.positions.clear()),
                "`positions` has 0 entries instead of 1 to 500",
            ),
            (
                with(|it| it.positions = vec![it.positions[0].clone(); 501]),
                "`positions` has 501 entries",
            ),
            (
                with(|it| it.simulations = 0),
                "`simulations` is 0 instead of 1000 to 5000000",
            ),
            (with(|it| it.simulations = usize::MAX), "`simulations` is"),
            (
                with(|it| {
                    it.simulations = 5_000_000;
                    it.positions = vec![it.positions[0].clone(); 500];
                }),
                "500 positions times 5000000 simulations are more than",
            ),
            (
                with(|it| it.horizon_days = 0),
                "`horizonDays` is 0 instead of 1 to 2520",
            ),
            (
                with(|it| it.confidence = 1.0),
                "`confidence` is 1 instead of 0.5 to 0.9999",
            ),
            (with(|it| it.confidence = f64::NAN), "`confidence` is NaN"),
            (
                with(|it| it.confidence = 0.9999),
                "10000 simulations say too little",
            ),
            (
                with(|it| it.correlation = -0.1),
                "`correlation` is -0.1 instead of 0 to 1",
            ),
            (
                with(|it| it.positions[0].value = f64::INFINITY),
                "`value` of `KILN` is inf instead of",
            ),
            (
                with(|it| it.positions[0].annual_return = -2.0),
                "`annualReturn` of `KILN` is -2 instead of -1 to 10",
            ),
            (
                with(|it| it.positions[0].annual_volatility = -0.2),
                "`annualVolatility` of `KILN` is -0.2 instead of 0 to 5",
            ),
        ] {
            let error = request.check().unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
