use cookie_store::{Cookie, CookieStore, RawCookie, StoreAction};
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderValue, SET_COOKIE};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// The cookies of one execution. reqwest's own would parse each URL once more for every request.
#[derive(Debug, Default)]
pub(super) struct Jar(Mutex<Cookies>);

#[derive(Debug, Default)]
struct Cookies {
    store: CookieStore,
    /// When each was created, as a count: the store does not keep it.
    created: HashMap<Identity, u64>,
    count: u64,
}

/// What tells one cookie from another: domain, path and name.
type Identity = (String, String, String);

fn identity(cookie: &Cookie<'_>) -> Identity {
    (
        String::from(&cookie.domain),
        String::from(&cookie.path),
        cookie.name().to_owned(),
    )
}

impl Cookies {
    /// Keeps a cookie. One that replaces another takes over its age.
    fn keep(&mut self, cookie: &RawCookie<'_>, url: &Url) {
        let Ok(cookie) = Cookie::try_from_raw_cookie(cookie, url) else {
            return;
        };
        let identity = identity(&cookie);
        let (domain, path, name) = &identity;
        if self.store.get(domain, path, name).is_none() {
            // The one that it replaces has expired by now.
            self.created.remove(&identity);
        }
        match self.store.insert(cookie.into_owned(), url) {
            Ok(StoreAction::Inserted | StoreAction::UpdatedExisting) => {
                let now = &mut self.count;
                self.created.entry(identity).or_insert_with(|| {
                    *now += 1;
                    *now
                });
            }
            Ok(StoreAction::ExpiredExisting) => {
                self.created.remove(&identity);
            }
            // It is none of this URL's to set.
            Err(_) => {}
        }
    }

    /// Those for a URL in the order of RFC 6265, section 5.4: longer paths first, then the older ones.
    fn matching(&self, url: &Url) -> Vec<&Cookie<'static>> {
        let mut cookies = self.store.matches(url);
        cookies.sort_by_cached_key(|cookie| {
            let identity = identity(cookie);
            let age = self.created.get(&identity).copied();
            (Reverse(identity.1.len()), age)
        });
        cookies
    }
}

impl Jar {
    /// The header `Cookie` for a request to this URL, if there is any cookie for it.
    pub(super) fn header(&self, url: &Url) -> Option<HeaderValue> {
        let mut header = String::new();
        for cookie in self.cookies().matching(url) {
            if !header.is_empty() {
                header.push_str("; ");
            }
            header.push_str(cookie.name());
            header.push('=');
            header.push_str(cookie.value());
        }
        if header.is_empty() {
            return None;
        }
        // A value that no header may hold is left out, as browsers do.
        HeaderValue::try_from(header).ok()
    }

    /// Keeps what an answer from this URL sets.
    pub(super) fn keep(&self, headers: &HeaderMap, url: &Url) {
        let mut cookies = self.cookies();
        for cookie in set_by(headers) {
            cookies.keep(&cookie, url);
        }
    }

    fn cookies(&self) -> MutexGuard<'_, Cookies> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The cookies that an answer sets; what is no cookie is left out.
pub(super) fn set_by(headers: &HeaderMap) -> impl Iterator<Item = RawCookie<'_>> {
    let values = headers.get_all(SET_COOKIE).iter();
    let texts = values.filter_map(|value| std::str::from_utf8(value.as_bytes()).ok());
    texts.filter_map(|text| RawCookie::parse(text).ok())
}

/// Whether setting it means to remove it.
pub(super) fn is_removal(cookie: &RawCookie<'_>) -> bool {
    match cookie.max_age() {
        Some(age) => !age.is_positive(),
        None => {
            (cookie.expires_datetime()).is_some_and(|at| SystemTime::from(at) <= SystemTime::now())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jar(set: &[&str]) -> Jar {
        let (jar, url) = (
            Jar::default(),
            Url::parse("http://shop.test/a/b/c").unwrap(),
        );
        for line in set {
            let mut headers = HeaderMap::new();
            headers.insert(SET_COOKIE, line.parse().unwrap());
            jar.keep(&headers, &url);
        }
        jar
    }

    fn sent(jar: &Jar, url: &str) -> String {
        let header = jar.header(&Url::parse(url).unwrap());
        header.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
    }

    /// RFC 6265, section 5.4. A list of 20: by chance it is in this order once in 10^18 times.
    #[test]
    fn older_cookies_come_first() {
        let names: Vec<String> = (0..20).map(|n| format!("c{n}")).collect();
        let set: Vec<String> = names
            .iter()
            .map(|name| format!("{name}=v; Path=/"))
            .collect();
        let set: Vec<&str> = set.iter().map(String::as_str).collect();
        let expected: Vec<String> = names.iter().map(|name| format!("{name}=v")).collect();
        assert_eq!(sent(&jar(&set), "http://shop.test/"), expected.join("; "));
    }

    #[test]
    fn longer_paths_come_before_older_cookies() {
        let jar = jar(&[
            "x=1; Path=/",
            "y=2; Path=/a",
            "z=3; Path=/a/b",
            "w=4; Path=/a",
            "x=5; Path=/a/b",
        ]);
        assert_eq!(
            sent(&jar, "http://shop.test/a/b"),
            "z=3; x=5; y=2; w=4; x=1"
        );
        assert_eq!(sent(&jar, "http://shop.test/a"), "y=2; w=4; x=1");
    }

    #[test]
    fn a_new_value_keeps_its_age_and_a_new_cookie_has_none() {
        let updated = jar(&["a=1; Path=/", "b=2; Path=/", "a=3; Path=/"]);
        assert_eq!(sent(&updated, "http://shop.test/"), "a=3; b=2");
        let created = jar(&[
            "a=1; Path=/",
            "b=2; Path=/",
            "a=; Max-Age=0; Path=/",
            "a=3; Path=/",
        ]);
        assert_eq!(sent(&created, "http://shop.test/"), "b=2; a=3");
    }

    #[test]
    fn domains_are_mixed_by_age() {
        let jar = jar(&[
            "a=1; Path=/; Domain=test",
            "b=2; Path=/",
            "c=3; Path=/; Domain=shop.test",
            "d=4; Path=/",
        ]);
        assert_eq!(sent(&jar, "http://shop.test/"), "a=1; b=2; c=3; d=4");
    }
}
