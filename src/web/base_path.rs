//! Takes the base path off requests, so that everything behind it sees the server's own paths.

use actix_web::{
    dev::ServiceRequest,
    http::uri::{PathAndQuery, Uri},
};

use crate::config::base_path::BasePath;

/// Takes the base path off a request's path. A request without it stays: its proxy has removed it.
pub(crate) fn remove(base: &BasePath, request: &mut ServiceRequest) {
    let Some(own) = request.uri().path_and_query().and_then(|whole| base.own_path(whole.as_str()))
    else {
        return;
    };
    let own = if own.starts_with('/') { own.to_owned() } else { format!("/{own}") };
    let mut parts = request.uri().clone().into_parts();
    // The rest of a path is one.
    let Ok(path) = PathAndQuery::try_from(own) else { return };
    parts.path_and_query = Some(path);
    let Ok(uri) = Uri::from_parts(parts) else { return };
    request.match_info_mut().get_mut().update(&uri);
    request.head_mut().uri = uri;
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_request_loses_its_base_path_and_keeps_the_rest() {
        let base: BasePath = "/guide".parse().unwrap();
        for (asked, path, query) in [
            ("/guide", "/", ""),
            ("/guide?a=b", "/", "a=b"),
            ("/guide/api/projects?limit=1", "/api/projects", "limit=1"),
            ("/api/projects", "/api/projects", ""),
            ("/guides", "/guides", ""),
            ("/guide/guide/p", "/guide/p", ""),
            ("http://demo.test:8080/guide/p/a%20b", "/p/a%20b", ""),
        ] {
            let mut request = TestRequest::with_uri(asked).to_srv_request();
            let authority = request.uri().authority().cloned();
            remove(&base, &mut request);
            assert_eq!((request.path(), request.query_string()), (path, query), "{asked}");
            assert_eq!(request.uri().authority().cloned(), authority);
        }
    }
}
