//! Logins of browsers, as access control begins and ends them.

use std::time::{Duration, Instant};

use actix::Addr;
use actix_web::http::header::HeaderMap;

use crate::{
    database::{Database, DatabaseError, Reader, messages::credentials::ChangeCredential},
    web::{cookies, problem::Problem},
};

use super::{AccessControl, problems, rate_limit::Visitor, roles::Role};

impl AccessControl {
    /// Takes over the credentials that are stored.
    pub(crate) fn restore(&self, reader: &Reader, database: Addr<Database>) {
        match reader.credentials() {
            Ok(stored) => {
                let origin = self.provider.as_ref().map(|logins| logins.origin.as_str());
                self.credentials.restore(stored, origin, database);
            }
            Err(error) => log::error!("cannot read who may come in error={error}"),
        }
    }

    /// Takes over what another node of the cluster has changed.
    pub(crate) fn on_credential(&self, change: ChangeCredential) {
        let origin = self.provider.as_ref().map(|logins| logins.origin.as_str());
        self.credentials.on_change(change, origin);
    }

    /// Begins a login with a configured token. Its id replaces what the browser had before, which nobody
    /// could end any more.
    pub(crate) async fn log_in(
        &self,
        visitor: &Visitor,
        headers: &HeaderMap,
        token: &str,
    ) -> Result<(Role, String), Problem> {
        if self.tokens.is_empty() {
            return Err(problems::no_tokens());
        }
        let role = self.role_of_token(visitor, token)?;
        self.end_logins(headers).await?;
        Ok((role, self.logins.begin(role, Instant::now()).to_string()))
    }

    /// Whether the request shows a login that has not ended.
    pub(crate) fn has_login(&self, headers: &HeaderMap) -> bool {
        let name = self.cookie_name();
        let mut shown = cookies::values(headers, &name);
        self.login_role(headers).is_some()
            || shown.any(|secret| self.credentials.of_login(secret).is_some())
    }

    /// Ends the logins that a request shows; whether there was one.
    pub(crate) async fn end_logins(&self, headers: &HeaderMap) -> Result<bool, DatabaseError> {
        let name = self.cookie_name();
        let mut has_ended = self.login_role(headers).is_some();
        for secret in cookies::values(headers, &name) {
            self.logins.end(secret);
            has_ended |= self.credentials.end_login(secret).await?.is_some();
        }
        Ok(has_ended)
    }

    pub(crate) fn login_lifetime(&self) -> Duration {
        self.logins.lifetime()
    }
}
