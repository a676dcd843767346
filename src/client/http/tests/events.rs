//! Server-sent events.

use super::server::read_head;
use super::*;
use crate::event::{ErrorKind, Inbox, Message, Next, Over, SubscriptionChange};
use std::future::poll_fn;
use std::io;
use std::sync::Mutex;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-a: 1\r\n\r\n";

async fn subscribe(client: &Client, source: Json) -> Result<Inbox, Failure> {
    let (feed, inbox) = Inbox::new();
    client
        .session
        .subscribe(&source, feed, &client.scope)
        .await?;
    Ok(inbox)
}

async fn one(inbox: &Inbox, cursor: &mut u64) -> Next {
    let next = poll_fn(|context| inbox.poll_next(cursor, context));
    let next = tokio::time::timeout(Duration::from_secs(10), next).await;
    next.expect("a message, a change or the end")
}

async fn next(inbox: &Inbox, cursor: &mut u64) -> Result<Message, Failure> {
    loop {
        match one(inbox, cursor).await {
            Next::Message(_, message) => return Ok(message),
            Next::Over(Over::Broken(failure)) => return Err(failure),
            Next::Over(Over::Ended) => return Err(Failure::protocol("it has ended")),
            Next::Change(_) => {}
        }
    }
}

/// Waits until the client has closed the connection.
async fn closed(stream: &mut TcpStream) -> io::Result<()> {
    while stream.read(&mut [0; 64]).await? > 0 {}
    Ok(())
}

#[tokio::test]
async fn events_arrive_until_the_scope_closes() {
    let (gone, was_gone) = tokio::sync::oneshot::channel();
    let gone = Mutex::new(Some(gone));
    let server = Server::raw(move |mut stream| {
        let gone = gone.lock().unwrap().take();
        async move {
            let head = read_head(&mut stream).await?;
            assert!(head.contains("accept: text/event-stream"));
            assert!(head.contains("authorization: Bearer t0ken"));
            stream.write_all(HEAD).await?;
            stream
                .write_all(
                    b": hi\n\nid: 1\nevent: order\ndata: {\"n\":\ndata: 1}\n\ndata: plain\n\n",
                )
                .await?;
            let _ = closed(&mut stream).await;
            gone.unwrap().send(()).unwrap();
            Ok(())
        }
    })
    .await;
    let client = Client::new(json!({ "base_url": server.url("") })).await;
    let source = json!({ "sse": "/events", "auth": { "bearer": "t0ken" } });
    let inbox = subscribe(&client, source).await.unwrap();
    let mut cursor = 0;
    let first = next(&inbox, &mut cursor).await.unwrap().value;
    assert_eq!(first["body"], json!({ "n": 1 }));
    assert_eq!(first["text"], "{\"n\":\n1}");
    assert_eq!(
        (&first["event"], &first["id"]),
        (&json!("order"), &json!("1"))
    );
    assert_eq!(first["headers"]["x-a"], "1");
    first["at"]
        .as_str()
        .unwrap()
        .parse::<jiff::Timestamp>()
        .unwrap();
    let second = next(&inbox, &mut cursor).await.unwrap().value;
    assert_eq!(
        (&second["body"], &second["event"]),
        (&json!("plain"), &json!("message"))
    );

    assert!(client.scope.close().await);
    tokio::time::timeout(Duration::from_secs(5), was_gone)
        .await
        .unwrap()
        .unwrap();
    assert!(next(&inbox, &mut cursor).await.is_err());
}

#[tokio::test]
async fn a_broken_stream_goes_on_behind_its_last_event() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heads = Arc::clone(&asked);
    let server = Server::raw(move |mut stream| {
        let heads = Arc::clone(&heads);
        async move {
            let head = read_head(&mut stream).await?;
            let count = {
                let mut heads = heads.lock().unwrap();
                heads.push(head);
                heads.len()
            };
            match count {
                1 => {
                    stream.write_all(HEAD).await?;
                    stream
                        .write_all(b"retry: 1\n\nid: 7\ndata: a\n\ndata: cut o")
                        .await
                }
                2 => stream.set_zero_linger(),
                3 => {
                    stream
                        .write_all(b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n")
                        .await
                }
                4 => {
                    stream.write_all(HEAD).await?;
                    stream.write_all(b"data: b\n\n").await
                }
                _ => stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await,
            }
        }
    })
    .await;
    let client = Client::new(json!({})).await;
    let source = json!({ "sse": server.url("/e"), "reconnect": true });
    let inbox = subscribe(&client, source).await.unwrap();
    let mut cursor = 0;
    let mut seen = Vec::new();
    let over = loop {
        match one(&inbox, &mut cursor).await {
            Next::Message(_, message) => {
                seen.push(message.value["text"].as_str().unwrap().to_owned());
            }
            Next::Change(change) => seen.push(change.word().to_owned()),
            Next::Over(over) => break over,
        }
    };
    assert_eq!(over, Over::Ended);
    assert_eq!(
        seen,
        ["a", "lost", "reopened", "b", "lost", "ended"],
        "204: the server wants no more connections"
    );
    assert_eq!(inbox.standing().losses, 2);
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 5);
    assert!(!asked[0].contains("last-event-id"));
    assert!(
        asked[1..]
            .iter()
            .all(|head| head.contains("last-event-id: 7"))
    );
}

