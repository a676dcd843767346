use super::server::{arrived, read_head};
use super::*;
use crate::event::ErrorKind;
use axum::Router;
use axum::routing::get;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt as _;

/// Bytes that `gzip` makes of zeros, without a compressor: stored blocks would not shrink, so the test
/// writes the smallest deflate stream of one fixed block with back references.
fn gzip_of_zeros(megabytes: usize) -> Vec<u8> {
    let mut child = std::process::Command::new("gzip")
        .arg("-c")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        let zeros = vec![b'0'; 1 << 20];
        for _ in 0..megabytes {
            stdin.write_all(&zeros).unwrap();
        }
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output.stdout
}

fn has(program: &str) -> bool {
    std::process::Command::new(program)
        .arg("--version")
        .output()
        .is_ok()
}

fn http(head: &str, body: &[u8]) -> Vec<u8> {
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\n{head}content-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(body);
    answer
}

#[tokio::test]
async fn integers_beyond_64_bits_are_not_rounded() {
    let server = Server::answering(http(
        "content-type: application/json\r\n",
        b"{\"id\":18446744073709551616,\"n\":9007199254740993}",
    ))
    .await;
    let res = res(json!({ "get": server.url("/") })).await;
    assert_eq!(res["body"]["id"], "18446744073709551616");
    assert_eq!(res["body"]["n"], 9_007_199_254_740_993_u64);
}

#[tokio::test]
async fn what_is_no_text_is_kept_byte_by_byte() {
    let png = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\xff\xfe";
    let server = Server::answering(http("content-type: image/png\r\n", png)).await;
    let client = Client::new(json!({})).await;
    let reply = client
        .call(json!({ "get": server.url("/") }))
        .await
        .unwrap();
    assert_eq!(reply.value["base64"], "iVBORw0KGgoAAAANSUhEUv/+");
    assert_eq!(reply.value["size"], png.len());
    assert_eq!(reply.received, png.len() as u64);
    let text = reply.value["text"].as_str().unwrap();
    assert!(text.starts_with("\u{fffd}PNG\r\n"), "{text:?}");
    // Of a text nothing is kept twice.
    let server = Server::answering(http("content-type: text/plain\r\n", "größe".as_bytes())).await;
    let plain = res(json!({ "get": server.url("/") })).await;
    assert_eq!(plain["text"], "größe");
    assert_eq!(plain.get("base64"), None);
}

#[tokio::test]
async fn what_only_claims_to_be_json_is_said() {
    let server = Server::answering(http("content-type: application/json\r\n", b"<html>oops")).await;
    let reply = Client::new(json!({}))
        .await
        .call(json!({ "get": server.url("/") }))
        .await
        .unwrap();
    assert_eq!(reply.value["body"], "<html>oops");
    assert!(reply.summary.contains("not JSON"), "{}", reply.summary);
}

#[tokio::test]
async fn a_long_body_is_a_limit() {
    let server = Server::axum(
        Router::new()
            .route("/long", get(|| async { "x".repeat(2000) }))
            .route("/fits", get(|| async { "x".repeat(1000) })),
    )
    .await;
    let client = Client::new(json!({ "base_url": server.url(""), "body_limit": 1000 })).await;
    assert_eq!(client.res(json!({ "get": "/fits" })).await["size"], 1000);
    let failure = client.failure(json!({ "get": "/long" })).await;
    assert_eq!(failure.kind, ErrorKind::Resource);
    assert!(failure.message.contains("longer than 1000 bytes"));
    assert!(failure.hint.unwrap().contains("body_limit"));
}

#[tokio::test]
async fn an_endless_body_is_a_limit() {
    let server = Server::raw(|mut stream| async move {
        read_head(&mut stream).await?;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
        loop {
            stream.write_all(&[b'x'; 4096]).await?;
        }
    })
    .await;
    assert_eq!(
        failure(json!({ "get": server.url("/") })).await.kind,
        ErrorKind::Resource
    );
}

#[tokio::test]
async fn compressed_bodies_are_read_and_bounded() {
    if !has("gzip") {
        eprintln!("skipped: there is no gzip");
        return;
    }
    let one = gzip_of_zeros(1);
    let server = Server::answering(http("content-encoding: gzip\r\n", &one)).await;
    let plain = res(json!({ "get": server.url("/") })).await;
    assert_eq!(plain["size"], 1 << 20);
    assert_eq!(plain["headers"].get("content-encoding"), None);

    let raw = Client::new(json!({ "compression": false })).await;
    let raw = raw.res(json!({ "get": server.url("/") })).await;
    assert_eq!(raw["size"], one.len());
    assert_eq!(raw["headers"]["content-encoding"], "gzip");

    let bomb = Server::answering(http("content-encoding: gzip\r\n", &gzip_of_zeros(64))).await;
    let failure = failure(json!({ "get": bomb.url("/") })).await;
    assert_eq!(failure.kind, ErrorKind::Resource);

    let cut = Server::answering(http("content-encoding: gzip\r\n", &one[..one.len() / 2])).await;
    let failure = super::failure(json!({ "get": cut.url("/") })).await;
    assert_eq!(failure.kind, ErrorKind::Protocol, "{failure:?}");
    assert!(failure.message.contains("decompressed"), "{failure:?}");
}

