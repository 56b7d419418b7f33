//! Logins of browsers, as access control begins and ends them.

use std::time::Duration;

use actix::Addr;
use actix_web::http::header::HeaderMap;

use crate::{
    database::{Database, DatabaseError, Reader, messages::credentials::ChangeCredential},
    web::{cookies, problem::Problem},
};

use super::{
    AccessControl, credentials, login_sessions::ShownLogin, problems, rate_limit::Visitor,
    roles::Role,
};

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
        Ok((role, self.logins.begin(&self.tokens, role, credentials::now())))
    }

    /// Whether the request shows a login that has not ended.
    pub(crate) fn has_login(&self, headers: &HeaderMap) -> bool {
        let name = self.cookie_name();
        let mut shown = cookies::values(headers, &name);
        self.login_role(headers).is_some()
            || shown.any(|secret| self.credentials.of_login(secret).is_some())
    }

    /// The role of the logins with a configured token that a request shows.
    pub(super) fn login_role(&self, headers: &HeaderMap) -> Option<Role> {
        let name = self.cookie_name();
        let shown = cookies::values(headers, &name);
        shown.filter_map(|shown| Some(self.token_login(shown)?.role)).max()
    }

    /// A login with a configured token that has not ended.
    fn token_login(&self, shown: &str) -> Option<ShownLogin> {
        let login = self.logins.login(&self.tokens, shown, credentials::now())?;
        (!self.credentials.is_ended(shown)).then_some(login)
    }

    /// Ends the logins that a request shows; whether there was one.
    pub(crate) async fn end_logins(&self, headers: &HeaderMap) -> Result<bool, DatabaseError> {
        let name = self.cookie_name();
        let mut has_ended = false;
        for shown in cookies::values(headers, &name) {
            if let Some(login) = self.token_login(shown) {
                self.credentials.note_ended(shown, login.ends_at).await?;
                has_ended = true;
            }
            has_ended |= self.credentials.end_login(shown).await?.is_some();
        }
        Ok(has_ended)
    }

    pub(crate) fn login_lifetime(&self) -> Duration {
        self.logins.lifetime()
    }
}
