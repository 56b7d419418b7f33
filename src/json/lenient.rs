//! Field readers for `#[serde(deserialize_with = "…")]` that treat an unreadable value as missing.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::object::{Object, list};

/// Beyond it, a float is not an exact integer.
const MAX_COUNT: f64 = 9_007_199_254_740_992.0;

/// Reads a value. Of an object that has a field twice, the last one counts.
pub(crate) fn read<'a, T: Deserialize<'a>>(text: &'a str) -> serde_json::Result<T> {
    serde_json::from_str(text).or_else(|error| match Object::read(text) {
        Ok(object) => object.into_typed(),
        Err(_) => Err(error),
    })
}

/// A value of any type; the default where it has another type.
pub(crate) fn lenient<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(read(raw(deserializer)?).unwrap_or_default())
}

/// A value; `None` where it has another type.
pub(crate) fn lenient_option<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(read(raw(deserializer)?).ok())
}

/// A non-negative number, also as text, without its fraction.
pub(crate) fn lenient_u64<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u64>, D::Error> {
    let number = number(raw(deserializer)?);
    // In range, so `as` only cuts off the fraction.
    Ok(number.filter(|number| (0.0..=MAX_COUNT).contains(number)).map(|number| number as u64))
}

/// A finite non-negative number, also as text.
pub(crate) fn lenient_f64<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<f64>, D::Error> {
    let number = number(raw(deserializer)?);
    Ok(number.filter(|number| number.is_finite() && *number >= 0.0).map(f64::abs))
}

/// `true`, also as text, and every number but 0.
pub(crate) fn lenient_bool<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let text = raw(deserializer)?;
    Ok(matches!(text, "true" | "\"true\"") || number(text).is_some_and(|number| number != 0.0))
}

/// The strings of a list, or a single string; other values are left out.
pub(crate) fn lenient_strings<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<String>, D::Error> {
    let text = raw(deserializer)?;
    if let Ok(single) = serde_json::from_str(text) {
        return Ok(vec![single]);
    }
    let elements = list(text).unwrap_or_default();
    Ok(elements.into_iter().filter_map(|it| serde_json::from_str(it.get()).ok()).collect())
}

fn raw<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'de str, D::Error> {
    <&'de RawValue>::deserialize(deserializer).map(RawValue::get)
}

fn number(text: &str) -> Option<f64> {
    let inside = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let text = inside.unwrap_or(text).trim();
    let is_number = text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    text.parse().ok().filter(|number: &f64| is_number && !number.is_nan())
}
