//! Where CloudWatch Logs keeps what a function writes.
//!
//! Source: [Sending function logs to CloudWatch Logs](https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html)
//! and the values that functions see.

/// The log group of a function that has configured none: `/aws/lambda/orders`.
pub fn log_group_name(function: &str) -> String {
    format!("/aws/lambda/{function}")
}

/// The log stream of one environment: `2026/11/22/[$LATEST]` and 32 hexadecimal digits of its own.
///
/// `date` is the day it began in UTC, as `2026/11/22`.
pub fn log_stream_name(date: &str, version: &str, id: u128) -> String {
    format!("{date}/[{version}]{id:032x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_services() {
        assert_eq!(log_group_name("orders"), "/aws/lambda/orders");
        assert_eq!(
            log_stream_name("2026/01/02", "$LATEST", 0xab),
            "2026/01/02/[$LATEST]000000000000000000000000000000ab"
        );
    }
}
