//! Values of flags, parsed as the same values in configuration are.

use kiln_project::SettingValue;

/// Reads a setting's value from a flag.
pub fn setting<T: SettingValue>(text: &str) -> Result<T, String> {
    T::from_text(text).ok_or_else(|| format!("expected {}", T::ALLOWED))
}
