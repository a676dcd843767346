use crate::harness::{Opened, missing, open, open_in, open_with, reachable, unique};
use funcy::event::{ErrorKind, Json, Permissions};
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) fn address() -> String {
    std::env::var("FUNCY_TEST_NATS").unwrap_or_else(|_| "127.0.0.1:4222".into())
}

/// An open client, or `None` if there is no server.
async fn nats() -> Option<Opened> {
    let address = address();
    if !reachable("NATS", &address) {
        return None;
    }
    let config = json!({ "url": format!("nats://{address}") });
    Some(open("nats", config).await.expect("the config is right"))
}

macro_rules! need {
    ($server:expr) => {
        match $server {
            Some(server) => server,
            None => return,
        }
    };
}

/// The headers of a message, and the trace that funcy made it part of.
fn without_trace(headers: &Json) -> (Json, String) {
    let mut headers = headers.as_object().unwrap().clone();
    let parent = headers.remove("traceparent").unwrap();
    (Json::Object(headers), parent.as_str().unwrap().to_owned())
}

#[tokio::test]
async fn publish_reaches_a_subscription() {
    let bus = need!(nats().await);
    let subject = unique("publish");
    let mut messages = bus.subscribe(json!({ "subject": subject })).await.unwrap();
    let reply = bus
        .call(json!({
            "publish": subject,
            "json": { "id": 7 },
            "headers": { "Trace": "abc", "Count": 3, "Many": ["x", "y"] },
        }))
        .await
        .unwrap();
    assert_eq!(*reply.value, json!({ "subject": subject, "size": 8 }));
    assert_eq!(reply.sent, 8);
    assert!(
        reply
            .summary
            .starts_with(&format!("publish {subject} (8 bytes) in ")),
        "{}",
        reply.summary
    );

    let message = messages.next().await;
    assert_eq!(message["body"], json!({ "id": 7 }));
    assert_eq!(message["text"], json!("{\"id\":7}"));
    let (headers, parent) = without_trace(&message["headers"]);
    assert_eq!(
        headers,
        json!({ "Count": "3", "Many": ["x", "y"], "Trace": "abc" })
    );
    assert!(parent.starts_with("00-"), "{parent}");
    assert_eq!(message["subject"], json!(subject));
    assert_eq!(message.get("reply"), None);
    message["at"]
        .as_str()
        .unwrap()
        .parse::<jiff::Timestamp>()
        .unwrap();
    bus.close().await;
}

#[tokio::test]
async fn payloads_are_text_base64_or_a_file() {
    if !reachable("NATS", &address()) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("body.txt"), "from a file").unwrap();
    let bus = open_in("nats", Json::Null, folder.path()).await.unwrap();
    let subject = unique("payload");
    let mut messages = bus.subscribe(json!({ "subject": subject })).await.unwrap();
    for payload in [
        json!({ "text": "hello" }),
        json!({ "base64": "/wA=" }),
        json!({ "file": "body.txt" }),
        json!({ "json": null }),
        json!({}),
    ] {
        let mut request = payload.as_object().unwrap().clone();
        request.insert("publish".into(), subject.clone().into());
        bus.res(Json::Object(request)).await;
    }
    assert_eq!(messages.next().await["body"], json!("hello"));
    assert_eq!(messages.next().await["base64"], json!("/wA="));
    assert_eq!(messages.next().await["text"], json!("from a file"));
    assert_eq!(messages.next().await["text"], json!("null"));
    assert_eq!(messages.next().await["text"], json!(""));
    bus.close().await;
}

/// The guarantee that everything else rests on: once `subscribe` has returned, no message is missed, and
/// each comes once. The messages are published over another connection, so that nothing but the
/// server's confirmation keeps the order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_message_is_missed_after_subscribe() {
    let listener = need!(nats().await);
    let sender = need!(nats().await);
    for round in 0..1000 {
        let scope = funcy::client::Scope::new();
        let subject = unique("confirmed");
        let listening = Opened::with_scope(&listener, scope.clone());
        let mut messages = listening
            .subscribe(json!({ "subject": subject }))
            .await
            .unwrap();
        sender
            .res(json!({ "publish": subject, "json": round }))
            .await;
        sender
            .res(json!({ "publish": subject, "json": "last" }))
            .await;
        assert_eq!(messages.next().await["body"], json!(round));
        assert_eq!(messages.next().await["body"], json!("last"));
        assert_eq!(messages.received(), 2);
        assert!(scope.close().await);
    }
    sender.close().await;
    listener.close().await;
}