#[tokio::test]
async fn a_stream_that_ends_is_not_asked_for_again() {
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    let server = Server::raw(move |mut stream| {
        *count.lock().unwrap() += 1;
        async move {
            read_head(&mut stream).await?;
            stream.write_all(HEAD).await?;
            stream.write_all(b"retry: 1\n\nid: 1\ndata: a\n\n").await
        }
    })
    .await;
    let client = Client::new(json!({})).await;
    let source = json!({ "sse": server.url("/e") });
    let inbox = subscribe(&client, source).await.unwrap();
    let mut cursor = 0;
    assert_eq!(next(&inbox, &mut cursor).await.unwrap().value["text"], "a");
    let change = one(&inbox, &mut cursor).await;
    assert_eq!(change, Next::Change(SubscriptionChange::Ended));
    // It says so again and again.
    for _ in 0..2 {
        assert_eq!(one(&inbox, &mut cursor).await, Next::Over(Over::Ended));
    }
    assert_eq!(*asked.lock().unwrap(), 1);
}

#[tokio::test]
async fn a_connection_that_breaks_is_no_end() {
    let server = Server::raw(|mut stream| async move {
        read_head(&mut stream).await?;
        let head =
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 99\r\n\r\n";
        stream.write_all(head).await?;
        stream.write_all(b"data: a\n\n").await
    })
    .await;
    let client = Client::new(json!({})).await;
    let source = json!({ "sse": server.url("/e") });
    let inbox = subscribe(&client, source).await.unwrap();
    let mut cursor = 0;
    assert_eq!(next(&inbox, &mut cursor).await.unwrap().value["text"], "a");
    let broken = next(&inbox, &mut cursor).await.unwrap_err();
    assert_eq!(broken.kind, ErrorKind::Transport);
    assert!(broken.message.contains("/e broke: "), "{broken:?}");
    assert!(broken.again.unwrap().starts_with("curl -sSN"));
}

#[tokio::test]
async fn a_stream_that_does_not_come_back_is_given_up() {
    let server = Server::answering([HEAD, b"retry: 1\n\ndata: a\n\n"].concat()).await;
    let client = Client::new(json!({})).await;
    let source = json!({ "sse": server.url("/e"), "reconnect": true });
    let inbox = subscribe(&client, source).await.unwrap();
    let mut cursor = 0;
    next(&inbox, &mut cursor).await.unwrap();
    drop(server);
    let end = loop {
        match next(&inbox, &mut cursor).await {
            Ok(_) => {}
            Err(end) => break end,
        }
    };
    assert_eq!(end.kind, ErrorKind::Transport);
    assert!(end.message.contains("5 attempts"), "{end:?}");
}

#[tokio::test]
async fn what_is_no_stream_is_refused() {
    for (answer, part) in [
        (
            "HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n",
            "answered 404",
        ),
        ("HTTP/1.1 204 No\r\n\r\n", "answered 204"),
        (
            "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 0\r\n\r\n",
            "\"text/html\"",
        ),
    ] {
        let server = Server::answering(answer).await;
        let client = Client::new(json!({})).await;
        let failure = subscribe(&client, json!({ "sse": server.url("/") }))
            .await
            .unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Protocol);
        assert!(failure.message.contains(part), "{failure:?}");
    }
}

#[tokio::test]
async fn a_flood_is_a_limit() {
    let server = Server::raw(|mut stream| async move {
        read_head(&mut stream).await?;
        stream.write_all(HEAD).await?;
        loop {
            stream.write_all(&[b'x'; 8192]).await?;
        }
    })
    .await;
    let client = Client::new(json!({})).await;
    let inbox = subscribe(&client, json!({ "sse": server.url("/") }))
        .await
        .unwrap();
    let end = next(&inbox, &mut 0).await.unwrap_err();
    assert_eq!(end.kind, ErrorKind::Resource);
}
