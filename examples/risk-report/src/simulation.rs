//! The simulation: many futures, on all cores, the same on any number of them.

use kiln::compute::rayon::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rand_distr::{Distribution as _, StandardNormal};
use serde::Serialize;

use crate::request::{Portfolio, Position, RiskRequest};

/// Trading days in a year.
const DAYS_PER_YEAR: f64 = 252.0;

/// How many futures share a stream of random numbers. Fixed, so that the answer does not depend on
/// how rayon divides the work; large enough that starting a stream costs nothing beside it.
const FUTURES_PER_STREAM: usize = 4_096;

/// What a portfolio may lose. Amounts are in the currency of the request, to the cent.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RiskReport {
    /// What the portfolio is worth today.
    pub portfolio_value: f64,
    /// What is not lost in more futures than the confidence leaves: the quantile of the losses.
    pub value_at_risk: f64,
    /// What is lost on average when it is lost: the mean of the losses from there on.
    pub expected_shortfall: f64,
    /// The largest loss of all simulated futures.
    pub worst_loss: f64,
    /// As requested.
    pub confidence: f64,
    /// As requested.
    pub horizon_days: u32,
    /// As requested.
    pub simulations: usize,
}

/// Simulates a portfolio. Blocks for as long as that takes, on all threads of the pool that it is called in.
///
/// Values follow geometric Brownian motions that share one factor: with a market `m` and a fate `e`
/// of its own, both normal, a position worth `v` becomes
/// `v·exp((μ − σ²/2)·t + σ·√t·(√ρ·m + √(1−ρ)·e))`.
pub fn simulate(portfolio: &Portfolio) -> RiskReport {
    let request = portfolio.request();
    let model = Model::new(request);

    let mut losses = vec![0.0; request.simulations];
    losses
        .par_chunks_mut(FUTURES_PER_STREAM)
        .enumerate()
        .for_each(|(stream, losses)| {
            let mut random = ChaCha8Rng::seed_from_u64(request.seed);
            random.set_stream(stream as u64);
            losses.fill_with(|| model.loss(&mut random));
        });

    // The position of the quantile in ascending order; what comes after it is the tail.
    let rank = (request.confidence * losses.len() as f64).ceil() as usize;
    let rank = rank.clamp(1, losses.len()) - 1;
    let (_, quantile, beyond) = losses.select_nth_unstable_by(rank, f64::total_cmp);
    let value_at_risk = *quantile;
    let expected_shortfall =
        (value_at_risk + beyond.iter().sum::<f64>()) / (beyond.len() + 1) as f64;
    let worst_loss = beyond.iter().copied().fold(value_at_risk, f64::max);

    RiskReport {
        portfolio_value: to_cents(
            request
                .positions
                .iter()
                .map(|position| position.value)
                .sum(),
        ),
        value_at_risk: to_cents(value_at_risk),
        expected_shortfall: to_cents(expected_shortfall),
        worst_loss: to_cents(worst_loss),
        confidence: request.confidence,
        horizon_days: request.horizon_days,
        simulations: request.simulations,
    }
}

/// What is the same in every future.
struct Model {
    assets: Vec<Asset>,
}

/// A position in terms of the two normal variables that move it.
struct Asset {
    value: f64,
    drift: f64,
    market: f64,
    own: f64,
}

impl Model {
    fn new(request: &RiskRequest) -> Self {
        let years = f64::from(request.horizon_days) / DAYS_PER_YEAR;
        let asset = |position: &Position| {
            let deviation = position.annual_volatility * years.sqrt();
            Asset {
                value: position.value,
                drift: position.annual_return * years - deviation * deviation / 2.0,
                market: deviation * request.correlation.sqrt(),
                own: deviation * (1.0 - request.correlation).sqrt(),
            }
        };
        Self {
            assets: request.positions.iter().map(asset).collect(),
        }
    }