#[tokio::test]
async fn a_queue_group_shares_messages() {
    let bus = need!(nats().await);
    let subject = unique("queue");
    let source = json!({ "subject": subject, "queue": "workers" });
    let one = bus.subscribe(source.clone()).await.unwrap();
    let other = bus.subscribe(source).await.unwrap();
    let mut all = bus.subscribe(json!({ "subject": subject })).await.unwrap();
    for number in 0..20 {
        bus.res(json!({ "publish": subject, "json": number })).await;
    }
    for _ in 0..20 {
        all.next().await;
    }
    // Each message was routed to all its subscriptions at once, but the pumps run beside each other.
    let started = Instant::now();
    while one.received() + other.received() < 20 && started.elapsed() < Duration::from_secs(5) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(one.received() + other.received(), 20);
    bus.close().await;
}

#[tokio::test]
async fn request_and_reply() {
    let service = need!(nats().await);
    let bus = need!(nats().await);
    let subject = unique("request");
    let mut requests = service
        .subscribe(json!({ "subject": subject }))
        .await
        .unwrap();
    let answering = async {
        let request = requests.next().await;
        assert_eq!(request["body"], json!({ "ask": 1 }));
        service
            .res(json!({
                "publish": request["reply"],
                "json": { "answer": 42 },
                "headers": { "Kind": "good" },
            }))
            .await;
    };
    let asking = bus.call(json!({ "request": subject, "json": { "ask": 1 }, "timeout": "5s" }));
    let ((), reply) = tokio::join!(answering, asking);
    let reply = reply.unwrap();
    assert_eq!(reply.value["body"], json!({ "answer": 42 }));
    let (headers, _) = without_trace(&reply.value["headers"]);
    assert_eq!(headers, json!({ "Kind": "good" }));
    assert_eq!(reply.value["size"], json!(13));
    assert_eq!((reply.sent, reply.received), (9, 13));

    let failure = bus
        .call(json!({ "request": subject, "timeout": "50ms" }))
        .await
        .unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Timeout);
    assert_eq!(
        failure.message,
        format!("no answer to the request to {subject} within 50ms")
    );

    let nobody = unique("nobody");
    let failure = bus.call(json!({ "request": nobody })).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Protocol);
    assert_eq!(
        failure.message,
        format!("nobody answers requests to {nobody}")
    );
    bus.close().await;
    service.close().await;
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused() {
    let bus = need!(nats().await);
    for (request, message) in [
        (
            json!({}),
            "a request holds exactly one of `publish`, `request` and `kv`",
        ),
        (
            json!({ "publish": "a", "timeout": "1s" }),
            "`timeout` belongs to `request`",
        ),
        (
            json!({ "publish": "a.*" }),
            "cannot send to a.*, which holds a wildcard",
        ),
        (json!({ "publish": "a b" }), "\"a b\" is no subject"),
        (
            json!({ "publish": "a", "json": 1, "text": "x" }),
            "a request carries one payload, but several are written",
        ),
        (
            json!({ "publish": "a", "headers": { "X": { "y": 1 } } }),
            "the header X must be a text, not a map",
        ),
        (
            json!({ "kv": { "bucket": "b", "get": "a", "put": "b" } }),
            "`kv` holds exactly one of `get`, `put` and `delete`",
        ),
    ] {
        let failure = bus.call(request.clone()).await.unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Protocol, "{request}");
        assert_eq!(failure.message, message, "{request}");
    }
    let large = "x".repeat(2 << 20);
    let failure = bus
        .call(json!({ "publish": "a", "text": large }))
        .await
        .unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Resource);
    assert!(failure.message.contains("1048576 bytes"), "{failure}");
    let failure = bus.subscribe(json!({ "subject": "a..b" })).await;
    assert_eq!(failure.err().unwrap().message, "\"a..b\" is no subject");
    bus.close().await;
}

