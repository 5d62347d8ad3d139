//! The time in a line.

use std::fmt::Write as _;
use std::time::Duration;

/// Appends a time since 1970 as RFC 3339 in UTC with milliseconds: what Lambda's filter reads.
pub(super) fn write(out: &mut String, since_epoch: Duration) {
    const DAY: u64 = 24 * 60 * 60;
    let seconds = since_epoch.as_secs();
    let (year, month, day) = date(seconds / DAY);
    let of_day = seconds % DAY;
    // Writing to a string does not fail.
    let _infallible = write!(
        out,
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60,
        since_epoch.subsec_millis(),
    );
}

/// The date that many days after 1970-01-01.
///
/// In years that begin with March, the leap day is a year's last, and a month's first day follows
/// from its number alone.
fn date(days: u64) -> (u64, u64, u64) {
    const DAYS_OF_400_YEARS: u64 = 146_097;
    const FROM_MARCH_OF_YEAR_0: u64 = 719_468;
    let days = days + FROM_MARCH_OF_YEAR_0;
    let era = days / DAYS_OF_400_YEARS;
    let of_era = days % DAYS_OF_400_YEARS;
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (era * 400 + year + later, month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> String {
        let mut out = String::new();
        write(&mut out, Duration::from_millis(millis));
        out
    }

    #[test]
    fn times_are_rfc_3339() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_795_387_066_123, "2026-11-22T22:37:46.123Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(at(millis), text);
        }
    }

    proptest! {
        #[test]
        fn later_times_sort_after_earlier_ones(one in 0..100_000_000_000_000_u64, two in 0..100_000_000_000_000_u64) {
            prop_assert_eq!(at(one).cmp(&at(two)), one.cmp(&two));
        }
    }
}
