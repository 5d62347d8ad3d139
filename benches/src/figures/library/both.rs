//! Readings of the library, and of the same written by hand.

use crate::report::Row;
use crate::statistics::median;

/// What was read in each round.
#[derive(Debug)]
pub(super) struct Both<R> {
    kiln: Vec<R>,
    by_hand: Vec<R>,
}

impl<R> Both<R> {
    pub(super) const fn new() -> Self {
        Self {
            kiln: Vec::new(),
            by_hand: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, kiln: R, by_hand: R) {
        self.kiln.push(kiln);
        self.by_hand.push(by_hand);
    }

    /// The medians of one number of all readings.
    pub(super) fn row(&self, name: &str, unit: &'static str, pick: fn(&R) -> f64) -> Row {
        let of = |readings: &[R]| median(readings.iter().map(pick));
        Row::new(name, unit)
            .kiln(of(&self.kiln))
            .bare(of(&self.by_hand))
    }
}
