//! Checks of a renewed login: only the tokens of the same login may change.

use serde_json::{Map, Value};

/// A login as the program stores it under `claudeAiOauth`.
pub(super) type Tokens = Map<String, Value>;

/// The fields that a renewal replaces; others are not copied.
const RENEWED: [&str; 4] = ["accessToken", "refreshToken", "expiresAt", "refreshTokenExpiresAt"];

/// The field with the access token's expiry: a Unix timestamp in milliseconds.
const EXPIRY: &str = "expiresAt";

/// Longest token, bytes.
const TOKEN_BYTES: usize = 4096;

/// Longest validity of a renewed access token in milliseconds; usually some hours.
const FARTHEST: i64 = 31 * 24 * 60 * 60 * 1000;

/// The expiry as a Unix timestamp in milliseconds; 0 if absent.
pub(super) fn expiry(tokens: &Tokens) -> i64 {
    tokens.get(EXPIRY).and_then(Value::as_i64).unwrap_or_default()
}

/// The user's login with the tokens of `agents`, if that is a renewal of it; else the reason against it.
/// `now` is a Unix timestamp in milliseconds.
pub(super) fn renewed(users: &Tokens, agents: &Tokens, now: i64) -> Result<Tokens, &'static str> {
    for (key, value) in agents {
        let was = users.get(key).unwrap_or(&Value::Null);
        let is_fine = match key.as_str() {
            "accessToken" | "refreshToken" => is_token(value),
            EXPIRY => value.as_i64().is_some_and(|it| it > expiry(users) && it < now + FARTHEST),
            "refreshTokenExpiresAt" => value.is_null() || value.as_i64().is_some_and(|it| it > 0),
            "scopes" => has_the_scopes(was, value),
            // The program looks these up if they are unknown.
            "subscriptionType" | "rateLimitTier" if was.is_null() => true,
            _ => value == was,
        };
        if !is_fine {
            return Err(match key.as_str() {
                "accessToken" | "refreshToken" => "a token is malformed",
                EXPIRY => "it expires no later, or much too late",
                "scopes" => "it has other scopes",
                "subscriptionType" | "rateLimitTier" => "it belongs to another subscription",
                _ => "more than the tokens has changed",
            });
        }
    }
    let has = |key: &str| agents.get(key).is_some_and(|value| !value.is_null());
    let is_whole = ["accessToken", "refreshToken", EXPIRY].into_iter().all(has);
    if !is_whole || !(has("scopes") || users.get("scopes").is_none_or(Value::is_null)) {
        return Err("a part of it is missing");
    }
    let mut login = users.clone();
    for key in RENEWED {
        if let Some(value) = agents.get(key).filter(|value| !value.is_null()) {
            login.insert(key.to_owned(), value.clone());
        }
    }
    Ok(login)
}

fn is_token(value: &Value) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=#".contains(&byte);
    value.as_str().is_some_and(|token| {
        (8..=TOKEN_BYTES).contains(&token.len()) && token.bytes().all(is_plain)
    })
}

/// Whether `now` has every scope of `was`. A renewal may request further `user:` scopes, which are not
/// copied.
fn has_the_scopes(was: &Value, now: &Value) -> bool {
    let scopes = |value: &Value| -> Option<Vec<String>> {
        let scopes = value.as_array()?.iter().map(|scope| scope.as_str().map(str::to_owned));
        scopes.collect()
    };
    match (scopes(was), scopes(now)) {
        (Some(was), Some(now)) => {
            let is_users = |scope: &String| was.contains(scope) || scope.starts_with("user:");
            was.iter().all(|scope| now.contains(scope)) && now.iter().all(is_users)
        }
        _ => was == now,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    fn users() -> Value {
        json!({
            "accessToken": "sk-ant-oat01-old", "refreshToken": "sk-ant-ort01-old",
            "expiresAt": NOW, "scopes": ["user:inference", "user:profile"],
            "subscriptionType": "pro", "clientId": "c",
        })
    }

    fn with(key: &str, value: Value) -> Value {
        let mut tokens = users();
        tokens["accessToken"] = json!("sk-ant-oat01-new");
        tokens["refreshToken"] = json!("sk-ant-ort01-new");
        tokens["expiresAt"] = json!(NOW + 28_800_000);
        match value {
            Value::Bool(false) => drop(tokens.as_object_mut().unwrap().remove(key)),
            value => tokens[key] = value,
        }
        tokens
    }

    fn judged(agents: &Value) -> Result<Tokens, &'static str> {
        renewed(users().as_object().unwrap(), agents.as_object().unwrap(), NOW)
    }

    #[test]
    fn p6_a_renewed_login_is_taken_with_its_tokens_alone() {
        let mut expected = users();
        for key in ["accessToken", "refreshToken", "expiresAt"] {
            expected[key] = with("", json!(null))[key].clone();
        }
        for (key, value) in [
            ("rateLimitTier", json!(null)),
            ("rateLimitTier", json!("default")),
            ("scopes", json!(["user:profile", "user:inference", "user:plugins"])),
            ("refreshTokenExpiresAt", json!(null)),
            // Another version of the program may not know it.
            ("clientId", json!(false)),
        ] {
            assert_eq!(Value::from(judged(&with(key, value)).unwrap()), expected, "{key}");
        }
        let later = judged(&with("refreshTokenExpiresAt", json!(NOW))).unwrap();
        assert_eq!(later["refreshTokenExpiresAt"], NOW);
    }

    #[test]
    fn p6_what_is_no_renewal_of_the_same_login_is_refused() {
        for (key, value) in [
            ("accessToken", json!(false)),
            ("accessToken", json!("")),
            ("accessToken", json!("two words and more")),
            ("accessToken", json!("x".repeat(5000))),
            ("accessToken", json!(["sk-ant-oat01-new"])),
            ("refreshToken", json!("sk\nant-ort01-new")),
            ("refreshToken", json!(null)),
            ("expiresAt", json!(NOW)),
            ("expiresAt", json!(0)),
            ("expiresAt", json!(NOW + 400 * 86_400_000)),
            ("expiresAt", json!("tomorrow")),
            ("expiresAt", json!(1e300)),
            ("scopes", json!(["user:inference"])),
            ("scopes", json!(["user:inference", "user:profile", "org:create_api_key"])),
            ("scopes", json!("user:inference")),
            ("scopes", json!(false)),
            ("subscriptionType", json!("max")),
            ("subscriptionType", json!(null)),
            ("clientId", json!("other")),
            ("apiKeyHelper", json!("touch x")),
        ] {
            let agents = with(key, value);
            assert!(judged(&agents).is_err(), "{agents} was taken");
        }
        assert!(judged(&users()).is_err(), "what is not newer was taken");
    }
}
