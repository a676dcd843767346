use cookie_store::{CookieStore, RawCookie};
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderValue, SET_COOKIE};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// The cookies of one execution. reqwest's own would parse each URL once more for every request.
#[derive(Debug, Default)]
pub(super) struct Jar(Mutex<CookieStore>);

impl Jar {
    /// The header `Cookie` for a request to this URL, if there is any cookie for it.
    pub(super) fn header(&self, url: &Url) -> Option<HeaderValue> {
        let mut header = String::new();
        for (name, value) in self.store().get_request_values(url) {
            if !header.is_empty() {
                header.push_str("; ");
            }
            header.push_str(name);
            header.push('=');
            header.push_str(value);
        }
        if header.is_empty() {
            return None;
        }
        // A value that no header may hold is left out, as browsers do.
        HeaderValue::try_from(header).ok()
    }

    /// Keeps what an answer from this URL sets.
    pub(super) fn keep(&self, headers: &HeaderMap, url: &Url) {
        let set = set_by(headers).map(RawCookie::into_owned);
        self.store().store_response_cookies(set, url);
    }

    fn store(&self) -> MutexGuard<'_, CookieStore> {
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
