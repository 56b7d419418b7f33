//! Formats of the table `cluster`.

use schemars::{Schema, json_schema};
use toml::Value;
use url::Url;

use super::ConfigValue;
use crate::config::sync_check::SyncCheck;

value_format! {
    /// The address of a NATS server, without a user and password.
    NatsAddress -> String,
    "addresses, such as \"nats://10.0.0.1:4222\" or \"tls://n1.example.org:4222\", without a password",
    {"type": "string", "pattern": "^(nats|tls)://[^/@]+$"},
    |value| {
        let text = value.as_str()?;
        let url = Url::parse(text).ok()?;
        let is_plain = url.username().is_empty() && url.password().is_none();
        let is_address = matches!(url.scheme(), "nats" | "tls") && url.has_host();
        (is_address && is_plain).then(|| text.to_owned())
    }
}

value_format! {
    /// The name of a stream, and a part of subjects.
    StreamName -> String,
    "letters, digits, hyphens and underscores",
    {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,50}$"},
    |value| Some(value.as_str()?.to_owned()).filter(|name| is_name(name))
}

value_format! {
    /// The name of a node; an empty text stands for the name of the host.
    NodeName -> String,
    "letters, digits, hyphens and underscores",
    {"type": "string", "pattern": "^[A-Za-z0-9_-]{0,50}$"},
    |value| Some(value.as_str()?.to_owned()).filter(|name| name.is_empty() || is_name(name))
}

value_format! {
    /// Whether the NATS servers are asked how they write to the disk.
    SyncText -> SyncCheck,
    "\"required\" or \"vouched\"",
    {"type": "string", "enum": ["required", "vouched"]},
    |value| match value.as_str()? {
        "required" => Some(SyncCheck::Required),
        "vouched" => Some(SyncCheck::Vouched),
        _ => None,
    }
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (1..=50).contains(&name.len()) && name.chars().all(fits)
}
