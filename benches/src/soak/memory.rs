//! Resident memory as it goes.

/// Resident memory after so many invocations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Invocations begun.
    pub invocations: u64,
    /// kB.
    pub resident_kb: u64,
}

/// The samples of a service, in order.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// The samples.
    pub samples: Vec<Sample>,
}

const KB_PER_MB: f64 = 1_024.0;

impl Memory {
    /// The samples after so many invocations.
    #[must_use]
    pub fn after(&self, invocations: u64) -> Self {
        let samples = self.samples.iter().copied();
        let samples = samples.filter(|sample| sample.invocations >= invocations);
        Self {
            samples: samples.collect(),
        }
    }

    /// What it was in the first and in the second half, MB. Medians: a large payload under way is no
    /// growth, and what the allocator gives back now and then no shrinking.
    pub fn halves(&self) -> (f64, f64) {
        let middle = self.samples.len() / 2;
        let (first, second) = self.samples.split_at(middle);
        (median(first.iter()), median(second.iter()))
    }

    /// The slope of the line that fits best, kB per thousand invocations.
    pub fn slope(&self) -> f64 {
        let points = self.samples.iter();
        let points: Vec<(f64, f64)> = points
            .map(|sample| {
                (
                    float(sample.invocations) / 1_000.0,
                    float(sample.resident_kb),
                )
            })
            .collect();
        let number = float(u64::try_from(points.len()).unwrap_or_default());
        let mean = |pick: fn(&(f64, f64)) -> f64| points.iter().map(pick).sum::<f64>() / number;
        let (middle, height) = (mean(|point| point.0), mean(|point| point.1));
        let rise: f64 = points
            .iter()
            .map(|(x, y)| (x - middle) * (y - height))
            .sum();
        let run: f64 = points.iter().map(|(x, _)| (x - middle).powi(2)).sum();
        rise / run
    }
}

fn median<'s>(samples: impl Iterator<Item = &'s Sample>) -> f64 {
    crate::statistics::median(samples.map(|sample| float(sample.resident_kb) / KB_PER_MB))
}

/// Exact: there are no such numbers above 2^53.
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_told_from_noise() {
        let memory = |kb: fn(u64) -> u64| Memory {
            samples: (0..100)
                .map(|number| Sample {
                    invocations: number * 10_000,
                    resident_kb: kb(number),
                })
                .collect(),
        };
        let flat = memory(|number| 20_480 + 1_024 * (number % 2)).after(100_000);
        assert_eq!(flat.samples.len(), 90);
        assert!(flat.slope().abs() < 0.1, "{}", flat.slope());
        let (first, second) = flat.halves();
        assert!((first - second).abs() <= 1.0, "{first} {second}");
        let growing = memory(|number| 20_480 + 1_024 * number);
        assert!(
            (growing.slope() - 102.4).abs() < 0.01,
            "{}",
            growing.slope()
        );
        assert_eq!(growing.halves(), (44.5, 94.5));
    }
}
