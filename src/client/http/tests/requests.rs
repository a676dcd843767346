use super::server::{echo, serve_h2};
use super::*;
use crate::client::Protocol as _;

#[tokio::test]
async fn every_method_arrives() {
    let server = Server::axum(echo()).await;
    let client = Client::new(json!({ "base_url": server.url("") })).await;
    for method in ["get", "post", "put", "patch", "delete", "options"] {
        let res = client.res(json!({ method: "/x" })).await;
        assert_eq!(res["status"], 200);
        assert_eq!(res["body"]["method"], method.to_uppercase());
        assert_eq!(res["body"]["target"], "/x");
    }
    let head = client.res(json!({ "head": "/x" })).await;
    assert_eq!((&head["status"], &head["body"]), (&json!(200), &Json::Null));
    assert_eq!(head["text"], "");
}

#[tokio::test]
async fn a_reply_tells_all_that_came() {
    let server = Server::axum(echo()).await;
    let url = server.url("/orders/7");
    let reply = Client::new(json!({}))
        .await
        .call(json!({ "post": url, "text": "hé" }))
        .await
        .unwrap();
    let res = &reply.value;
    let keys: Vec<_> = res.as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        keys,
        [
            "status", "headers", "body", "text", "size", "cookies", "url", "ms"
        ]
    );
    assert_eq!(res["headers"]["content-type"], "application/json");
    assert_eq!(res["url"], url);
    assert_eq!(res["size"], res["text"].as_str().unwrap().len());
    assert_eq!(
        serde_json::from_str::<Json>(res["text"].as_str().unwrap()).unwrap(),
        res["body"]
    );
    assert_eq!(
        (reply.sent, reply.received),
        (3, res["size"].as_u64().unwrap())
    );
    let summary = reply.summary.to_string();
    assert!(
        summary.starts_with(&format!("POST {url} → 200 in ")),
        "{summary}"
    );
    assert!(summary.ends_with("ms"), "{summary}");
}

#[tokio::test]
async fn query_and_headers_are_added() {
    let server = Server::axum(echo()).await;
    let client = Client::new(json!({
        "base_url": server.url("/api/"),
        "headers": { "X-Team": "a", "X-Kept": "k" },
    }))
    .await;
    let res = client
        .res(json!({
            "get": "orders?x=1",
            "query": { "tag": ["a b", "c&d"], "page": 2, "ok": true, "ü": "" },
            "headers": { "x-team": "b", "X-Many": [1, 2] },
        }))
        .await;
    assert_eq!(
        res["body"]["target"],
        "/api/orders?x=1&tag=a+b&tag=c%26d&page=2&ok=true&%C3%BC="
    );
    assert_eq!(res["body"]["headers"]["x-team"], "b");
    assert_eq!(res["body"]["headers"]["x-kept"], "k");
    assert_eq!(res["body"]["headers"]["x-many"], "1, 2");
    assert_eq!(res["body"]["headers"]["accept"], "*/*");
    assert!(
        res["body"]["headers"]["user-agent"]
            .as_str()
            .unwrap()
            .starts_with("funcy/")
    );

    for (path, target) in [
        ("/a", "/api/a"),
        ("a", "/api/a"),
        ("", "/api"),
        ("?q=1", "/api?q=1"),
    ] {
        assert_eq!(
            client.res(json!({ "get": path })).await["body"]["target"],
            target
        );
    }
}

