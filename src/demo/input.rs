use super::problem::{FieldError, Problem};
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde_json::Value as Json;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

const BODY_TIME: Duration = Duration::from_secs(10);

/// A body that has arrived in time and is not too large.
pub(super) struct Body(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match tokio::time::timeout(BODY_TIME, Bytes::from_request(request, state)).await {
            Ok(Ok(bytes)) => Ok(Self(bytes)),
            Ok(Err(rejection)) => Err(Problem::new(
                rejection.status(),
                "body",
                rejection.body_text(),
            )),
            Err(_) => Err(Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "body",
                format!("the body did not arrive within {BODY_TIME:?}"),
            )),
        }
    }
}

/// A body that is JSON, whatever its content type says.
pub(super) struct JsonBody(pub(super) Json);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Body(bytes) = Body::from_request(request, state).await?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            let detail = format!("the body is no JSON: {error}");
            Problem::new(StatusCode::BAD_REQUEST, "json", detail)
        })
    }
}

/// The query, decoded.
pub(super) struct Params(pub(super) Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(pairs)) => Ok(Self(pairs)),
            Err(rejection) => Err(Problem::new(
                rejection.status(),
                "query",
                rejection.body_text(),
            )),
        }
    }
}

impl Params {
    /// The last value of this name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// A value that must be there.
    pub(super) fn required(&self, name: &str) -> Result<&str, Problem> {
        self.get(name)
            .ok_or_else(|| Problem::invalid(vec![FieldError::new(name, "is missing")]))
    }

    /// A number in a range, or what it is when it is not given.
    pub(super) fn number<T>(
        &self,
        name: &str,
        default: T,
        range: RangeInclusive<T>,
    ) -> Result<T, Problem>
    where
        T: FromStr + PartialOrd + std::fmt::Display,
    {
        let Some(text) = self.get(name) else {
            return Ok(default);
        };
        match text.parse() {
            Ok(number) if range.contains(&number) => Ok(number),
            _ => {
                let detail = format!(
                    "must be a whole number from {} to {}",
                    range.start(),
                    range.end()
                );
                Err(Problem::invalid(vec![FieldError::new(name, detail)]))
            }
        }
    }
}