#[tokio::test]
async fn a_stream_is_read_from_where_it_is_asked() {
    let bus = need!(nats().await);
    let stream = unique("stream");
    let jetstream = admin().await;
    let subject = format!("{stream}.orders");
    jetstream
        .create_stream(async_nats::jetstream::stream::Config {
            name: stream.clone(),
            subjects: vec![format!("{stream}.>")],
            storage: async_nats::jetstream::stream::StorageType::Memory,
            ..Default::default()
        })
        .await
        .unwrap();

    let mut stored = Vec::new();
    for number in 1..=3 {
        let res = bus
            .res(json!({ "publish": subject, "json": number, "jetstream": true }))
            .await;
        assert_eq!(res["stream"], json!(stream));
        assert_eq!(res["sequence"], json!(number));
        stored.push(jiff::Timestamp::now());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let between = stored[1].to_string();
    for (from, first) in [
        (json!("all"), 1),
        (json!("last"), 3),
        (json!(2), 2),
        (json!(between), 3),
    ] {
        let mut messages = bus
            .subscribe(json!({ "stream": stream, "subject": subject, "from": from }))
            .await
            .unwrap();
        let message = messages.next().await;
        assert_eq!(message["body"], json!(first), "from {from}");
        assert_eq!(message["sequence"], json!(first), "from {from}");
        assert_eq!(message["stream"], json!(stream));
        assert_eq!(message["subject"], json!(subject));
    }
    let mut new = bus.subscribe(json!({ "stream": stream })).await.unwrap();
    bus.res(json!({ "publish": subject, "json": 4 })).await;
    assert_eq!(new.next().await["body"], json!(4));

    let mut handle = jetstream.get_stream(&stream).await.unwrap();
    assert_eq!(handle.info().await.unwrap().state.consumer_count, 5);
    assert!(bus.scope.close().await);
    assert_eq!(
        handle.info().await.unwrap().state.consumer_count,
        0,
        "the consumers are deleted with the scope"
    );

    let failure = bus
        .call(json!({ "publish": unique("nowhere"), "jetstream": true }))
        .await
        .unwrap_err();
    assert!(
        failure.message.starts_with("no stream stores messages of"),
        "{failure}"
    );
    let failure = bus.subscribe(json!({ "stream": "funcy_none" })).await;
    let failure = failure.err().unwrap();
    assert!(failure.message.contains("stream not found"), "{failure}");
    jetstream.delete_stream(&stream).await.unwrap();
    bus.close().await;
}

/// 1,000 messages through a stream's consumer: more than a few batches, none missed, in order.
#[tokio::test]
async fn a_stream_is_read_without_gaps() {
    let bus = need!(nats().await);
    let stream = unique("gaps");
    let jetstream = admin().await;
    jetstream
        .create_stream(async_nats::jetstream::stream::Config {
            name: stream.clone(),
            subjects: vec![stream.clone()],
            storage: async_nats::jetstream::stream::StorageType::Memory,
            ..Default::default()
        })
        .await
        .unwrap();
    let mut messages = bus.subscribe(json!({ "stream": stream })).await.unwrap();
    for number in 0..1000 {
        bus.res(json!({ "publish": stream, "json": number })).await;
    }
    for number in 0..1000 {
        assert_eq!(messages.next().await["body"], json!(number));
    }
    jetstream.delete_stream(&stream).await.unwrap();
    bus.close().await;
}

#[tokio::test]
async fn key_value_buckets() {
    let bus = need!(nats().await);
    let bucket = unique("bucket");
    let failure = bus
        .call(json!({ "kv": { "bucket": bucket, "get": "a" } }))
        .await
        .unwrap_err();
    assert!(
        failure
            .message
            .starts_with(&format!("there is no bucket {bucket:?}")),
        "{failure}"
    );
    let put = bus
        .res(json!({ "kv": { "bucket": bucket, "put": "a", "json": { "n": 1 }, "create": true } }))
        .await;
    assert_eq!(put, json!({ "key": "a", "revision": 1 }));
    let get = json!({ "kv": { "bucket": bucket, "get": "a" } });
    assert_eq!(
        bus.res(get.clone()).await,
        json!({ "key": "a", "found": true, "revision": 1, "body": { "n": 1 }, "text": "{\"n\":1}" })
    );

    let mut changes = bus
        .subscribe(json!({ "kv": bucket, "key": "a" }))
        .await
        .unwrap();
    bus.res(json!({ "kv": { "bucket": bucket, "put": "b", "text": "other" } }))
        .await;
    bus.res(json!({ "kv": { "bucket": bucket, "put": "a", "text": "new" } }))
        .await;
    bus.res(json!({ "kv": { "bucket": bucket, "delete": "a" } }))
        .await;
    let change = changes.next().await;
    assert_eq!(change["key"], json!("a"));
    assert_eq!(change["body"], json!("new"));
    assert_eq!(change["operation"], json!("put"));
    assert_eq!(changes.next().await["operation"], json!("delete"));
    assert_eq!(
        bus.res(get).await,
        json!({ "key": "a", "found": false, "revision": 4 })
    );
    // What a server leaves where a value has expired or was removed, and what clients of other kinds write.
    for (headers, operation) in [
        (
            json!({ "Nats-Marker-Reason": "MaxAge", "Nats-TTL": "1s" }),
            "purge",
        ),
        (json!({ "Nats-Marker-Reason": "Purge" }), "purge"),
        (json!({ "Nats-Marker-Reason": "Remove" }), "delete"),
        (json!({ "KV-Operation": "PURGE" }), "purge"),
        (
            json!({ "KV-Operation": "DEL", "Nats-Marker-Reason": "Purge" }),
            "delete",
        ),
        (json!({ "x-other": "1" }), "put"),
    ] {
        bus.res(json!({ "publish": format!("$KV.{bucket}.a"), "jetstream": true, "text": "", "headers": headers }))
            .await;
        let change = changes.next().await;
        assert_eq!(change["operation"], json!(operation), "{headers}");
        let found = bus
            .res(json!({ "kv": { "bucket": bucket, "get": "a" } }))
            .await["found"]
            .clone();
        assert_eq!(found, json!(operation == "put"), "{headers}");
    }
    let none = json!({ "kv": { "bucket": bucket, "get": "none" } });
    assert_eq!(
        bus.res(none).await,
        json!({ "key": "none", "found": false })
    );
    admin()
        .await
        .delete_stream(format!("KV_{bucket}"))
        .await
        .unwrap();
    bus.close().await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_its_password() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let config = json!({ "url": format!("nats://me:hunter22@127.0.0.1:{port}") });
    let bus = open("nats", config).await.unwrap();
    let failure = bus.call(json!({ "publish": "a" })).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Transport);
    assert_eq!(
        failure.message,
        format!("cannot reach nats://127.0.0.1:{port}: connection refused")
    );
    bus.close().await;

    // It accepts, but never speaks.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let config = json!({ "url": format!("nats://127.0.0.1:{port}"), "connect_timeout": "100ms" });
    let bus = open("nats", config).await.unwrap();
    let failure = bus.call(json!({ "publish": "a" })).await.unwrap_err();
    assert_eq!(
        failure.message,
        format!("cannot reach nats://127.0.0.1:{port}: no answer within 100ms")
    );
    bus.close().await;
}

