//! Levels by the names that Lambda and Powertools have for them.

use tracing::Level;
use tracing::level_filters::LevelFilter;

/// Reads a level in whatever case.
///
/// Lambda's FATAL and Powertools' CRITICAL are above every level there is in `tracing`: with them
/// Lambda drops errors too, so nothing need be written.
pub(super) fn parse(name: &str) -> Option<LevelFilter> {
    const NAMES: [(&str, LevelFilter); 10] = [
        ("TRACE", LevelFilter::TRACE),
        ("DEBUG", LevelFilter::DEBUG),
        ("INFO", LevelFilter::INFO),
        ("WARN", LevelFilter::WARN),
        ("WARNING", LevelFilter::WARN),
        ("ERROR", LevelFilter::ERROR),
        ("FATAL", LevelFilter::OFF),
        ("CRITICAL", LevelFilter::OFF),
        ("SILENT", LevelFilter::OFF),
        ("OFF", LevelFilter::OFF),
    ];
    NAMES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name.trim()))
        .map(|(_, level)| *level)
}

/// The name that Lambda's filter knows.
pub(super) fn name(level: Level) -> &'static str {
    match level {
        Level::TRACE => "TRACE",
        Level::DEBUG => "DEBUG",
        Level::INFO => "INFO",
        Level::WARN => "WARN",
        Level::ERROR => "ERROR",
    }
}
