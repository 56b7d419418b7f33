//! Who may come in: hosts, origins, proxies and tokens, as they are configured. How a request is
//! measured by them is the door's matter.

use std::{fmt, path::Path, time::Duration};

use ipnet::IpNet;
use log::Level;

use crate::{
    authority::{Authority, WebOrigin},
    config::{
        ConfigError, Origin, exposure::SecretFile, layers::Layers, layers::Surroundings,
        projects::Note, secrets,
    },
};

/// A token has at least so many characters: half of what `openssl rand -hex 16` prints.
const SHORTEST_TOKEN: usize = 16;

/// Characters of a token at most.
const LONGEST_TOKEN: usize = 1024;

/// Who may come in, and as what.
#[derive(Debug, Clone)]
pub struct AccessSettings {
    /// Hosts by which the server may be addressed besides those of loopback. One without a port
    /// stands for all ports.
    pub hosts: Vec<Authority>,
    /// Origins of other pages that may use the interface.
    pub origins: Vec<WebOrigin>,
    /// What a viewer shows; `None` admits viewers with the admin's token alone.
    pub viewer_token: Option<Token>,
    /// What an admin shows.
    pub admin_token: Option<Token>,
    /// How long a login lasts.
    pub login_lifetime: Duration,
    /// Peers that are believed whom they speak for.
    pub trusted_proxies: Vec<IpNet>,
    /// The header by which they name the user, in lower case.
    pub user_header: Option<String>,
}

impl AccessSettings {
    /// Whether anything must be shown to come in.
    pub fn has_token(&self) -> bool {
        self.viewer_token.is_some() || self.admin_token.is_some()
    }
}

/// A secret that admits whoever shows it. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The secret in `text`, or what is wrong with it, to stand after its name.
    pub fn new(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let length = text.chars().count();
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("has a space or a character that no HTTP header can hold".to_owned());
        }
        if length < SHORTEST_TOKEN {
            return Err(format!("has {length} characters and needs {SHORTEST_TOKEN} or more"));
        }
        if length > LONGEST_TOKEN {
            return Err(format!("has {length} characters and may have {LONGEST_TOKEN}"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Reads the table `access`.
pub(crate) fn read(
    layers: &Layers,
    surroundings: &Surroundings,
) -> Result<AccessSettings, ConfigError> {
    let user_header = layers.get_text("access.user_header")?;
    let is_name = |name: &String| {
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if user_header.as_ref().is_some_and(|name| !is_name(name)) {
        let expected = "the name of a header, such as \"X-Forwarded-User\"";
        return Err(layers.refuse("access.user_header", expected));
    }
    let access = AccessSettings {
        hosts: layers.get("access.hosts")?,
        origins: layers.get("access.origins")?,
        viewer_token: token(layers, surroundings, "access.viewer_token_file", secrets::VIEWER)?,
        admin_token: token(layers, surroundings, "access.admin_token_file", secrets::ADMIN)?,
        login_lifetime: layers.get("access.login_lifetime")?,
        trusted_proxies: layers.get("access.trusted_proxies")?,
        user_header: user_header.map(|name| name.to_ascii_lowercase()),
    };
    if access.viewer_token.is_some() && access.viewer_token == access.admin_token {
        return Err(ConfigError::OneToken);
    }
    if access.user_header.is_some() && access.trusted_proxies.is_empty() {
        let expected = "no header as long as `access.trusted_proxies` names no proxy: anybody \
                        could claim to be anyone";
        return Err(layers.refuse("access.user_header", expected));
    }
    Ok(access)
}

/// The token of the variable, else of the file.
fn token(
    layers: &Layers,
    surroundings: &Surroundings,
    key: &str,
    variable: &str,
) -> Result<Option<Token>, ConfigError> {
    let file = layers.get_path(key)?;
    let given = surroundings.environment.get(variable).filter(|text| !text.is_empty());
    let (text, origin) = match (given, file) {
        (Some(text), _) => (text.clone(), Origin::Environment(variable.to_owned())),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(&path).map_err(|source| {
                ConfigError::TokenUnreadable { key: key.to_owned(), path: path.clone(), source }
            })?;
            (text.into(), Origin::File { path, line: 1 })
        }
        (None, None) => return Ok(None),
    };
    // What is no text has characters that no header can hold.
    let token = Token::new(&text.to_string_lossy());
    token.map(Some).map_err(|why| ConfigError::BadToken { origin, why })
}

/// What is allowed and yet may not be what was meant. `secrets` are the files that only the
/// server's user should read.
pub(crate) fn notes(settings: &super::settings::Settings, secrets: &[SecretFile]) -> Vec<Note> {
    let mut texts: Vec<String> = secrets
        .iter()
        .map(|secret| &secret.path)
        .filter(|path| path.is_file())
        .filter(|path| is_readable_by_others(path))
        .map(|path| format!("{} can be read by other users: chmod 600 {0}", path.display()))
        .collect();
    if let Some(listen) = settings.listen.iter().find(|address| !address.ip().is_loopback()) {
        if listen.ip().is_unspecified() && settings.access.hosts.is_empty() {
            texts.push(format!(
                "listening on {listen} but only loopback names are let in: add to `access.hosts` \
                 the names by which the server is reached"
            ));
        }
        if settings.tls.is_none() {
            texts.push(format!(
                "listening on {listen} without TLS: tokens and conversations can be read on the \
                 way; set `server.tls_certificate` and `server.tls_key`"
            ));
        }
    }
    texts.into_iter().map(|text| Note { level: Level::Warn, text }).collect()
}

fn is_readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o044 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_and_fits_into_a_header() {
        let check = Token::new;
        assert_eq!(check("0123456789abcdef\n").unwrap().reveal(), "0123456789abcdef");
        assert_eq!(check("short").unwrap_err(), "has 5 characters and needs 16 or more");
        assert!(check(&"x".repeat(1025)).unwrap_err().contains("may have 1024"));
        for bad in ["0123456789 abcdef", "0123456789abcd\u{e9}f", "0123456789\nabcdef"] {
            assert!(check(bad).unwrap_err().contains("no HTTP header"), "{bad}");
        }
    }

    #[test]
    fn a_token_is_not_printed() {
        let shown = format!("{:?}", Token::new("0123456789abcdef").unwrap());
        assert_eq!(shown, "Token(…)");
    }
}
