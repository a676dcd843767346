//! Whom a request was sent to, for a failure that no client tells: an answer that did not come in time.

use super::program::Client;
use super::world::Call;
use crate::event::Json;

/// The host of a request, with its port where one is written: that of its own URL, else that of the client's.
pub(super) fn address(client: &Client, call: &Call) -> Option<String> {
    let url_of = |value: &Json| {
        let mut names = client.urls.iter();
        names.find_map(|name| authority(first_text(value.get(&**name)?)?))
    };
    url_of(&call.request).or_else(|| url_of(&call.config))
}

/// A text, or the first of several.
fn first_text(value: &Json) -> Option<&str> {
    match value {
        Json::Array(items) => items.first()?.as_str(),
        other => other.as_str(),
    }
}

/// What stands between `//` and the path, without user and password.
fn authority(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest[..end].rsplit('@').next()?;
    (!host.is_empty()).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::authority;

    #[test]
    fn a_host_stands_between_the_slashes_without_a_login() {
        for (url, host) in [
            ("http://127.0.0.1:7801/orders?a=b", Some("127.0.0.1:7801")),
            ("nats://user:pa@ss@bus", Some("bus")),
            ("postgres://[::1]:5432?x=/", Some("[::1]:5432")),
            ("sqlite:///tmp/x.db", None),
            ("/orders", None),
        ] {
            assert_eq!(authority(url).as_deref(), host, "{url}");
        }
    }
}