/// Two bytes an item as a text, some seventy as a value.
#[tokio::test]
async fn what_the_values_of_a_body_take_is_a_limit() {
    let body = format!("[{}0]", "0,".repeat(499_999));
    let server =
        Server::answering(http("content-type: application/json\r\n", body.as_bytes())).await;
    let small = Client::new(json!({ "body_limit": 1 << 20 })).await;
    let failure = small.failure(json!({ "get": server.url("/") })).await;
    assert_eq!(failure.kind, ErrorKind::Resource);
    let limit = (16_u64 << 20).to_string();
    assert!(failure.message.contains(&limit), "{failure:?}");
    assert!(failure.hint.unwrap().contains("16 times the `body_limit`"));
    let res = res(json!({ "get": server.url("/") })).await;
    assert_eq!(res["body"].as_array().unwrap().len(), 500_000);
}

/// The test runs on one thread, as tasks do: while a large body is parsed, its timers go on.
#[tokio::test]
async fn a_large_body_delays_no_timer() {
    let record = "{\"id\":12345,\"name\":\"a name\",\"tags\":[\"a\",\"b\"]},";
    let body = format!("[{}0]", record.repeat(100_000));
    let begin = Instant::now();
    let parsed: Json = serde_json::from_str(&body).unwrap();
    let alone = begin.elapsed();
    let server =
        Server::answering(http("content-type: application/json\r\n", body.as_bytes())).await;
    let longest = Arc::new(AtomicU64::new(0));
    let told = Arc::clone(&longest);
    let mut beside = tokio::task::JoinSet::new();
    beside.spawn(async move {
        loop {
            let begin = Instant::now();
            tokio::time::sleep(Duration::from_millis(1)).await;
            told.fetch_max(begin.elapsed().as_micros() as u64, Ordering::Relaxed);
        }
    });
    let request = json!({ "get": server.url("/") });
    let reply = Client::new(json!({})).await.call(request).await.unwrap();
    // It learns of its own delay once it runs again.
    tokio::time::sleep(Duration::from_millis(5)).await;
    beside.abort_all();
    assert_eq!(reply.value["body"], parsed);
    let longest = Duration::from_micros(longest.load(Ordering::Relaxed));
    assert!(longest < alone / 2, "{longest:?} of {alone:?}");
}

#[tokio::test]
async fn connections_are_kept_and_shared() {
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let server = Server::raw(move |mut stream| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move {
            loop {
                read_head(&mut stream).await?;
                stream.write_all(&http("", b"ok")).await?;
            }
        }
    })
    .await;
    let context = Context {
        permissions: Arc::new(Permissions::everything()),
        folder: "/".into(),
        trace: Arc::new(crate::event::Trace::of("", 0)),
    };
    let registry = Registry::builtin().get("http").unwrap();
    for _ in 0..20 {
        let session = Arc::clone(&registry)
            .open(json!({}), &context)
            .await
            .unwrap();
        let request = json!({ "get": server.url("/") });
        session.call(&request, &Scope::new()).await.unwrap();
    }
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn one_way_to_connect_is_one_client() {
    use crate::client::Protocol as _;
    let http = crate::client::http::Http::default();
    let server =
        Server::axum(
            Router::new().fallback(
                |method: axum::http::Method,
                 uri: axum::http::Uri,
                 headers: axum::http::HeaderMap| async move {
                    axum::Json(arrived(&method, &uri, &headers, &axum::body::Bytes::new()))
                },
            ),
        )
        .await;
    let context = Context {
        permissions: Arc::new(Permissions::everything()),
        folder: "/".into(),
        trace: Arc::new(crate::event::Trace::of("", 0)),
    };
    for limit in [5, 5, 6] {
        let config = json!({ "base_url": server.url(""), "connect_timeout": format!("{limit}s") });
        let session = http
            .open(serde_json::from_value(config).unwrap(), &context)
            .await
            .unwrap();
        let request = serde_json::from_value(json!({ "get": "/" })).unwrap();
        http.call(&session, request, &Scope::new()).await.unwrap();
    }
    assert_eq!(http.pool.len().await, 2);
}
