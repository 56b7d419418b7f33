//! Paging: where the answer of a forge goes on. Pure.

use url::Url;

/// What a page says of the next one.
#[derive(Debug, Default)]
pub(super) struct PageEnd<'a> {
    /// The header `Link`.
    pub(super) link: Option<&'a str>,
    /// The header `X-Next-Page`, empty on the last page.
    pub(super) next_page: Option<&'a str>,
    /// Repositories on this page.
    pub(super) count: usize,
}

/// The address of the page after `page`, on the same server; `None` after the last one. The error is for a
/// person.
pub(super) fn next(page: &Url, end: &PageEnd<'_>) -> Result<Option<Url>, String> {
    if let Some(target) = end.link.and_then(next_link) {
        let next = page.join(target).map_err(|_| "its next page has no address".to_owned())?;
        return match next.origin() == page.origin() {
            true if next != *page => Ok(Some(next)),
            true => Err("its next page is the same one".to_owned()),
            false => Err("its next page is on another server, which is not asked".to_owned()),
        };
    }
    match (end.next_page, end.link) {
        (Some(""), _) => Ok(None),
        (Some(number), _) => match number.parse() {
            Ok(number) => Ok(Some(with_number(page, number))),
            Err(_) => Err("the number of its next page cannot be read".to_owned()),
        },
        // It names other pages, but none that comes next.
        (None, Some(_)) => Ok(None),
        (None, None) if end.count == 0 => Ok(None),
        (None, None) => Ok(Some(with_number(page, number_of(page) + 1))),
    }
}

/// The target of `rel="next"`.
fn next_link(header: &str) -> Option<&str> {
    header.split('<').skip(1).find_map(|part| {
        let (target, parameters) = part.split_once('>')?;
        let is_next = parameters.split([';', ',']).any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or_default();
            let mut values = value.trim().trim_matches('"').split_ascii_whitespace();
            name.trim().eq_ignore_ascii_case("rel")
                && values.any(|value| value.eq_ignore_ascii_case("next"))
        });
        is_next.then_some(target)
    })
}

fn number_of(page: &Url) -> u32 {
    let number = page.query_pairs().find(|(name, _)| name == "page");
    number.and_then(|(_, number)| number.parse().ok()).unwrap_or(1)
}

fn with_number(page: &Url, number: u32) -> Url {
    let mut next = page.clone();
    let others: Vec<(String, String)> = page
        .query_pairs()
        .filter(|(name, _)| name != "page")
        .map(|it| (it.0.into(), it.1.into()))
        .collect();
    next.query_pairs_mut().clear().extend_pairs(others).append_pair("page", &number.to_string());
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(page: &str, end: &PageEnd<'_>) -> Result<Option<String>, String> {
        let page = Url::parse(page).unwrap();
        next(&page, end).map(|it| it.map(String::from))
    }

    #[test]
    fn a_link_leads_to_the_next_page_of_the_same_server_alone() {
        let page = "https://api.example.org/orgs/a/repos?per_page=100";
        let linked = |link: &str| after(page, &PageEnd { link: Some(link), ..PageEnd::default() });
        let both = "<https://api.example.org/x?page=1>; rel=\"prev\", \
                    <https://api.example.org/x?page=3>; rel=\"next\"";
        assert_eq!(linked(both), Ok(Some("https://api.example.org/x?page=3".to_owned())));
        assert_eq!(
            linked("</x?page=2>; rel=next"),
            Ok(Some("https://api.example.org/x?page=2".to_owned()))
        );
        assert_eq!(linked("<https://api.example.org/x>; rel=\"last\""), Ok(None));
        assert_eq!(linked("nonsense <"), Ok(None));
        for elsewhere in
            ["https://evil.example/x", "http://api.example.org/x", "https://api.example.org:8443/x"]
        {
            let error = linked(&format!("<{elsewhere}>; rel=\"next\"")).unwrap_err();
            assert!(error.contains("another server"), "{error}");
        }
        assert!(linked(&format!("<{page}>; rel=\"next\"")).unwrap_err().contains("same"));
    }

    #[test]
    fn pages_are_numbered_until_one_is_the_last_or_empty() {
        let page = "https://example.org/api/v4/projects?page=2&archived=false";
        let numbered =
            |next_page| after(page, &PageEnd { next_page: Some(next_page), ..PageEnd::default() });
        let third = "https://example.org/api/v4/projects?archived=false&page=3".to_owned();
        assert_eq!(numbered("3"), Ok(Some(third.clone())));
        assert_eq!(numbered(""), Ok(None));
        assert!(numbered("x").unwrap_err().contains("number"));
        let counted = |count| after(page, &PageEnd { count, ..PageEnd::default() });
        assert_eq!((counted(1), counted(0)), (Ok(Some(third)), Ok(None)));
    }
}
