use super::gzip::wrap;
use super::input::{Body, Params};
use super::problem::{FieldError, Problem};
use super::service::{App, lock};
use axum::extract::FromRequest as _;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use std::time::Duration;

const MAX_SLOW_MS: u64 = 10_000;
const MAX_FAILURES: u64 = 100;
const MAX_KEY: usize = 200;
const MAX_BYTES: usize = 1024 * 1024;

pub(super) async fn slow(State(app): State<App>, params: Params) -> Result<Response, Problem> {
    let millis = params.number("ms", 500, 0..=MAX_SLOW_MS)?;
    tokio::select! {
        () = tokio::time::sleep(Duration::from_millis(millis)) => {}
        () = app.stop.cancelled() => {
            let closing = "the shop closes";
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "closing", closing));
        }
    }
    Ok(Json(json!({ "ms": millis })).into_response())
}

pub(super) async fn flaky(State(app): State<App>, params: Params) -> Result<Json<Value>, Problem> {
    let key = params.required("key")?;
    if key.len() > MAX_KEY {
        let detail = format!("must have at most {MAX_KEY} bytes");
        return Err(Problem::invalid(vec![FieldError::new("key", detail)]));
    }
    let fail = params.number("fail", 2, 0..=MAX_FAILURES)?;
    let attempt = lock(&app.counters).count(key);
    if attempt <= fail {
        let detail = format!(
            "attempt {attempt} with this key fails; {} more to go",
            fail - attempt
        );
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "flaky", detail);
        return Err(problem.with_header("retry-after", "0"));
    }
    Ok(Json(json!({ "key": key, "attempt": attempt })))
}

pub(super) async fn status(Path(code): Path<String>) -> Result<Response, Problem> {
    let status = code
        .parse()
        .ok()
        .filter(|code| (200..=599).contains(code))
        .and_then(|code| StatusCode::from_u16(code).ok())
        .ok_or_else(|| {
            Problem::invalid(vec![FieldError::new(
                "code",
                "must be a status from 200 to 599",
            )])
        })?;
    // These three have no body.
    if matches!(status.as_u16(), 204 | 205 | 304) {
        return Ok(status.into_response());
    }
    Ok((status, Json(json!({ "status": status.as_u16() }))).into_response())
}

pub(super) async fn echo(
    State(app): State<App>,
    Params(query): Params,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let method = request.method().to_string();
    let path = request.uri().path().to_owned();
    let headers = show_headers(request.headers());
    let Body(body) = Body::from_request(request, &app).await?;
    let body = if body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&body).unwrap_or_else(|_| {
            String::from_utf8(body.to_vec()).map_or_else(
                |error| json!({ "base64": STANDARD.encode(error.into_bytes()) }),
                Value::from,
            )
        })
    };
    let query: Map<String, Value> = query
        .into_iter()
        .map(|(name, value)| (name, value.into()))
        .collect();
    Ok(Json(json!({
        "method": method,
        "path": path,
        "query": query,
        "headers": headers,
        "body": body,
    })))
}

/// The headers by name; several of one name are joined by a comma, as RFC 9110 allows.
fn show_headers(headers: &HeaderMap) -> Map<String, Value> {
    let show = |name: &header::HeaderName| {
        let values: Vec<_> = headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        (name.to_string(), values.join(", ").into())
    };
    headers.keys().map(show).collect()
}

pub(super) async fn redirect(params: Params) -> Result<Response, Problem> {
    let to = params.required("to")?;
    let wrong = |name: &str, detail: &str| Problem::invalid(vec![FieldError::new(name, detail)]);
    // `//host` and `/\host` lead to another server.
    let is_local = to.starts_with('/') && !to[1..].starts_with(['/', '\\']);
    let to = HeaderValue::from_str(to)
        .ok()
        .filter(|_| is_local)
        .ok_or_else(|| wrong("to", "must be a path of this server: /…"))?;
    let status = params.number("status", 302, 300..=399)?;
    let status = StatusCode::from_u16(status)
        .ok()
        .filter(|status| matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308))
        .ok_or_else(|| wrong("status", "must be 301, 302, 303, 307 or 308"))?;
    Ok((status, [(header::LOCATION, to)]).into_response())
}

pub(super) async fn text() -> &'static str {
    "The shop is open.\nOrders move by themselves.\nNothing here is kept.\n"
}

pub(super) async fn gzip() -> Response {
    let body = wrap(json!({ "encoding": "gzip" }).to_string().as_bytes());
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CONTENT_ENCODING, "gzip"),
    ];
    (headers, body).into_response()
}

pub(super) async fn bytes(State(app): State<App>, params: Params) -> Result<Vec<u8>, Problem> {
    let n = params.number("n", 1024, 0..=MAX_BYTES)?;
    let mut bytes = vec![0; n];
    fastrand::Rng::with_seed(app.settings.seed).fill(&mut bytes);
    Ok(bytes)
}