#[tokio::test]
async fn each_body_has_its_type() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    std::fs::write(root.join("o.json"), "{\"f\":1}").unwrap();
    let server = Server::axum(echo()).await;
    let client = Client::open(
        json!({ "base_url": server.url("") }),
        Permissions::standard(&root),
        &root,
    )
    .await
    .unwrap();
    let cases = [
        (
            json!({ "json": { "a": [1, null] } }),
            "application/json",
            "{\"a\":[1,null]}",
        ),
        (json!({ "json": null }), "application/json", "null"),
        (json!({ "text": 5 }), "text/plain; charset=utf-8", "5"),
        (
            json!({ "form": { "a": "x y&z", "b": [1, true] } }),
            "application/x-www-form-urlencoded",
            "a=x+y%26z&b=1&b=true",
        ),
        (json!({ "file": "o.json" }), "application/json", "{\"f\":1}"),
        (
            json!({ "graphql": { "query": "query Q($id: ID!) { o(id: $id) { s } }", "variables": { "id": 7 }, "operation": "Q" } }),
            "application/json",
            "{\"query\":\"query Q($id: ID!) { o(id: $id) { s } }\",\"variables\":{\"id\":7},\"operationName\":\"Q\"}",
        ),
        (
            json!({ "text": "<a/>", "headers": { "Content-Type": "application/xml" } }),
            "application/xml",
            "<a/>",
        ),
    ];
    for (mut request, kind, body) in cases {
        request["post"] = "/".into();
        let res = client.res(request).await;
        assert_eq!(res["body"]["headers"]["content-type"], kind);
        assert_eq!(res["body"]["body"], body);
        assert_eq!(
            res["body"]["headers"]["content-length"],
            body.len().to_string()
        );
    }
    let bare = client.res(json!({ "post": "/" })).await;
    assert_eq!(bare["body"]["headers"]["content-length"], "0");
    let refused = client
        .failure(json!({ "post": "/", "file": "/etc/hostname" }))
        .await;
    assert!(
        refused.message.contains("may not read"),
        "{}",
        refused.message
    );
    assert!(refused.hint.unwrap().contains("--allow-read"));
}

#[tokio::test]
async fn parts_keep_their_names_and_types() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.csv"), "1,2").unwrap();
    let server = Server::axum(echo()).await;
    let client = Client::open(
        json!({ "base_url": server.url("") }),
        Permissions::everything(),
        folder.path(),
    )
    .await
    .unwrap();
    let res = client
        .res(json!({ "post": "/", "multipart": {
            "plain": 7,
            "data": { "json": { "a": 1 } },
            "upload": { "file": "a.csv", "filename": "b\"c.csv" },
        } }))
        .await;
    let kind = res["body"]["headers"]["content-type"].as_str().unwrap();
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    let expected = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"plain\"\r\n\r\n7\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"data\"\r\nContent-Type: application/json\r\n\r\n{{\"a\":1}}\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"upload\"; filename=\"b%22c.csv\"\r\nContent-Type: text/csv\r\n\r\n1,2\r\n\
         --{boundary}--\r\n"
    );
    assert_eq!(res["body"]["body"], expected);
    let wrong = client
        .failure(json!({ "post": "/", "multipart": { "x": { "text": "a", "json": 1 } } }))
        .await;
    assert!(wrong.message.contains("multipart.x needs exactly one"));
}

#[tokio::test]
async fn credentials_reach_their_host_only() {
    let server = Server::axum(echo()).await;
    let client = Client::new(json!({
        "base_url": server.url(""),
        "auth": { "bearer": "t0ken" },
    }))
    .await;
    let sent =
        async |request: Json| client.res(request).await["body"]["headers"]["authorization"].clone();
    assert_eq!(sent(json!({ "get": "/" })).await, "Bearer t0ken");
    assert_eq!(
        sent(json!({ "get": "/", "auth": { "basic": ["u", 1] } })).await,
        "Basic dTox"
    );
    assert_eq!(
        sent(json!({ "get": "/", "headers": { "Authorization": "own" } })).await,
        "own"
    );
    let other = Server::axum(echo()).await;
    assert_eq!(sent(json!({ "get": other.url("/") })).await, Json::Null);
    let in_url = format!("http://me:p%40ss@{}/", other.address);
    let reply = client.call(json!({ "get": in_url })).await.unwrap();
    assert_eq!(
        reply.value["body"]["headers"]["authorization"],
        "Basic bWU6cEBzcw=="
    );
    assert!(!reply.summary.contains("p%40ss"));
    assert!(!reply.value["url"].as_str().unwrap().contains("p%40ss"));
}

