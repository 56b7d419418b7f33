//! The client: asks a forge's API page by page, or reads a list. Blocks.
//!
//! The token goes to the configured server alone: no redirect is followed, and no page of another server
//! is asked for. No error holds it, whatever an answer says.

use std::{
    fs::File,
    io::Read as _,
    path::Path,
    time::{Duration, Instant},
};

use ureq::{
    Agent, Body, Timeout,
    http::{HeaderMap, Response, StatusCode},
};
use url::Url;

use super::{
    ApiKind, Forge, ForgeApi, ForgeSource, ListedRepository,
    answer::{self, ListPage},
    choice,
    paging::{self, PageEnd},
};
use crate::http_client;

/// The longest that all of a list takes.
const ALL: Duration = Duration::from_secs(20);

/// Largest page, and largest list, in bytes.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// Pages that are asked for.
const MAX_PAGES: usize = 60;

/// Repositories on a page, where the API lets one choose.
const PER_PAGE: &str = "100";

/// Largest file with a token, in bytes.
const MAX_TOKEN: u64 = 4096;

/// All repositories of a list, and what was left out, in words. The error is for a person.
pub(super) fn ask(forge: &Forge) -> Result<(Vec<ListedRepository>, Vec<String>), String> {
    let mut all = match &forge.source {
        ForgeSource::File(path) => answer::lines(&small_file(path, MAX_BYTES)?),
        ForgeSource::Web(url) => {
            let asking = Asking::new(url, None);
            let answer = asking.get(url)?;
            if !answer.status().is_success() {
                return Err(refusal(&answer, "the list", false));
            }
            answer::lines(&body(answer)?)
        }
        ForgeSource::Api(api) => {
            let token = forge.login.token_file.as_deref().map(token).transpose()?;
            let asking = Asking::new(&api.url, Some((api.kind, token.as_deref())));
            let asked = asking.pages(api, forge.choice.archived);
            // A server could tell what it was shown.
            asked.map_err(|words| match &token {
                Some(token) => words.replace(token.as_str(), "…"),
                None => words,
            })?
        }
    };
    choice::shorten(&mut all.notes);
    Ok((all.repositories, all.notes))
}

/// The text of a file that is not too large. The error is for a person.
fn small_file(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    let failed = |why: String| format!("{} cannot be read: {why}", path.display());
    let is_file = path.metadata().map_err(|error| failed(error.to_string()))?.is_file();
    if !is_file {
        return Err(failed("it is no file".to_owned()));
    }
    let mut text = Vec::new();
    let opened = File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut text));
    opened.map_err(|error| failed(error.to_string()))?;
    match text.len() as u64 > most {
        true => Err(failed(format!("it has more than {most} bytes"))),
        false => Ok(text),
    }
}

fn token(path: &Path) -> Result<String, String> {
    let unusable = |why| format!("the file of `token_file` {why}");
    let text = small_file(path, MAX_TOKEN).map_err(|_| unusable("cannot be read"))?;
    let text = String::from_utf8(text).unwrap_or_default().trim().to_owned();
    match !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(text),
        false => Err(unusable("holds no token: one line without spaces")),
    }
}

/// Questions to one server, which share their time.
struct Asking {
    agent: Agent,
    end: Instant,
    headers: Vec<(&'static str, String)>,
    has_token: bool,
}

impl Asking {
    fn new(url: &Url, api: Option<(ApiKind, Option<&str>)>) -> Self {
        let mut headers = Vec::new();
        if let Some((kind, token)) = api {
            let accept = match kind {
                ApiKind::GitHub => "application/vnd.github+json",
                ApiKind::GitLab | ApiKind::Gitea => "application/json",
            };
            headers.push(("accept", accept.to_owned()));
            headers.extend(token.map(|token| match kind {
                ApiKind::GitHub => ("authorization", format!("Bearer {token}")),
                ApiKind::GitLab => ("private-token", token.to_owned()),
                ApiKind::Gitea => ("authorization", format!("token {token}")),
            }));
        }
        let agent = http_client::config(url.as_str(), ALL).new_agent();
        let has_token = api.is_some_and(|(_, token)| token.is_some());
        Self { agent, end: Instant::now() + ALL, headers, has_token }
    }

    /// All pages of the owner's repositories.
    fn pages(&self, api: &ForgeApi, archived: bool) -> Result<ListPage, String> {
        let mut all = ListPage::default();
        let (mut next, mut answer) = self.first(api, archived)?;
        for number in 1.. {
            let headers = answer.headers().clone();
            let read = answer::page(api, &body(answer)?);
            let page = read
                .ok_or("its answer is no list of repositories: is `url` the address of its API?")?;
            let count = page.count;
            all.repositories.extend(page.repositories);
            all.notes.extend(page.notes);
            all.count += count;
            let Some(url) = paging::next(&next, &end_of_page(api.kind, &headers, count))? else {
                break;
            };
            if number == MAX_PAGES {
                all.notes.push(format!("the list goes on after {number} pages, which are read"));
                break;
            }
            answer = self.get(&url)?;
            next = url;
            if !answer.status().is_success() {
                return Err(refusal(&answer, &api.owner, self.has_token));
            }
        }
        Ok(all)
    }

