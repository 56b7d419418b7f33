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
use url::Url;

use crate::{
    authority::{Authority, Host, WebOrigin},
    config::{
        agent_name::{AUTO, AgentChoice},
        base_path::BasePath,
        editor_url::EditorUrl,
        event_kind::EventKind,
    },
};

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

/// Defines a format: its type, what is expected, its schema, and how a value is read.
macro_rules! value_format {
    (
        $(#[$doc:meta])*
        $name:ident -> $type:ty, $expected:literal, $schema:tt, |$value:ident| $parsed:expr
    ) => {
        $(#[$doc])*
        pub(in crate::config) struct $name;

        impl ConfigValue for $name {
            type Value = $type;

            fn parse($value: &Value) -> Option<$type> {
                $parsed
            }

            fn expected() -> String {
                $expected.to_owned()
            }

            fn schema() -> Schema {
                json_schema!($schema)
            }
        }
    };
}

value_format! {
    /// A duration above zero.
    HumanDuration -> Duration,
    "a duration above zero, such as \"200ms\", \"30s\" or \"5m\"",
    {"type": "string", "pattern": DURATION_PATTERN, "not": {"pattern": NO_DIGIT_ABOVE_ZERO}},
    |value| {
        let duration = humantime::parse_duration(value.as_str()?).ok();
        duration.filter(|duration| !duration.is_zero())
    }
}

pub(super) mod cluster;

const DURATION_PATTERN: &str = concat!(
    r"^\s*([0-9]+(\.[0-9]+)?\s*",
    "(nanos|nsec|ns|usec|us|µs|millis|msec|ms|seconds?|secs?|s|minutes?|mins?|m|",
    "hours?|hrs?|h|days?|d|weeks?|wks?|w|months?|M|years?|yrs?|y)",
    r"\s*)+$"
);

const DAY: Duration = Duration::from_secs(86_400);

const NO_DIGIT_ABOVE_ZERO: &str = "^[^1-9]*$";

value_format! {
    /// A number of bytes, at least 1.
    Size -> usize,
    "a size above zero, such as \"256KiB\", \"1MiB\" or a number of bytes",
    {
        "type": ["string", "integer"],
        "minimum": 1,
        "pattern": r"^[0-9]+(\.[0-9]+)?\s*([kKmMgGtTpPeE][iI]?)?[bB]?$",
        "not": {"type": "string", "pattern": NO_DIGIT_ABOVE_ZERO},
    },
    |value| {
        let bytes = match value {
            Value::Integer(bytes) => u64::try_from(*bytes).ok()?,
            value => value.as_str()?.parse::<ByteSize>().ok()?.as_u64(),
        };
        usize::try_from(bytes).ok().filter(|bytes| *bytes > 0)
    }
}

value_format! {
    /// A number of things, at least 1.
    Count -> usize,
    "a whole number of at least 1",
    {"type": "integer", "minimum": 1},
    |value| usize::try_from(value.as_integer()?).ok().filter(|number| *number > 0)
}

value_format! {
    /// The name of an agent, or `auto`.
    AgentText -> AgentChoice,
    "`auto` or the name of an agent",
    {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,50}$"},
    |value| match value.as_str()? {
        AUTO => Some(AgentChoice::Auto),
        name => Some(AgentChoice::Named(name.parse().ok()?)),
    }
}

value_format! {
    /// A number of things or of times; 0 is none.
    WholeNumber -> u32,
    "a whole number",
    {"type": "integer", "minimum": 0, "maximum": u32::MAX},
    |value| value.as_integer()?.try_into().ok()
}

value_format! {
    /// Where to listen.
    ListenText -> ListenAddress,
    "a host and a port, such as \"127.0.0.1:8080\", \"[::1]:8080\" or \"localhost:8080\"",
    {"type": "string", "pattern": r"^(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]+):[0-9]+$"},
    |value| {
        let text = value.as_str()?;
        let address = text.parse().map(ListenAddress::Address);
        address.ok().or_else(|| match text.parse().ok()? {
            Authority { host: Host::Name(name), port: Some(port) } => {
                Some(ListenAddress::Name(name, port))
            }
            _ => None,
        })
    }
}

/// Where to listen. Port 0 picks a free one.
#[derive(Debug, Clone)]
pub(super) enum ListenAddress {
    Address(SocketAddr),
    /// A name to be resolved, and a port.
    Name(String, u16),
}

value_format! {
    /// The name of an HTTP header, in lower case; an empty text stands for none.
    HeaderName -> Option<String>,
    "the name of a header, such as \"X-Forwarded-User\"",
    {"type": "string", "pattern": "^[A-Za-z0-9_-]*$"},
    |value| {
        let name = value.as_str()?.to_ascii_lowercase();
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        name.bytes().all(fits).then_some(Some(name).filter(|name| !name.is_empty()))
    }
}

value_format! {
    /// The path below which a proxy publishes the server.
    BasePathText -> BasePath,
    "a path such as \"/guide\", of letters, digits, `-`, `_`, `.` and `~`, that does not begin as a path of the server such as \"/api\"",
    {"type": "string", "pattern": "^/?$|^(/[A-Za-z0-9._~-]+)+/?$"},
    |value| value.as_str()?.parse().ok()
}

value_format! {
    /// A text; an empty one stands for none.
    OptionalText -> Option<String>,
    "a text",
    {"type": "string"},
    |value| Some(Some(value.as_str()?.to_owned()).filter(|text| !text.is_empty()))
}

value_format! {
    /// The template of an address; an empty text stands for none.
    EditorUrlText -> Option<EditorUrl>,
    "an address with `{path}` in it and a known scheme, such as \"vscode://file/{dir}/{path}:{line}\" or \"https://example.org/blob/main/{path}#L{line}\"",
    {"type": "string", "pattern": r"^$|^[a-z-]+://\S*\{path\}\S*$"},
    |value| match value.as_str()? {
        "" => Some(None),
        text => Some(Some(EditorUrl::parse(text)?)),
    }
}

/// The `format` of a path, relative to the directory of the file.
pub(super) const PATH: &str = "path";

/// The `format` of a program: a path, or a name on the `PATH`.
pub(super) const PROGRAM: &str = "program";

value_format! {
    /// A path; an empty text stands for none.
    OptionalPath -> Option<PathBuf>,
    "a path",
    {"type": "string", "format": PATH},
    |value| Some(OptionalText::parse(value)?.map(PathBuf::from))
}

value_format! {
    /// A program; an empty text stands for none.
    OptionalProgram -> Option<PathBuf>,
    "a program",
    {"type": "string", "format": PROGRAM},
    |value| OptionalPath::parse(value)
}

value_format! {
    /// How long something is kept; an empty text stands for ever.
    KeptFor -> Option<Duration>,
    "a duration of at least a day, such as \"365d\", or \"\" for ever",
    {"type": "string"},
    |value| match value.as_str()? {
        "" => Some(None),
        _ => HumanDuration::parse(value).filter(|kept| *kept >= DAY).map(Some),
    }
}

/// A list of values of one format, whose expectation is in the plural.
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

value_format! {
    Text -> String,
    "texts",
    {"type": "string"},
    |value| Some(value.as_str()?.to_owned())
}

value_format! {
    PathText -> PathBuf,
    "paths",
    {"type": "string", "format": PATH},
    |value| Some(value.as_str()?.into())
}

value_format! {
    /// A TCP port. A variable gives it as text.
    PortNumber -> u16,
    "port numbers, such as [443]",
    {
        "type": ["integer", "string"],
        "minimum": 1,
        "maximum": u16::MAX,
        "pattern": "^0*[1-9][0-9]{0,4}$",
    },
    |value| {
        let port = match value {
            Value::Integer(port) => u16::try_from(*port).ok(),
            value => value.as_str()?.parse().ok(),
        };
        port.filter(|port| *port > 0)
    }
}

value_format! {
    /// A host, with or without a port.
    HostText -> Authority,
    "hosts, such as \"guide.example.org\" or \"192.168.1.2:8080\"",
    {"type": "string", "pattern": r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]+)?$"},
    |value| value.as_str()?.parse().ok()
}

value_format! {
    /// The origin of a page.
    OriginText -> WebOrigin,
    "origins, such as \"http://localhost:5173\"",
    {"type": "string", "pattern": r"^https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]+)?$"},
    |value| value.as_str()?.parse().ok()
}

value_format! {
    /// A network or a single address.
    NetworkText -> IpNet,
    "addresses or networks, such as \"127.0.0.1\" or \"10.0.0.0/8\"",
    {"type": "string", "pattern": "^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$"},
    |value| {
        let text = value.as_str()?;
        text.parse().ok().or_else(|| Some(text.parse::<IpAddr>().ok()?.into()))
    }
}

value_format! {
    /// The name of an environment variable.
    EnvName -> String,
    "names of environment variables, without values",
    {"type": "string", "pattern": "^[^=]+$"},
    |value| Text::parse(value).filter(|name| !name.is_empty() && !name.contains('='))
}

value_format! {
    /// The address of a webhook.
    HookUrl -> Url,
    "addresses, such as \"https://hooks.example.org/cicerone\"",
    {"type": "string", "pattern": "^https?://[^/]"},
    |value| {
        let url = Url::parse(value.as_str()?).ok()?;
        (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
    }
}

value_format! {
    /// The address of a collector; an empty text stands for none.
    CollectorUrl -> Option<Url>,
    "an address without a query, such as \"http://127.0.0.1:4318\"",
    {"type": "string", "pattern": "^$|^https?://[^/?#]+[^?#]*$"},
    |value| match value.as_str()? {
        "" => Some(None),
        _ => HookUrl::parse(value)
            .filter(|url| url.query().is_none() && url.fragment().is_none())
            .map(Some),
    }
}

value_format! {
    /// The name of an event.
    EventName -> EventKind,
    "names of events: \"answered\", \"wrong\" or \"budget_reached\"",
    {"type": "string", "enum": ["answered", "wrong", "budget_reached"]},
    |value| {
        let name = value.as_str()?;
        EventKind::ALL.into_iter().find(|kind| kind.name() == name)
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
