use super::input::{JsonBody, Params};
use super::problem::{FieldError, Problem};
use super::service::{App, lock};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

const USER: &str = "demo";
const PASSWORD: &str = "demo-secret";
const MAX_COOKIE: usize = 1_024;

pub(super) async fn login(
    State(app): State<App>,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, Problem> {
    if body.get("user") != Some(&json!(USER)) || body.get("password") != Some(&json!(PASSWORD)) {
        let detail = "this user and password are not known";
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "login", detail));
    }
    let token = lock(&app.tokens).issue();
    Ok(Json(json!({ "token": token, "expires_in": 3600 })))
}

pub(super) async fn me(State(app): State<App>, headers: HeaderMap) -> Result<Json<Value>, Problem> {
    let token = credentials(&headers, "bearer");
    let is_known = token.is_some_and(|token| lock(&app.tokens).is_valid(token));
    if is_known {
        Ok(Json(json!({ "user": USER })))
    } else {
        Err(unauthorized("a token of POST /login is due", "Bearer"))
    }
}

pub(super) async fn private(headers: HeaderMap) -> Result<Json<Value>, Problem> {
    let given = credentials(&headers, "basic").and_then(|coded| STANDARD.decode(coded).ok());
    if given.is_some_and(|given| given == format!("{USER}:{PASSWORD}").as_bytes()) {
        Ok(Json(json!({ "user": USER })))
    } else {
        let challenge = "Basic realm=\"demo\"";
        Err(unauthorized("user and password are due", challenge))
    }
}

/// What stands behind the scheme in the `Authorization` header.
fn credentials<'h>(headers: &'h HeaderMap, scheme: &str) -> Option<&'h str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (given, rest) = value.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}

fn unauthorized(detail: &str, challenge: &'static str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
        .with_header("www-authenticate", challenge)
}

pub(super) async fn set_cookie(params: Params) -> Result<Response, Problem> {
    let (name, value) = (params.required("name")?, params.required("value")?);
    let is_plain = |text: &str| {
        text.len() <= MAX_COOKIE
            && text
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]{}".contains(&byte))
    };
    let mut errors = Vec::new();
    for (field, text) in [("name", name), ("value", value)] {
        if !is_plain(text) || (field == "name" && text.is_empty()) {
            let detail = format!("must be at most {MAX_COOKIE} letters, digits and -._~");
            errors.push(FieldError::new(field, detail));
        }
    }
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax");
    let body = Json(json!({ "name": name, "value": value }));
    Ok(([(header::SET_COOKIE, cookie)], body).into_response())
}

pub(super) async fn cookies(headers: HeaderMap) -> Json<Value> {
    let cookies: Map<String, Value> = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    Json(cookies.into())
}