#[tokio::test]
async fn mistakes_are_named() {
    let message = async |request: Json| {
        let failure = failure(request).await;
        format!("{} | {}", failure.message, failure.hint.unwrap_or_default())
    };
    assert!(
        message(json!({ "get": "/x" }))
            .await
            .contains("no base_url")
    );
    assert!(
        message(json!({ "get": "ftp://h/" }))
            .await
            .contains("neither http nor https")
    );
    assert!(
        message(json!({ "get": "http://u:secret@:99999/" }))
            .await
            .contains("is no URL")
    );
    assert!(
        !message(json!({ "get": "http://u:secret@:99999/" }))
            .await
            .contains("secret")
    );
    assert!(
        message(json!({ "get": "http://h/", "query": { "a": null } }))
            .await
            .contains("query.a is null")
    );
    assert!(
        message(json!({ "get": "http://h/", "headers": { "a b": "c" } }))
            .await
            .contains("\"a b\" is no name of a header")
    );
    assert!(
        message(json!({ "get": "http://h/", "headers": { "a": "b\r\nc: d" } }))
            .await
            .contains("line break")
    );
    assert!(
        message(json!({ "post": "http://h/", "headers": { "Content-Length": 5 } }))
            .await
            .contains("follows from the body")
    );
    assert!(
        message(json!({ "get": "http://h/", "auth": {} }))
            .await
            .contains("{bearer: token}")
    );
    assert!(
        message(json!({ "gett": "http://h/" }))
            .await
            .contains("unknown field `gett`")
    );
    let refused = Client::open(
        json!({}),
        Permissions {
            net: Some(vec!["example.org".into()]),
            all: false,
            ..Permissions::everything()
        },
        Path::new("/"),
    )
    .await
    .unwrap()
    .failure(json!({ "get": "http://127.0.0.1:9/" }))
    .await;
    assert!(refused.hint.unwrap().contains("--allow-net=127.0.0.1"));
}

#[tokio::test]
async fn a_moved_reply_is_the_serialized_one() {
    let server = Server::axum(echo()).await;
    let reply = crate::client::http::Reply {
        status: 200,
        headers: serde_json::Map::new(),
        body: json!([1]),
        text: "[1]".into(),
        base64: Some("WzFd".into()),
        size: 3,
        cookies: serde_json::Map::new(),
        url: server.url("/"),
        ms: 1,
    };
    assert_eq!(
        crate::client::http::Http::value(reply.clone())
            .unwrap()
            .to_string(),
        serde_json::to_value(reply).unwrap().to_string()
    );
}

#[tokio::test]
async fn http2_can_be_forced() {
    let server = Server::raw(serve_h2).await;
    let client = Client::new(json!({ "base_url": server.url(""), "http2": true })).await;
    for _ in 0..2 {
        assert_eq!(client.res(json!({ "get": "/" })).await["body"], "two");
    }
    let again = client
        .call(json!({ "get": "/" }))
        .await
        .unwrap()
        .again
        .unwrap();
    assert!(again.contains(" --http2-prior-knowledge "), "{again}");
    let failure = client.failure(json!({ "get": "/", "http2": false })).await;
    assert!(
        failure.message.contains("did not answer in HTTP"),
        "{failure:?}"
    );

    let old = Server::answering("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let failure = client.failure(json!({ "get": old.url("/") })).await;
    assert!(
        failure.message.contains(&old.address.to_string()),
        "{failure:?}"
    );
}

/// Thousands may be under way at once.
#[tokio::test]
async fn a_call_is_small() {
    let client = Client::new(json!({})).await;
    let request = json!({ "get": "http://127.0.0.1:9/" });
    let size = size_of_val(&*client.session.call(&request, &client.scope));
    assert!(size < 2_800, "{size} bytes");
}
