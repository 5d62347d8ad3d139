//! When an order arrives: many scenarios per line, computed on all processors.
//!
//! Plain synchronous code that knows nothing of Lambda. It is called from a blocking thread.

use rayon::prelude::*;
use serde::Serialize;

use crate::order::{Order, OrderLine};

/// Scenarios per line: enough for a 95th percentile that is steady to an hour.
const SCENARIOS: u32 = 20_000;

/// When one line arrives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LineForecast {
    /// The article.
    pub sku: String,
    /// Half of all deliveries take no longer, in minutes.
    pub median_minutes: u32,
    /// Nineteen of twenty take no longer, in minutes.
    pub p95_minutes: u32,
}

/// Forecasts each line, in the order of the lines. The same order gives the same forecast.
pub fn lines(order: &Order) -> Vec<LineForecast> {
    order.lines.par_iter().map(line).collect()
}

fn line(line: &OrderLine) -> LineForecast {
    let seed = seed(&line.sku);
    let mut minutes: Vec<u32> = (0..SCENARIOS)
        .into_par_iter()
        .map(|scenario| delivery_minutes(line, Random(seed ^ u64::from(scenario))))
        .collect();
    minutes.par_sort_unstable();
    LineForecast {
        sku: line.sku.clone(),
        median_minutes: percentile(&minutes, 50),
        p95_minutes: percentile(&minutes, 95),
    }
}

/// One scenario: picking takes longer for more pieces, and one parcel in twenty misses its truck.
fn delivery_minutes(line: &OrderLine, mut random: Random) -> u32 {
    let pieces = u32::from(line.quantity.get());
    let picking = 30 + pieces * random.between(1, 4);
    let transit = random.between(18 * 60, 48 * 60);
    let missed_truck = random.between(1, 20) == 1;
    picking + transit + if missed_truck { 24 * 60 } else { 0 }
}

/// The value that this percentage of the sorted values does not exceed.
fn percentile(sorted: &[u32], percent: usize) -> u32 {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

/// FNV-1a: each article has scenarios of its own, the same on every machine.
fn seed(sku: &str) -> u64 {
    sku.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// SplitMix64: a few instructions per number and no state to share between threads.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `low` to `high`, both included.
    fn between(&mut self, low: u32, high: u32) -> u32 {
        let span = u64::from(high - low + 1);
        // The remainder is below `span`, which fits.
        low + (self.next() % span) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(lines: &[(&str, u16)]) -> Order {
        let lines: Vec<_> = lines
            .iter()
            .map(|(sku, quantity)| {
                serde_json::json!({"sku": sku, "quantity": quantity, "unitPriceCents": 1})
            })
            .collect();
        serde_json::from_value(
            serde_json::json!({"orderId": "ord-1", "customer": "ada", "lines": lines}),
        )
        .unwrap()
    }

    #[test]
    fn the_same_order_gives_the_same_forecast() {
        let order = order(&[("KILN-MUG", 2), ("KILN-CAP", 1)]);
        assert_eq!(lines(&order), lines(&order));
    }

    #[test]
    fn keeps_the_order_of_the_lines() {
        let skus = ["c", "a", "b", "a"];
        let order = order(&skus.map(|sku| (sku, 1)));
        let forecast: Vec<String> = lines(&order).into_iter().map(|line| line.sku).collect();
        assert_eq!(forecast, skus);
    }

    #[test]
    fn lies_within_what_the_scenarios_allow() {
        let order = order(&[("KILN-MUG", 10)]);
        let forecast = &lines(&order)[0];
        assert!(forecast.median_minutes >= 30 + 10 + 18 * 60, "{forecast:?}");
        assert!(
            forecast.median_minutes < forecast.p95_minutes,
            "{forecast:?}"
        );
        assert!(forecast.p95_minutes <= 30 + 40 + 72 * 60, "{forecast:?}");
    }

    #[test]
    fn more_pieces_take_longer() {
        let few = lines(&order(&[("KILN-MUG", 1)]));
        let many = lines(&order(&[("KILN-MUG", 1000)]));
        assert!(few[0].median_minutes < many[0].median_minutes);
    }

    #[test]
    fn percentiles() {
        for (percent, expected) in [(0, 1), (50, 3), (95, 4), (100, 4)] {
            assert_eq!(percentile(&[1, 2, 3, 4], percent), expected, "{percent}");
        }
    }
}
