//! Access settings: reads the tokens and checks what the table `access` says together.

use std::{fs, path::Path};

use crate::config::{
    error::{ConfigError, ValueOrigin},
    layers::Layers,
    process_env::ProcessEnv,
    secrets,
    settings::AccessSettings,
    token::Token,
};

/// Adds the tokens to the settings.
pub(super) fn complete(
    access: &mut AccessSettings,
    layers: &Layers,
    env: &ProcessEnv,
) -> Result<(), ConfigError> {
    let (viewer, admin) = (&access.viewer_token_file, &access.admin_token_file);
    access.viewer_token =
        token(env, secrets::VIEWER, "access.viewer_token_file", viewer.as_deref())?;
    access.admin_token = token(env, secrets::ADMIN, "access.admin_token_file", admin.as_deref())?;
    if access.viewer_token.is_some() && access.viewer_token == access.admin_token {
        return Err(ConfigError::OneToken);
    }
    if access.user_header.is_some() && access.trusted_proxies.is_empty() {
        let expected = "no header as long as `access.trusted_proxies` names no proxy: anybody \
                        could claim to be anyone";
        return Err(layers.refuse("access.user_header", expected));
    }
    Ok(())
}

/// The token of the variable, else that of the file.
fn token(
    env: &ProcessEnv,
    variable: &str,
    key: &'static str,
    file: Option<&Path>,
) -> Result<Option<Token>, ConfigError> {
    let (text, origin) =
        match (env.variable(variable), file) {
            // Text that is not UTF-8 becomes characters that no header can hold.
            (Some(text), _) => {
                (text.to_string_lossy().into_owned(), ValueOrigin::Environment(variable.to_owned()))
            }
            (None, Some(path)) => {
                let text = fs::read_to_string(path).map_err(|source| {
                    ConfigError::TokenUnreadable { key, path: path.to_owned(), source }
                })?;
                (text, ValueOrigin::File { path: path.to_owned(), line: 1 })
            }
            (None, None) => return Ok(None),
        };
    Token::new(&text).map(Some).map_err(|why| ConfigError::BadToken { origin, why })
}
