//! Value formats: how the file writes durations, sizes, counts, addresses and paths.
//!
//! A format reads a TOML value, says what it expects, and describes itself as a JSON Schema.

use std::{
    borrow::Cow,
    marker::PhantomData,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use bytesize::ByteSize;
use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize as _, Deserializer, de::Error as _};
use toml::Value;

use crate::authority::{Authority, Host, WebOrigin};

/// How one kind of value is written in the file.
pub(super) trait ConfigValue {
    type Value;

    /// `None` when `value` is not written like that.
    fn parse(value: &Value) -> Option<Self::Value>;

    /// Completes "expected …".
    fn expected() -> String;

    /// Accepts what `parse` accepts.
    fn schema() -> Schema;
}

/// Reads a field by its format: `#[serde(with = "As::<Size>")]`.
pub(super) struct As<F>(PhantomData<F>);

impl<F: ConfigValue> As<F> {
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<F::Value, D::Error> {
        let value = Value::deserialize(from)?;
        F::parse(&value).ok_or_else(|| D::Error::custom(F::expected()))
    }
}

impl<F: ConfigValue> JsonSchema for As<F> {
    fn schema_name() -> Cow<'static, str> {
        "value".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        F::schema()
    }
}

/// A duration above zero.
pub(super) struct HumanDuration;

impl ConfigValue for HumanDuration {
    type Value = Duration;

    fn parse(value: &Value) -> Option<Duration> {
        let duration = humantime::parse_duration(value.as_str()?).ok()?;
        (!duration.is_zero()).then_some(duration)
    }

    fn expected() -> String {
        "a duration above zero, such as \"200ms\", \"30s\" or \"5m\"".into()
    }

    fn schema() -> Schema {
        const UNIT: &str = "(nanos|nsec|ns|usec|us|µs|millis|msec|ms|seconds?|secs?|s|minutes?|mins?|m\
                            |hours?|hrs?|h|days?|d|weeks?|wks?|w|months?|M|years?|yrs?|y)";
        json_schema!({
            "type": "string",
            "pattern": format!(r"^\s*([0-9]+(\.[0-9]+)?\s*{UNIT}\s*)+$"),
            "not": {"pattern": "^[^1-9]*$"},
        })
    }
}

/// A number of bytes, at least 1.
pub(super) struct Size;

impl ConfigValue for Size {
    type Value = usize;

    fn parse(value: &Value) -> Option<usize> {
        let bytes = match value {
            Value::Integer(bytes) => u64::try_from(*bytes).ok()?,
            Value::String(text) => text.parse::<ByteSize>().ok()?.as_u64(),
            _ => return None,
        };
        usize::try_from(bytes).ok().filter(|bytes| *bytes > 0)
    }

    fn expected() -> String {
        "a size above zero, such as \"256KiB\", \"1MiB\" or a number of bytes".into()
    }

    fn schema() -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "minimum": 1,
            "pattern": r"^[0-9]+(\.[0-9]+)?\s*([kKmMgGtTpPeE][iI]?)?[bB]?$",
            "not": {"type": "string", "pattern": "^[^1-9]*$"},
        })
    }
}

/// A number of things, at least 1.
pub(super) struct Count;

impl ConfigValue for Count {
    type Value = usize;

    fn parse(value: &Value) -> Option<usize> {
        usize::try_from(value.as_integer()?).ok().filter(|number| *number > 0)
    }

    fn expected() -> String {
        "a whole number of at least 1".into()
    }

    fn schema() -> Schema {
        json_schema!({"type": "integer", "minimum": 1})
    }
}

/// How often something is tried again; 0 is never.
pub(super) struct Retries;

impl ConfigValue for Retries {
    type Value = u32;

    fn parse(value: &Value) -> Option<u32> {
        value.as_integer()?.try_into().ok()
    }

    fn expected() -> String {
        "a whole number".into()
    }

    fn schema() -> Schema {
        json_schema!({"type": "integer", "minimum": 0, "maximum": u32::MAX})
    }
}

/// A list of values of one format.
pub(super) struct List<F>(PhantomData<F>);

impl<F: ConfigValue> ConfigValue for List<F> {
    type Value = Vec<F::Value>;

    fn parse(value: &Value) -> Option<Self::Value> {
        value.as_array()?.iter().map(F::parse).collect()
    }

    fn expected() -> String {
        format!("a list of {}", F::expected())
    }