    /// The first page: an owner may be an organisation or group, or a user.
    fn first(&self, api: &ForgeApi, archived: bool) -> Result<(Url, Response<Body>), String> {
        let [group, user] = first_pages(api, archived)?;
        let answer = self.get(&group)?;
        let (url, answer) = match answer.status() {
            StatusCode::NOT_FOUND => {
                let answer = self.get(&user)?;
                (user, answer)
            }
            _ => (group, answer),
        };
        match answer.status().is_success() {
            true => Ok((url, answer)),
            false => Err(refusal(&answer, &api.owner, self.has_token)),
        }
    }

    fn get(&self, url: &Url) -> Result<Response<Body>, String> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(too_slow());
        }
        let mut request = self.agent.get(url.as_str()).config().timeout_global(Some(left)).build();
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        request.call().map_err(|error| unreachable(&error))
    }
}

/// The addresses at which the repositories of an organisation or group begin, and those of a user.
fn first_pages(api: &ForgeApi, archived: bool) -> Result<[Url; 2], String> {
    let (kinds, end, query): (_, _, &[(&str, &str)]) = match api.kind {
        ApiKind::GitHub => (["orgs", "users"], "repos", &[("per_page", PER_PAGE)]),
        ApiKind::Gitea => (["orgs", "users"], "repos", &[("limit", "50")]),
        ApiKind::GitLab => (
            ["groups", "users"],
            "projects",
            &[("per_page", PER_PAGE), ("include_subgroups", "true"), ("with_shared", "false")],
        ),
    };
    let page = |kind| -> Result<Url, String> {
        let mut url = api.url.clone();
        let mut parts = url.path_segments_mut().map_err(|()| "`url` has no path".to_owned())?;
        parts.pop_if_empty().extend([kind, api.owner.as_str(), end]);
        drop(parts);
        url.query_pairs_mut().extend_pairs(query);
        if api.kind == ApiKind::GitLab && !archived {
            // Without a token, it does not tell which ones are.
            url.query_pairs_mut().append_pair("archived", "false");
        }
        Ok(url)
    };
    let [group, user] = kinds;
    Ok([page(group)?, page(user)?])
}

/// What the headers of a page say of the next one.
fn end_of_page(kind: ApiKind, headers: &HeaderMap, count: usize) -> PageEnd<'_> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let link = header("link");
    // Without it, GitHub has no other page.
    let link = if kind == ApiKind::GitHub { link.or(Some("")) } else { link };
    PageEnd { link, next_page: header("x-next-page"), count }
}

fn body(answer: Response<Body>) -> Result<Vec<u8>, String> {
    let (_, mut body) = answer.into_parts();
    body.with_config().limit(MAX_BYTES).read_to_vec().map_err(|error| unreachable(&error))
}

fn too_slow() -> String {
    format!("it has not answered within {} seconds", ALL.as_secs())
}

/// Why there is no answer, in words.
fn unreachable(error: &ureq::Error) -> String {
    use ureq::Error;
    match error {
        Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
            "it cannot be reached: no connection in time".to_owned()
        }
        Error::Timeout(_) => too_slow(),
        Error::BodyExceedsLimit(_) => format!("its answer has more than {MAX_BYTES} bytes"),
        Error::Protocol(_) | Error::LargeResponseHeader(..) => {
            "it does not answer as a web server does: correct `url`".to_owned()
        }
        error => format!("it cannot be reached: {error}"),
    }
}

/// Why an answer is no list, in words. What its body says is not repeated.
fn refusal(answer: &Response<Body>, owner: &str, has_token: bool) -> String {
    let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
    let status = answer.status().as_u16();
    let is_limited = status == 429
        || (status == 403
            && (header("x-ratelimit-remaining") == Some("0") || header("retry-after").is_some()));
    if is_limited {
        let wait = header("retry-after").and_then(|text| text.parse::<u64>().ok());
        let wait = wait.map(|seconds| format!("; it wants a pause of {seconds} seconds"));
        return format!(
            "it has answered too many requests (status {status}){}",
            wait.unwrap_or_default()
        );
    }
    match status {
        300..=399 => format!(
            "it leads elsewhere (status {status}), where it is not followed: correct `url` or `owner`"
        ),
        401 if has_token => "it does not accept the token in `token_file` (status 401)".to_owned(),
        401 => "it wants a login (status 401): name a file with a token in `token_file`".to_owned(),
        403 => format!("it does not allow to list the repositories of {owner:?} (status 403)"),
        404 => format!("it has no {owner:?}, or hides it from this token (status 404)"),
        _ => format!("it answers with status {status}"),
    }
}
