//! The command that repeats a request, run by a shell.

use super::server::{arrived, echo};
use super::*;
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, Uri};
use std::process::Command;

fn shell(command: &str) -> Json {
    // A script, since an argument of `sh -c` has a length limit of its own.
    let script = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(script.path(), command).unwrap();
    let output = Command::new("sh").arg(script.path()).output().unwrap();
    assert!(
        output.status.success(),
        "{command:.400}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

fn has_curl() -> bool {
    let found = Command::new("curl").arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: there is no curl");
    }
    found
}

/// What differs from client to client, and means nothing.
fn without_identity(mut arrived: Json) -> Json {
    let headers = arrived["headers"].as_object_mut().unwrap();
    for name in ["user-agent", "accept-encoding", "expect", "traceparent"] {
        headers.remove(name);
    }
    arrived
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_repeats_every_request() {
    if !has_curl() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("it's a folder");
    std::fs::create_dir(&root).unwrap();
    std::fs::write(root.join("b.bin"), [0, 1, b'\r', b'\n', 255]).unwrap();
    let server = Server::axum(echo()).await;
    let client = Client::open(
        json!({ "base_url": server.url(""), "headers": { "X-All": "it's" } }),
        Permissions::everything(),
        &root,
    )
    .await
    .unwrap();
    let long = "é'%\\".repeat(40_000);
    let requests = [
        json!({ "get": "/a{b}[1]?x=$HOME&y=`id`", "query": { "q": ["a b", "'"] } }),
        json!({ "post": "/", "json": { "a": "it's \"q\" $X `y` \\ \n @z" } }),
        json!({ "post": "/", "text": "@not-a-file" }),
        json!({ "post": "/", "text": "" }),
        json!({ "post": "/", "text": "a\u{0}b%\\n" }),
        json!({ "post": "/", "text": long }),
        json!({ "post": "/" }),
        json!({ "put": "/", "form": { "a": "x y", "b": "é" } }),
        json!({ "patch": "/", "file": "b.bin" }),
        json!({ "delete": "/x" }),
        json!({ "delete": "/x", "json": [1] }),
        json!({ "get": "/x", "json": { "query": 1 } }),
        json!({ "options": "/x" }),
        json!({ "get": "/", "auth": { "basic": ["us'er", "p:w $1"] } }),
        json!({ "get": "/", "auth": { "bearer": "t0ken" } }),
        json!({ "get": "/", "cookies": { "a": "1", "b": "it's" } }),
        json!({ "get": "/", "headers": { "X-Empty": "", "Accept": "text/plain", "X-Two": [1, 2] } }),
        json!({ "post": "/", "text": "<a/>", "headers": { "Content-Type": "application/xml" } }),
    ];
    for request in requests {
        let reply = client.call(request.clone()).await.unwrap();
        let command = reply.again.unwrap();
        let again = shell(&command);
        assert_eq!(
            without_identity(reply.value["body"].clone()),
            without_identity(again),
            "{command}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_are_repeated() {
    if !has_curl() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a b.csv"), "1;2\n").unwrap();
    // The boundary is each client's own.
    let server = Server::axum(Router::new().fallback(
        |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| async move {
            let mut seen = arrived(&method, &uri, &headers, &body);
            let kind = seen["headers"]["content-type"].as_str().unwrap().to_owned();
            let boundary = kind.split("boundary=").nth(1).unwrap().to_owned();
            let parts: Vec<_> = seen["body"]
                .as_str()
                .unwrap()
                .split(&format!("--{boundary}"))
                .map(str::to_owned)
                .collect();
            seen["body"] = parts.into();
            seen["headers"]["content-type"] = kind.replace(&boundary, "").into();
            seen["headers"]
                .as_object_mut()
                .unwrap()
                .remove("content-length");
            axum::Json(seen)
        },
    ))
    .await;
    let client = Client::open(json!({}), Permissions::everything(), folder.path())
        .await
        .unwrap();
    let reply = client
        .call(json!({ "post": server.url("/"), "multipart": {
            "plain": "@x;type=text/html \"q\" \\ it's",
            "angle": "<y",
            "many": [1, 2],
            "data": { "json": { "a": "b;c" } },
            "file": { "file": "a b.csv" },
            "named": { "file": "a b.csv", "filename": "o;ther.txt", "type": "text/x" },
        } }))
        .await
        .unwrap();
    let command = reply.again.unwrap();
    assert_eq!(
        without_identity(reply.value["body"].clone()),
        without_identity(shell(&command)),
        "{command}"
    );
}

#[tokio::test]
async fn a_plain_request_is_a_plain_command() {
    let server = Server::axum(echo()).await;
    let reply = Client::new(json!({}))
        .await
        .call(json!({ "get": server.url("/orders/7") }))
        .await
        .unwrap();
    assert_eq!(
        reply.again.as_deref().unwrap(),
        format!("curl -sS {}", server.url("/orders/7"))
    );
    let long = Client::new(json!({}))
        .await
        .call(json!({ "post": server.url("/"), "text": "x".repeat(300 << 10) }))
        .await
        .unwrap();
    assert_eq!(long.again, None);
}
