//! Access settings: reads the tokens and checks what the table `access` says together.

use std::{fs, path::Path};

use url::Url;

use crate::{
    authority::Authority,
    config::{
        error::{ConfigMistake, ValueOrigin},
        layers::Layers,
        process_env::ProcessEnv,
        secrets,
        settings::{AccessSettings, OidcSettings, Settings, WebhookSettings},
        token::Token,
    },
    project::ProjectAccess,
};

/// Adds the tokens to the settings.
pub(super) fn complete(
    access: &mut AccessSettings,
    layers: &Layers,
    env: &ProcessEnv,
) -> Result<(), ConfigMistake> {
    let (viewer, admin) = (&access.viewer_token_file, &access.admin_token_file);
    access.viewer_token =
        token(env, secrets::VIEWER, "access.viewer_token_file", viewer.as_deref())?;
    access.admin_token = token(env, secrets::ADMIN, "access.admin_token_file", admin.as_deref())?;
    if access.viewer_token.is_some() && access.viewer_token == access.admin_token {
        return Err(ConfigMistake::OneToken);
    }
    if access.user_header.is_some() && access.trusted_proxies.is_empty() {
        let expected = "no header as long as `access.trusted_proxies` names no proxy: anybody \
                        could claim to be anyone";
        return Err(layers.refuse("access.user_header", expected));
    }
    if access.groups_header.is_some() && access.trusted_proxies.is_empty() {
        let expected = "no header as long as `access.trusted_proxies` names no proxy: anybody \
                        could claim any group";
        return Err(layers.refuse("access.groups_header", expected));
    }
    Ok(())
}

/// Checks the provider of logins, and reads the secret that this server shows it.
pub(super) fn complete_provider(
    oidc: &mut OidcSettings,
    access: &mut AccessSettings,
    layers: &Layers,
) -> Result<(), ConfigMistake> {
    access.has_provider = oidc.is_on();
    if !oidc.is_on() {
        return Ok(());
    }
    if cfg!(not(feature = "oidc")) {
        return Err(layers.refuse("oidc.issuer", "no provider: this program was built without it"));
    }
    let url = Url::parse(&oidc.issuer).ok();
    let is_plain = |it: &Url| it.username().is_empty() && it.password().is_none();
    let url = url.filter(|it| is_plain(it) && it.query().is_none() && it.fragment().is_none());
    let authority = oidc.issuer.split_once("://").and_then(|(_, rest)| rest.split('/').next());
    let is_near = || {
        let authority = authority.and_then(|text| text.parse::<Authority>().ok());
        authority.is_some_and(|it| it.host.is_loopback())
    };
    match url.as_ref().map(Url::scheme) {
        Some("https") => (),
        Some("http") if is_near() => (),
        _ => {
            let expected = "an address with https:// (http:// on this machine alone)";
            return Err(layers.refuse("oidc.issuer", expected));
        }
    }
    if oidc.client_id.is_empty() {
        return Err(layers.refuse("oidc.client_id", "the id that the provider gave this server"));
    }
    if oidc.name_claim.is_empty() {
        return Err(layers.refuse("oidc.name_claim", "the name of a claim"));
    }
    if let Some(file) = &oidc.secret_file {
        let (text, origin) = read("oidc.secret_file", file)?;
        let secret = Token::new(&text).map_err(|why| ConfigMistake::BadToken { origin, why })?;
        oidc.secret = Some(secret);
    }
    oidc.access = ProjectAccess::new(&oidc.allow)
        .map_err(|why| layers.refuse("oidc.allow", &format!("people and groups, but {why}")))?;
    Ok(())
}

/// Refuses lists of people where nobody can be told apart.
pub(super) fn check_projects(settings: &Settings) -> Result<(), ConfigMistake> {
    let restricted = settings.live.projects.iter().find(|project| !project.access.is_open());
    match restricted {
        Some(project) if !settings.access.knows_people() => {
            Err(ConfigMistake::UnknownPeople { name: project.name.clone() })
        }
        _ => Ok(()),
    }
}

/// Adds the secret that signs webhooks, which they all need.
pub(super) fn read_webhook_secret(webhooks: &mut WebhookSettings) -> Result<(), ConfigMistake> {
    webhooks.secret = match &webhooks.secret_file {
        Some(file) => Some(read_token("webhooks.secret_file", file)?),
        None if webhooks.urls.is_empty() => None,
        None => return Err(ConfigMistake::Unsigned),
    };
    Ok(())
}

/// The secret in a file that a key names.
pub(super) fn read_token(key: &'static str, file: &Path) -> Result<Token, ConfigMistake> {
    let (text, origin) = read(key, file)?;
    Token::new(&text).map_err(|why| ConfigMistake::BadToken { origin, why })
}

/// The token of the variable, else that of the file.
fn token(
    env: &ProcessEnv,
    variable: &str,
    key: &'static str,
    file: Option<&Path>,
) -> Result<Option<Token>, ConfigMistake> {
    let (text, origin) = match (env.variable(variable), file) {
        // Text that is not UTF-8 becomes characters that no header can hold.
        (Some(text), _) => {
            (text.to_string_lossy().into_owned(), ValueOrigin::Environment(variable.to_owned()))
        }
        (None, Some(path)) => read(key, path)?,
        (None, None) => return Ok(None),
    };
    Token::new(&text).map(Some).map_err(|why| ConfigMistake::BadToken { origin, why })
}

/// The text of a file with a token.
fn read(key: &'static str, path: &Path) -> Result<(String, ValueOrigin), ConfigMistake> {
    let unreadable = |source| ConfigMistake::TokenUnreadable { key, path: path.to_owned(), source };
    let text = fs::read_to_string(path).map_err(unreadable)?;
    Ok((text, ValueOrigin::File { path: path.to_owned(), line: 1 }))
}