#[tokio::test]
async fn a_host_must_be_permitted() {
    let mut permissions = Permissions::standard(Path::new("."));
    permissions.net = Some(vec!["example.test".into()]);
    let config = json!({ "servers": ["nats://example.test", "nats://127.0.0.1:4222"] });
    let failure = open_with("nats", config, Path::new("."), permissions)
        .await
        .err()
        .unwrap();
    assert_eq!(
        failure.message,
        "the task may not reach the host \"127.0.0.1\""
    );
    let config = json!({ "url": "http://me:hunter22@example.test" });
    let failure = open("nats", config).await.err().unwrap();
    assert!(!failure.message.contains("hunter22"), "{failure}");
}

/// A server of our own, which ends with the test.
struct Server {
    child: Child,
    port: u64,
    _folder: tempfile::TempDir,
}

impl Server {
    /// Starts `nats-server` with this config on a free port; `None` if it is not installed.
    async fn start(config: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("nats.conf");
        std::fs::write(&file, config).unwrap();
        let child = Command::new("nats-server")
            .args(["-a", "127.0.0.1", "-p", "-1", "-c"])
            .arg(&file)
            .arg("--ports_file_dir")
            .arg(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = child else {
            missing("the program nats-server is not installed");
            return None;
        };
        let ports = folder
            .path()
            .join(format!("nats-server_{}.ports", child.id()));
        let mut server = Self {
            child,
            port: 0,
            _folder: folder,
        };
        let started = Instant::now();
        while server.port == 0 {
            assert!(
                started.elapsed() < Duration::from_secs(10),
                "nats-server did not start"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
            server.port = std::fs::read_to_string(&ports)
                .ok()
                .and_then(|text| serde_json::from_str::<Json>(&text).ok())
                .and_then(|json| {
                    let url = json["nats"][0].as_str()?;
                    url.rsplit(':').next()?.parse().ok()
                })
                .unwrap_or(0);
        }
        Some(server)
    }

    fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn logins_and_refusals_of_the_server() {
    let server = need!(
        Server::start(
            r#"authorization {
            users: [{ user: me, password: hunter22, permissions: {
                publish: ["open.>", "_INBOX.>"], subscribe: ["open.>", "_INBOX.>"] } },
                { user: strict, password: hunter22, permissions: {
                publish: ["open.>"], subscribe: ["open.>"] } }]
        }"#
        )
        .await
    );
    let bus = open("nats", json!({ "url": server.url() })).await.unwrap();
    let failure = bus.call(json!({ "publish": "open.a" })).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Transport);
    assert!(
        failure
            .message
            .starts_with(&format!("{} refused the login", server.url())),
        "{failure}"
    );
    bus.close().await;

    // The second may not even use inboxes.
    for user in ["me", "strict"] {
        let config = json!({ "url": server.url(), "user": user, "password": "hunter22" });
        let bus = open("nats", config).await.unwrap();
        for _ in 0..50 {
            let mut messages = bus.subscribe(json!({ "subject": "open.a" })).await.unwrap();
            bus.res(json!({ "publish": "open.a", "text": "x" })).await;
            assert_eq!(messages.next().await["text"], json!("x"));
            let failure = bus.call(json!({ "publish": "closed" })).await.unwrap_err();
            assert_eq!(failure.kind, ErrorKind::Protocol);
            assert!(
                failure
                    .message
                    .contains("Permissions Violation for Publish"),
                "{failure}"
            );
            let failure = bus.subscribe(json!({ "subject": "closed.>" })).await;
            let failure = failure.err().unwrap();
            assert!(
                failure
                    .message
                    .contains("Permissions Violation for Subscription"),
                "{failure}"
            );
        }
        bus.close().await;
    }
}

#[tokio::test]
async fn a_url_may_hold_the_login() {
    let server = need!(
        Server::start(r#"authorization { users: [{ user: "me@x", password: "a b/c:d" }] }"#).await
    );
    let host = server.url().replace("nats://", "");
    let sent = |login: &str| {
        let url = format!("nats://{login}@{host}");
        async move {
            let bus = open("nats", json!({ "url": url })).await.unwrap();
            let sent = bus.call(json!({ "publish": "a" })).await;
            bus.close().await;
            sent
        }
    };
    assert!(sent("me%40x:a%20b%2Fc%3Ad").await.is_ok());
    assert!(sent("me%40x:wrong").await.is_err());

    let servers = json!([format!("nats://a:b@{host}"), format!("nats://c:d@{host}")]);
    let failure = open("nats", json!({ "servers": servers }))
        .await
        .err()
        .unwrap();
    assert_eq!(
        failure.message,
        "the URLs of the servers name more than one login"
    );
}

#[tokio::test]
async fn a_lost_connection_ends_its_subscriptions_and_the_next_request_opens_another() {
    let server = need!(Server::start("").await);
    let bus = open("nats", json!({ "url": server.url() })).await.unwrap();
    let mut messages = bus.subscribe(json!({ "subject": "a" })).await.unwrap();
    let mut waiting = bus
        .subscribe(json!({ "subject": "service" }))
        .await
        .unwrap();
    bus.res(json!({ "publish": "a", "text": "before" })).await;
    let url = server.url();
    let asking = bus.call(json!({ "request": "service" }));
    let stopping = async {
        waiting.next().await;
        drop(server);
    };
    let (failure, ()) = tokio::join!(asking, stopping);
    let failure = failure.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Transport);
    assert_eq!(failure.message, format!("the connection to {url} is lost"));

    assert_eq!(messages.next().await["text"], json!("before"));
    let failure = messages.result().await.unwrap_err();
    assert_eq!(failure.message, format!("the connection to {url} is lost"));

    let failure = bus.call(json!({ "publish": "a" })).await.unwrap_err();
    assert_eq!(
        failure.message,
        format!("cannot reach {url}: connection refused")
    );
    bus.close().await;
}

/// Connections of ours on a server, by its own account: none is left after close, nor after a drop.
#[tokio::test]
async fn no_connection_is_left() {
    let server = need!(Server::start("").await);
    for round in 0..50 {
        let bus = open("nats", json!({ "url": server.url() })).await.unwrap();
        bus.res(json!({ "publish": "a" })).await;
        let messages = bus.subscribe(json!({ "subject": "a" })).await.unwrap();
        let request = bus.call(json!({ "request": "a" }));
        let _ = tokio::time::timeout(Duration::from_millis(2), request).await;
        drop(messages);
        if round % 2 == 0 {
            bus.close().await;
        } else {
            assert!(bus.scope.close().await);
        }
    }
    let started = Instant::now();
    loop {
        let left = sockets_to(server.port);
        if left == 0 {
            break;
        }
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "{left} are left"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// More than an inbox may hold: what arrived first is there without a gap, then comes the reason.
#[tokio::test]
async fn a_flood_is_an_error_and_no_silent_loss() {
    let bus = need!(nats().await);
    let subject = unique("flood");
    let mut messages = bus.subscribe(json!({ "subject": subject })).await.unwrap();
    let sender = async_nats::connect(address()).await.unwrap();
    for number in 0..40_000 {
        sender
            .publish(subject.clone(), number.to_string().into())
            .await
            .unwrap();
    }
    sender.flush().await.unwrap();
    let mut count = 0;
    let failure = loop {
        match messages.result().await {
            Ok(message) => {
                assert_eq!(message.value["body"], json!(count));
                count += 1;
            }
            Err(failure) => break failure,
        }
    };
    assert_eq!(failure.kind, ErrorKind::Resource, "{failure}");
    assert!(count <= 10_000, "{count}");
    bus.close().await;
}

/// Established TCP connections to a local port, from the kernel.
fn sockets_to(port: u64) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let end = format!(":{port:04X}");
    table
        .lines()
        .skip(1)
        .filter(|line| {
            let mut columns = line.split_whitespace().skip(2);
            let remote = columns.next().unwrap_or_default();
            let state = columns.next().unwrap_or_default();
            remote.ends_with(&end) && state == "01"
        })
        .count()
}

async fn admin() -> async_nats::jetstream::Context {
    async_nats::jetstream::new(async_nats::connect(address()).await.unwrap())
}

/// `funcy eval --until` has subscribed when it says so, and judges each message from then on.
#[tokio::test]
async fn eval_waits_for_the_message_that_fits() {
    let bus = need!(nats().await);
    let subject = unique("eval");
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "version: 1\nclients: {{ bus: {{ nats: {{ url: \"nats://{}\" }} }} }}\n",
        address()
    );
    std::fs::write(folder.path().join("funcy.yaml"), config).unwrap();
    let mut waiting = Command::new(env!("CARGO_BIN_EXE_funcy"))
        .args(["eval", "res.body.id == 2", "--client", "bus", "--until"])
        .args(["--subscribe", &subject])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(waiting.stderr.take().unwrap()).lines();
    assert_eq!(said.next().unwrap().unwrap(), "subscribed");
    for id in 1..=2 {
        bus.call(json!({ "publish": subject, "json": { "id": id } }))
            .await
            .unwrap();
    }
    let ended = waiting.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(ended.stdout, b"true\n");
    bus.close().await;
}
