//! Kinds of values: how a TOML value becomes a duration, a size, a choice or a count, and what a
//! person is told that wrote something else.

use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
    time::Duration,
};

use bytesize::ByteSize;
use ipnet::IpNet;
use log::LevelFilter;
use toml::Value;

use crate::{
    authority::{Authority, Host, WebOrigin},
    config::settings::{AgentChoice, Sandbox},
};

/// A kind of value that a setting can have.
pub(crate) trait Kind: Sized {
    /// The value, or `None` when `value` is no such thing.
    fn read(value: &Value) -> Option<Self>;

    /// What fits, as in "expected …".
    fn expected() -> String;

    /// The words that fit, where only certain words do.
    fn words() -> Vec<&'static str> {
        Vec::new()
    }
}

/// A size in bytes, at least 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size(pub usize);

/// A number of things, at least 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Count(pub usize);

/// Where to listen. Port 0 takes a free one.
#[derive(Debug, Clone)]
pub(crate) enum ListenAddress {
    /// An address.
    Address(SocketAddr),
    /// A name, to be resolved, and a port.
    Name(String, u16),
}

impl Kind for ListenAddress {
    fn read(value: &Value) -> Option<Self> {
        let text = value.as_str()?;
        if let Ok(address) = text.parse() {
            return Some(Self::Address(address));
        }
        match text.parse().ok()? {
            Authority { host: Host::Name(name), port: Some(port) } => Some(Self::Name(name, port)),
            _ => None,
        }
    }

    fn expected() -> String {
        "a host and a port, such as \"127.0.0.1:8080\", \"[::1]:8080\" or \"localhost:8080\"".into()
    }
}

impl Kind for Duration {
    fn read(value: &Value) -> Option<Self> {
        let duration = humantime::parse_duration(value.as_str()?).ok()?;
        (!duration.is_zero()).then_some(duration)
    }

    fn expected() -> String {
        "a duration above zero, such as \"200ms\", \"30s\" or \"5m\"".into()
    }
}

impl Kind for Size {
    fn read(value: &Value) -> Option<Self> {
        let bytes = match value {
            Value::Integer(bytes) => u64::try_from(*bytes).ok()?,
            Value::String(text) => text.parse::<ByteSize>().ok()?.as_u64(),
            _ => return None,
        };
        let bytes = usize::try_from(bytes).ok()?;
        (bytes > 0).then_some(Self(bytes))
    }

    fn expected() -> String {
        "a size above zero, such as \"256KiB\", \"1MiB\" or a number of bytes".into()
    }
}

impl Kind for Count {
    fn read(value: &Value) -> Option<Self> {
        let number = usize::try_from(value.as_integer()?).ok()?;
        (number > 0).then_some(Self(number))
    }

    fn expected() -> String {
        "a whole number of at least 1".into()
    }
}

impl Kind for u32 {
    fn read(value: &Value) -> Option<Self> {
        value.as_integer()?.try_into().ok()
    }

    fn expected() -> String {
        "a whole number".into()
    }
}

impl Kind for String {
    fn read(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }

    fn expected() -> String {
        "a text".into()
    }
}

impl Kind for Vec<u16> {
    fn read(value: &Value) -> Option<Self> {
        let port = |value: &Value| match value {
            Value::Integer(port) => u16::try_from(*port).ok(),
            // From a flag or a variable.
            value => value.as_str()?.parse().ok(),
        };
        value.as_array()?.iter().map(port).map(|port| port.filter(|port| *port > 0)).collect()
    }

    fn expected() -> String {
        "a list of port numbers, such as [443]".into()
    }
}

impl Kind for Vec<String> {
    fn read(value: &Value) -> Option<Self> {
        value.as_array()?.iter().map(String::read).collect()
    }

    fn expected() -> String {
        "a list of texts".into()
    }
}

impl Kind for Vec<Authority> {
    fn read(value: &Value) -> Option<Self> {
        read_list(value, |text| text.parse().ok())
    }

    fn expected() -> String {
        "a list of hosts, such as \"guide.example.org\" or \"192.168.1.2:8080\"".into()
    }
}

impl Kind for Vec<WebOrigin> {
    fn read(value: &Value) -> Option<Self> {
        read_list(value, |text| text.parse().ok())
    }

    fn expected() -> String {
        "a list of origins, such as \"http://localhost:5173\"".into()
    }
}

impl Kind for Vec<IpNet> {
    fn read(value: &Value) -> Option<Self> {
        let network = |text: &str| {
            IpNet::from_str(text)
                .ok()
                .or_else(|| text.parse().ok().map(|address: IpAddr| address.into()))
        };
        read_list(value, network)
    }

    fn expected() -> String {
        "a list of addresses or networks, such as \"127.0.0.1\" or \"10.0.0.0/8\"".into()
    }
}

fn read_list<T>(value: &Value, read: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    value.as_array()?.iter().map(|item| read(item.as_str()?)).collect()
}

/// A value that is one of a few words.
trait Choice: Copy + 'static {
    const CHOICES: &'static [(&'static str, Self)];
}

impl Choice for AgentChoice {
    const CHOICES: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("claude", Self::Claude), ("guide", Self::Guide)];
}

impl Choice for Sandbox {
    const CHOICES: &'static [(&'static str, Self)] =
        &[("required", Self::Required), ("best-effort", Self::BestEffort), ("off", Self::Off)];
}

impl Choice for LevelFilter {
    const CHOICES: &'static [(&'static str, Self)] = &[
        ("off", Self::Off),
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];
}

impl<T: Choice> Kind for T {
    fn read(value: &Value) -> Option<Self> {
        let word = value.as_str()?;
        let choice = T::CHOICES.iter().find(|(known, _)| *known == word)?;
        Some(choice.1)
    }

    fn expected() -> String {
        let quoted: Vec<_> = Self::words().iter().map(|word| format!("{word:?}")).collect();
        format!("one of {}", quoted.join(", "))
    }

    fn words() -> Vec<&'static str> {
        T::CHOICES.iter().map(|(word, _)| *word).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_human_text_above_zero() {
        let read = |text: &str| Duration::read(&Value::from(text));
        assert_eq!(read("200ms"), Some(Duration::from_millis(200)));
        assert_eq!(read("1h 30m"), Some(Duration::from_secs(5400)));
        assert_eq!(read("0s"), None);
        assert_eq!(read("30"), None);
        assert_eq!(Duration::read(&Value::Integer(30)), None);
    }

    #[test]
    fn sizes_are_human_text_or_a_number_of_bytes() {
        let read = |value: Value| Size::read(&value).map(|size| size.0);
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
        assert_eq!(Count::read(&Value::Integer(0)).map(|c| c.0), None);
        assert_eq!(Count::read(&Value::from("3")).map(|c| c.0), None);
        assert_eq!(Count::read(&Value::Integer(3)).map(|c| c.0), Some(3));
    }

    #[test]
    fn ports_are_numbers_above_zero() {
        let read = |ports: Vec<Value>| Vec::<u16>::read(&Value::Array(ports));
        assert_eq!(read(vec![443.into(), "8080".into()]), Some(vec![443, 8080]));
        assert_eq!(read(vec![0.into()]), None);
        assert_eq!(read(vec![70_000.into()]), None);
        assert_eq!(read(Vec::new()), Some(Vec::new()));
    }

    #[test]
    fn a_choice_is_one_of_its_words() {
        assert_eq!(Sandbox::read(&"best-effort".into()), Some(Sandbox::BestEffort));
        assert_eq!(Sandbox::read(&"Off".into()), None);
        assert_eq!(AgentChoice::expected(), r#"one of "auto", "claude", "guide""#);
    }
}