    fn schema() -> Schema {
        json_schema!({"type": "array", "items": F::schema()})
    }
}

/// A TCP port in a list. An environment variable gives it as text.
pub(super) struct PortNumber;

impl ConfigValue for PortNumber {
    type Value = u16;

    fn parse(value: &Value) -> Option<u16> {
        let port = match value {
            Value::Integer(port) => u16::try_from(*port).ok()?,
            value => value.as_str()?.parse().ok()?,
        };
        (port > 0).then_some(port)
    }

    fn expected() -> String {
        "port numbers, such as [443]".into()
    }

    fn schema() -> Schema {
        json_schema!({
            "type": ["integer", "string"],
            "minimum": 1,
            "maximum": u16::MAX,
            "pattern": "^0*[1-9][0-9]{0,4}$",
        })
    }
}

/// A keyword of JSON Schema and its value.
pub(super) type Constraint = (&'static str, &'static str);

/// A format that is a text. The texts of a list are described in the plural.
pub(super) trait TextValue {
    type Value;

    /// Completes "expected …".
    const EXPECTED: &'static str;

    /// Describes the text to a JSON Schema.
    const CONSTRAINT: Option<Constraint>;

    fn parse_text(text: &str) -> Option<Self::Value>;
}

impl<T: TextValue> ConfigValue for T {
    type Value = T::Value;

    fn parse(value: &Value) -> Option<Self::Value> {
        T::parse_text(value.as_str()?)
    }

    fn expected() -> String {
        T::EXPECTED.to_owned()
    }

    fn schema() -> Schema {
        let mut schema = json_schema!({"type": "string"});
        if let Some((keyword, value)) = T::CONSTRAINT {
            schema.insert(keyword.to_owned(), value.into());
        }
        schema
    }
}

pub(super) struct Text;

impl TextValue for Text {
    type Value = String;
    const EXPECTED: &'static str = "texts";
    const CONSTRAINT: Option<Constraint> = None;

    fn parse_text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }
}

/// A text; an empty one stands for none.
pub(super) struct OptionalText;

impl TextValue for OptionalText {
    type Value = Option<String>;
    const EXPECTED: &'static str = "a text";
    const CONSTRAINT: Option<Constraint> = None;

    fn parse_text(text: &str) -> Option<Option<String>> {
        Some((!text.is_empty()).then(|| text.to_owned()))
    }
}

/// The `format` of a path, relative to the directory of the file.
pub(super) const PATH: &str = "path";

/// The `format` of a program: a path, or a name on the `PATH`.
pub(super) const PROGRAM: &str = "program";

/// A path; an empty one stands for none.
pub(super) struct OptionalPath;

impl TextValue for OptionalPath {
    type Value = Option<PathBuf>;
    const EXPECTED: &'static str = "a path";
    const CONSTRAINT: Option<Constraint> = Some(("format", PATH));

    fn parse_text(text: &str) -> Option<Option<PathBuf>> {
        Some((!text.is_empty()).then(|| text.into()))
    }
}

/// A path in a list.
pub(super) struct PathText;

impl TextValue for PathText {
    type Value = PathBuf;
    const EXPECTED: &'static str = "paths";
    const CONSTRAINT: Option<Constraint> = Some(("format", PATH));

    fn parse_text(text: &str) -> Option<PathBuf> {
        Some(text.into())
    }
}

/// A program; an empty text stands for none.
pub(super) struct ProgramText;

impl TextValue for ProgramText {
    type Value = Option<PathBuf>;
    const EXPECTED: &'static str = "a program";
    const CONSTRAINT: Option<Constraint> = Some(("format", PROGRAM));

    fn parse_text(text: &str) -> Option<Option<PathBuf>> {
        OptionalPath::parse_text(text)
    }
}

/// Where to listen. Port 0 picks a free one.
#[derive(Debug, Clone)]
pub(super) enum ListenAddress {
    Address(SocketAddr),
    /// A name to be resolved, and a port.
    Name(String, u16),
}

pub(super) struct ListenText;

impl TextValue for ListenText {
    type Value = ListenAddress;
    const EXPECTED: &'static str =
        "a host and a port, such as \"127.0.0.1:8080\", \"[::1]:8080\" or \"localhost:8080\"";
    const CONSTRAINT: Option<Constraint> =
        Some(("pattern", r"^(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]+):[0-9]+$"));

