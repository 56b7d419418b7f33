//! Readers of single fields for `#[serde(deserialize_with = "…")]`: what does not fit is as if the field
//! were not there.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::object::{Object, list};

/// Greatest count that is believed: beyond it a float is no exact whole number any more.
const MAX_COUNT: f64 = 9_007_199_254_740_992.0;

/// Reads a value; of an object that has a field twice the last one counts. Fields that are read with
/// the functions of this module cost nothing but themselves.
pub(crate) fn read<'a, T: Deserialize<'a>>(text: &'a str) -> serde_json::Result<T> {
    serde_json::from_str(text).or_else(|error| match Object::read(text) {
        Ok(object) => object.into_typed(),
        Err(_) => Err(error),
    })
}

/// A field of any type; the default where it is of another type or cannot be read.
pub(crate) fn lenient<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(read(raw(deserializer)?).unwrap_or_default())
}

/// A field that is an object of fields; none where it is not.
pub(crate) fn lenient_option<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(read(raw(deserializer)?).ok())
}

/// A count: a number that is not negative, as a number or as text, without its fraction.
pub(crate) fn lenient_u64<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u64>, D::Error> {
    let number = number(raw(deserializer)?);
    // In range, so `as` only cuts off the fraction.
    Ok(number.filter(|number| (0.0..=MAX_COUNT).contains(number)).map(|number| number as u64))
}

/// A finite number that is not negative, as a number or as text.
pub(crate) fn lenient_f64<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<f64>, D::Error> {
    let number = number(raw(deserializer)?);
    Ok(number.filter(|number| number.is_finite() && *number >= 0.0).map(f64::abs))
}

/// Whether something is so: `true`, also as text, and every number but 0.
pub(crate) fn lenient_bool<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let text = raw(deserializer)?;
    Ok(matches!(text, "true" | "\"true\"") || number(text).is_some_and(|number| number != 0.0))
}

/// The texts of a list, or a text that stands by itself; what is no text is left out.
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
