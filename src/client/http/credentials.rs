//! Who asks: what a header says, and what a URL may hold.

use super::fields::Auth;
use crate::client::value::Text;
use crate::event::Failure;
use base64::Engine as _;
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use reqwest::Url;
use reqwest::header::HeaderValue;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Credentials {
    Basic(String, String),
    Bearer(String),
}

impl Credentials {
    pub(super) fn of(auth: Auth) -> Result<Self, Failure> {
        match auth {
            Auth {
                basic: Some([Text(user), Text(password)]),
                bearer: None,
            } => Ok(Self::Basic(user, password)),
            Auth {
                basic: None,
                bearer: Some(Text(token)),
            } => Ok(Self::Bearer(token)),
            _ => Err(Failure::protocol(
                "`auth` is one of {basic: [user, password]} and {bearer: token}",
            )),
        }
    }

    pub(super) fn header(&self) -> Result<HeaderValue, Failure> {
        let text = match self {
            Self::Basic(user, password) => format!(
                "Basic {}",
                base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"))
            ),
            Self::Bearer(token) => format!("Bearer {token}"),
        };
        let mut value = HeaderValue::from_maybe_shared(Bytes::from(text)).map_err(|_| {
            Failure::protocol("the token in `auth` holds a line break or control character")
        })?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// Takes user and password out of a URL.
pub(super) fn take_credentials(url: &mut Url) -> Option<Credentials> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let credentials = Credentials::Basic(
        decode(url.username()),
        decode(url.password().unwrap_or_default()),
    );
    // Both only fail for URLs without a host, which `http` does not have.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(credentials)
}