    fn parse_text(text: &str) -> Option<ListenAddress> {
        if let Ok(address) = text.parse() {
            return Some(ListenAddress::Address(address));
        }
        match text.parse().ok()? {
            Authority { host: Host::Name(name), port: Some(port) } => {
                Some(ListenAddress::Name(name, port))
            }
            _ => None,
        }
    }
}

/// A host in a list, with or without a port.
pub(super) struct HostText;

impl TextValue for HostText {
    type Value = Authority;
    const EXPECTED: &'static str = "hosts, such as \"guide.example.org\" or \"192.168.1.2:8080\"";
    const CONSTRAINT: Option<Constraint> =
        Some(("pattern", r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]+)?$"));

    fn parse_text(text: &str) -> Option<Authority> {
        text.parse().ok()
    }
}

/// The origin of a page in a list.
pub(super) struct OriginText;

impl TextValue for OriginText {
    type Value = WebOrigin;
    const EXPECTED: &'static str = "origins, such as \"http://localhost:5173\"";
    const CONSTRAINT: Option<Constraint> =
        Some(("pattern", r"^https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]+)?$"));

    fn parse_text(text: &str) -> Option<WebOrigin> {
        text.parse().ok()
    }
}

/// A network or a single address in a list.
pub(super) struct NetworkText;

impl TextValue for NetworkText {
    type Value = IpNet;
    const EXPECTED: &'static str = "addresses or networks, such as \"127.0.0.1\" or \"10.0.0.0/8\"";
    const CONSTRAINT: Option<Constraint> = Some(("pattern", "^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$"));

    fn parse_text(text: &str) -> Option<IpNet> {
        text.parse().ok().or_else(|| Some(text.parse::<IpAddr>().ok()?.into()))
    }
}

/// The name of an environment variable in a list.
pub(super) struct EnvName;

impl TextValue for EnvName {
    type Value = String;
    const EXPECTED: &'static str = "names of environment variables, without values";
    const CONSTRAINT: Option<Constraint> = Some(("pattern", "^[^=]+$"));

    fn parse_text(text: &str) -> Option<String> {
        (!text.is_empty() && !text.contains('=')).then(|| text.to_owned())
    }
}

/// The name of an HTTP header, in lower case; an empty text stands for none.
pub(super) struct HeaderName;

impl TextValue for HeaderName {
    type Value = Option<String>;
    const EXPECTED: &'static str = "the name of a header, such as \"X-Forwarded-User\"";
    const CONSTRAINT: Option<Constraint> = Some(("pattern", "^[A-Za-z0-9_-]*$"));

    fn parse_text(text: &str) -> Option<Option<String>> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let name = text.bytes().all(fits).then(|| text.to_ascii_lowercase())?;
        Some((!name.is_empty()).then_some(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_human_text_above_zero() {
        let read = |text: &str| HumanDuration::parse(&Value::from(text));
        assert_eq!(read("200ms"), Some(Duration::from_millis(200)));
        assert_eq!(read("1h 30m"), Some(Duration::from_secs(5400)));
        assert_eq!(read("0s"), None);
        assert_eq!(read("30"), None);
        assert_eq!(HumanDuration::parse(&Value::Integer(30)), None);
    }

    #[test]
    fn sizes_are_human_text_or_a_number_of_bytes() {
        let read = |value: Value| Size::parse(&value);
        assert_eq!(read("256KiB".into()), Some(262_144));
        assert_eq!(read("1 MB".into()), Some(1_000_000));
        assert_eq!(read("4096".into()), Some(4096));
        assert_eq!(read(4096.into()), Some(4096));
        assert_eq!(read(0.into()), None);
        assert_eq!(read((-1).into()), None);
        assert_eq!(read("much".into()), None);
    }

    #[test]
    fn a_count_is_at_least_one_and_no_text() {
        assert_eq!(Count::parse(&Value::Integer(0)), None);
        assert_eq!(Count::parse(&Value::from("3")), None);
        assert_eq!(Count::parse(&Value::Integer(3)), Some(3));
    }

    #[test]
    fn ports_are_numbers_above_zero() {
        let read = |ports: Vec<Value>| List::<PortNumber>::parse(&Value::Array(ports));
        assert_eq!(read(vec![443.into(), "8080".into()]), Some(vec![443, 8080]));
        assert_eq!(read(vec![0.into()]), None);
        assert_eq!(read(vec![70_000.into()]), None);
        assert_eq!(read(Vec::new()), Some(Vec::new()));
    }
}
