//! Redirects and cookies.

use super::server::arrived;
use super::*;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as Segment, Query};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use std::collections::HashMap;

/// `/to/CODE?to=URL` redirects, `/loop` does so without end, `/set?c=…` sets a cookie; all else echoes.
fn router() -> Router {
    Router::new()
        .route(
            "/to/{code}",
            any(
                |Segment(code): Segment<u16>, Query(query): Query<HashMap<String, String>>| async move {
                    let code = StatusCode::from_u16(code).unwrap();
                    redirect(code, &query["to"])
                },
            ),
        )
        .route("/loop", get(|| async { redirect(StatusCode::FOUND, "loop") }))
        .route(
            "/set",
            get(|Query(query): Query<HashMap<String, String>>| async move {
                ([("set-cookie", query["c"].clone())], "set").into_response()
            }),
        )
        .route(
            "/login",
            get(|| async {
                (
                    StatusCode::SEE_OTHER,
                    [("set-cookie", "sid=1; Path=/"), ("location", "/home")],
                )
            }),
        )
        .fallback(
            |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| async move {
                axum::Json(arrived(&method, &uri, &headers, &body))
            },
        )
}

fn redirect(code: StatusCode, to: &str) -> Response {
    (code, [("location", to.to_owned())]).into_response()
}

async fn client() -> (Server, Client) {
    let server = Server::axum(router()).await;
    let client = Client::new(json!({ "base_url": server.url("") })).await;
    (server, client)
}

#[tokio::test]
async fn redirects_change_methods_as_browsers_do() {
    let (server, client) = client().await;
    for (code, method, then) in [
        (301, "post", "GET"),
        (302, "post", "GET"),
        (303, "post", "GET"),
        (303, "put", "GET"),
        (302, "put", "PUT"),
        (307, "post", "POST"),
        (308, "patch", "PATCH"),
    ] {
        let mut request = json!({ "json": { "a": 1 }, "query": { "to": "/end?x#here" } });
        request[method] = format!("/to/{code}").into();
        let reply = client.call(request).await.unwrap();
        let body = &reply.value["body"];
        assert_eq!(body["method"], then, "{code} {method}");
        assert_eq!(body["target"], "/end?x");
        let kept = then != "GET";
        assert_eq!(body["body"], if kept { "{\"a\":1}" } else { "" });
        assert_eq!(body["headers"].get("content-type").is_some(), kept);
        assert_eq!(reply.value["url"], server.url("/end?x#here"));
        assert!(reply.summary.contains("redirected to"), "{}", reply.summary);
    }
}

#[tokio::test]
async fn redirects_can_be_bounded_and_refused() {
    let (server, client) = client().await;
    let failure = client.failure(json!({ "get": "/loop" })).await;
    assert!(
        failure.message.contains("more than 10 redirects"),
        "{failure:?}"
    );
    let failure = client
        .failure(json!({ "get": "/loop", "follow_redirects": 2 }))
        .await;
    assert!(
        failure.message.contains("more than 2 redirects"),
        "{failure:?}"
    );
    let res = client
        .res(json!({ "get": "/loop", "follow_redirects": false }))
        .await;
    assert_eq!(
        (&res["status"], &res["headers"]["location"]),
        (&json!(302), &json!("loop"))
    );
    let failure = client
        .failure(json!({ "get": "/to/302", "query": { "to": "mailto:a@b" } }))
        .await;
    assert!(
        failure.message.contains("neither http nor https"),
        "{failure:?}"
    );
    drop(server);
}

#[tokio::test]
async fn each_hop_is_checked_and_loses_what_is_secret() {
    let server = Server::axum(router()).await;
    let port = server.address.port();
    let request = json!({
        "get": server.url("/to/307"),
        "query": { "to": format!("http://localhost:{port}/end") },
        "auth": { "bearer": "t0ken" },
        "cookies": { "own": 1 },
        "headers": { "X-Kept": "k" },
    });
    let body = &res(request.clone()).await["body"];
    assert_eq!(body["headers"].get("authorization"), None);
    assert_eq!(body["headers"].get("cookie"), None);
    assert_eq!(body["headers"]["x-kept"], "k");

    let strict = Permissions {
        net: Some(vec!["127.0.0.1".into()]),
        all: false,
        ..Permissions::everything()
    };
    let client = Client::open(json!({}), strict, Path::new("/"))
        .await
        .unwrap();
    let refused = client.failure(request).await;
    assert!(refused.hint.unwrap().contains("--allow-net=localhost"));
    let mut same = json!({ "get": server.url("/to/307"), "query": { "to": "/end" } });
    same["auth"] = json!({ "bearer": "t0ken" });
    assert_eq!(
        client.res(same).await["body"]["headers"]["authorization"],
        "Bearer t0ken"
    );
}

#[tokio::test]
async fn cookies_live_as_long_as_their_session() {
    let (server, client) = client().await;
    let seen = async |request: Json| client.res(request).await["body"]["headers"]["cookie"].clone();
    let set = client
        .res(json!({ "get": "/set", "query": { "c": "a=1; Path=/" } }))
        .await;
    assert_eq!(set["cookies"], json!({ "a": "1" }));
    assert_eq!(set["headers"]["set-cookie"], json!(["a=1; Path=/"]));
    assert_eq!(seen(json!({ "get": "/" })).await, "a=1");
    assert_eq!(
        seen(json!({ "get": "/", "cookies": { "b": 2 } })).await,
        "b=2; a=1"
    );
    assert_eq!(
        seen(json!({ "get": "/", "cookies": false })).await,
        Json::Null
    );
    client
        .res(json!({ "get": "/set", "query": { "c": "a=; Max-Age=0; Path=/" } }))
        .await;
    assert_eq!(seen(json!({ "get": "/" })).await, Json::Null);

    let home = client.res(json!({ "get": "/login" })).await;
    assert_eq!(home["body"]["headers"]["cookie"], "sid=1");
    assert_eq!(home["cookies"], json!({ "sid": "1" }));

    let other = Client::new(json!({ "base_url": server.url(""), "cookies": false })).await;
    other.res(json!({ "get": "/login" })).await;
    assert_eq!(
        other.res(json!({ "get": "/" })).await["body"]["headers"].get("cookie"),
        None
    );
}