    /// The loss of one future; negative when it is a gain.
    fn loss(&self, random: &mut ChaCha8Rng) -> f64 {
        let market: f64 = StandardNormal.sample(random);
        self.assets
            .iter()
            .map(|asset| {
                let own: f64 = StandardNormal.sample(random);
                let growth = asset.drift + asset.market * market + asset.own * own;
                // `exp_m1`, because a day's growth is small and 1 would swallow its digits.
                -asset.value * growth.exp_m1()
            })
            .sum()
    }
}

/// Rounds to two digits: what a report shows, and far above the last bits in which platforms differ.
fn to_cents(amount: f64) -> f64 {
    // Adding zero makes `-0.0`, which nobody wants to read, a plain zero.
    (amount * 100.0).round() / 100.0 + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(value: f64, annual_volatility: f64) -> Position {
        Position {
            symbol: "KILN".to_owned(),
            value,
            annual_return: 0.05,
            annual_volatility,
        }
    }

    fn request(positions: Vec<Position>) -> RiskRequest {
        RiskRequest {
            positions,
            correlation: 0.0,
            horizon_days: 10,
            confidence: 0.99,
            simulations: 200_000,
            seed: 7,
        }
    }

    fn report(request: RiskRequest) -> RiskReport {
        simulate(&request.check().unwrap())
    }

    /// Whether two amounts differ by less than a share of the second.
    fn within(share: f64, amount: f64, expected: f64) -> bool {
        (amount - expected).abs() < share * expected.abs()
    }

    #[test]
    fn a_single_position_agrees_with_the_closed_form() {
        let report = report(request(vec![position(1e6, 0.2)]));
        let years = 10.0 / DAYS_PER_YEAR;
        let deviation = 0.2 * f64::sqrt(years);
        // The 1 % quantile of the standard normal distribution.
        let quantile = -2.326_347_874;
        let growth = 0.05 * years - deviation * deviation / 2.0 + deviation * quantile;
        let expected = -1e6 * growth.exp_m1();
        assert!(
            within(0.01, report.value_at_risk, expected),
            "{report:?}, {expected}"
        );
        assert!(report.value_at_risk < report.expected_shortfall);
        assert!(report.expected_shortfall < report.worst_loss);
    }

    #[test]
    fn without_volatility_the_future_is_certain() {
        let report = report(request(vec![position(1e6, 0.0)]));
        let gain = 1e6 * (0.05_f64 * 10.0 / DAYS_PER_YEAR).exp_m1();
        assert_eq!(report.value_at_risk, to_cents(-gain));
        assert_eq!(report.expected_shortfall, report.value_at_risk);
        assert_eq!(report.worst_loss, report.value_at_risk);
    }

    #[test]
    fn positions_that_move_together_do_not_diversify() {
        let alone = report(request(vec![position(1e6, 0.2)])).value_at_risk;
        let halves = vec![position(5e5, 0.2); 2];
        let together = RiskRequest {
            correlation: 1.0,
            ..request(halves.clone())
        };
        assert!(within(0.02, report(together).value_at_risk, alone));
        // Independent halves: the deviation of the sum is 1/√2 of the whole's.
        let apart = report(request(halves)).value_at_risk;
        assert!(
            within(0.03, apart, alone * std::f64::consts::FRAC_1_SQRT_2),
            "{apart}"
        );
    }

    #[test]
    fn a_short_position_mirrors_a_long_one() {
        let hedged = RiskRequest {
            correlation: 1.0,
            ..request(vec![position(1e6, 0.2), position(-1e6, 0.2)])
        };
        let report = report(hedged);
        assert_eq!((report.portfolio_value, report.value_at_risk), (0.0, 0.0));
    }

    #[test]
    fn the_answer_depends_on_the_seed_and_not_on_the_threads() {
        let request = request(vec![position(1e6, 0.2), position(5e5, 0.4)]);
        let on_threads = |threads| {
            let pool = kiln::compute::rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| report(request.clone()))
        };
        assert_eq!(on_threads(1), on_threads(5));
        let other_seed = RiskRequest {
            seed: 8,
            ..request.clone()
        };
        assert_ne!(report(other_seed).worst_loss, report(request).worst_loss);
    }
}
