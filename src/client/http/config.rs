use super::fields::{Auth, Fields, Follow, Tls};
use crate::client::contract::UrlText;
use crate::client::value::Span;
use schemars::JsonSchema;
use serde::Deserialize;

/// What `clients: {NAME: {http: …}}` holds.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What a request's path is appended to: with `http://127.0.0.1:7801/api`, `GET /orders` asks for
    /// `http://127.0.0.1:7801/api/orders`.
    #[schemars(with = "Option<UrlText>")]
    pub base_url: Option<String>,
    /// Headers of every request; a request's own replace them.
    pub headers: Option<Fields>,
    /// Who asks, unless a request says so itself: `{basic: [user, password]}` or `{bearer: token}`. Sent to
    /// the host of `base_url` alone, if there is one.
    pub auth: Option<Auth>,
    /// Whether cookies are kept and sent back, in one jar for each execution (default true).
    pub cookies: Option<bool>,
    /// Whether redirects are followed: true (10 at most, the default), false, or the most that are.
    pub follow_redirects: Option<Follow>,
    /// Certificates, for `https`.
    pub tls: Option<Tls>,
    /// HTTP/2: true forces it, false forbids it; by default the server chooses (`https` only).
    pub http2: Option<bool>,
    /// How long connecting may take (default 10s). A request as a whole is bounded by the
    /// instruction's `timeout`.
    pub connect_timeout: Option<Span>,
    /// The most bytes that a body may have, after decompression (default 16777216).
    pub body_limit: Option<u64>,
    /// Whether compressed answers are asked for and decompressed (default true).
    pub compression: Option<bool>,
}
