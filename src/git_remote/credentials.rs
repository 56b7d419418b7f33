//! The protocol of git's credential helpers (`gitcredentials(7)`): what one is asked, and what it says.

use std::fmt;

use super::address::RemoteAddress;

/// What a helper tells of a host. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RemoteCredentials {
    pub(crate) user: Option<String>,
    pub(crate) password: String,
}

impl fmt::Debug for RemoteCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RemoteCredentials(…)")
    }
}

/// What a helper is asked for the remote. It gets the host and no path, as git does by default.
pub(crate) fn question(address: &RemoteAddress, user: Option<&str>) -> String {
    let host = address.host().unwrap_or_default();
    let port = address.written_port().map(|port| format!(":{port}")).unwrap_or_default();
    let user = user.map(|user| format!("username={user}\n")).unwrap_or_default();
    format!("protocol={}\nhost={host}{port}\n{user}\n", address.scheme())
}

impl RemoteCredentials {
    /// Reads what a helper says; `None` without a password.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let lines = || text.lines().take_while(|line| !line.is_empty());
        // Of several, git takes the last.
        let value = |key: &str| {
            let values = lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            values.filter(|value| !value.contains(char::is_control)).last()
        };
        let password = value("password").filter(|password| !password.is_empty())?.to_owned();
        let user = value("username").filter(|user| !user.is_empty()).map(str::to_owned);
        Some(Self { user, password })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helper_is_asked_for_the_host() {
        let asked = |text: &str, user| question(&RemoteAddress::parse(text).unwrap(), user);
        assert_eq!(asked("https://a.b/c/d.git", None), "protocol=https\nhost=a.b\n\n");
        let expected = "protocol=http\nhost=127.0.0.1:81\nusername=me\n\n";
        assert_eq!(asked("http://127.0.0.1:81/c%0ahost=d", Some("me")), expected);
    }

    #[test]
    fn what_a_helper_says_is_read_as_git_does() {
        let read = |text: &str| RemoteCredentials::parse(text).map(|it| (it.user, it.password));
        let me = |password: &str| Some((Some("me".to_owned()), password.to_owned()));
        assert_eq!(read("username=me\npassword=a=b\npath=x\n"), me("a=b"));
        assert_eq!(read("password=a\nusername=me\npassword=b"), me("b"));
        assert_eq!(read("password=a\n\nusername=me"), Some((None, "a".to_owned())));
        for nothing in ["", "username=me\n", "password=\n", "quit=1\n", "\npassword=a"] {
            assert_eq!(read(nothing), None, "{nothing:?}");
        }
        let shown = format!("{:?}", RemoteCredentials::parse("password=hunter2"));
        assert_eq!(shown, "Some(RemoteCredentials(…))");
    }
}
