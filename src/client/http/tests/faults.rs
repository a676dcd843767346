//! Servers that do not behave: each gives its own kind of failure, none a hang.

use super::server::read_head;
use super::*;
use crate::event::ErrorKind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

fn expect(failure: &Failure, kind: ErrorKind, part: &str) {
    assert_eq!(failure.kind, kind, "{failure:?}");
    assert!(failure.message.contains(part), "{failure:?}");
    for noise in ["error sending request", "os error", "for url"] {
        assert!(!failure.message.contains(noise), "{failure:?}");
    }
    assert!(failure.again.as_ref().unwrap().starts_with("curl -sS"));
}

#[tokio::test]
async fn nobody_listens() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let failure = failure(json!({ "get": format!("http://u:pw123@127.0.0.1:{port}/x") })).await;
    expect(
        &failure,
        ErrorKind::Transport,
        &format!("the connection to 127.0.0.1:{port} was refused"),
    );
    assert!(failure.hint.unwrap().contains("is the server started"));
    assert!(!failure.message.contains("pw123"));
}

#[tokio::test]
async fn no_such_host() {
    let failure = failure(json!({ "get": "http://no-such-host.invalid/" })).await;
    expect(
        &failure,
        ErrorKind::Transport,
        "\"no-such-host.invalid\" was not found",
    );
}

#[tokio::test]
async fn a_reset_connection() {
    let server = Server::raw(|mut stream| async move {
        read_head(&mut stream).await?;
        // Closing with this option and unread or unsent data sends a reset.
        stream.set_zero_linger()?;
        drop(stream);
        Ok(())
    })
    .await;
    let failure = failure(json!({ "get": server.url("/") })).await;
    expect(&failure, ErrorKind::Transport, "was reset by the server");
}

#[tokio::test]
async fn answers_that_break_off() {
    for answer in [
        "",
        "HTTP/1.1 200",
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
    ] {
        let server = Server::answering(answer).await;
        let failure = failure(json!({ "get": server.url("/") })).await;
        expect(
            &failure,
            ErrorKind::Transport,
            "closed the connection before its answer was complete",
        );
    }
}

#[tokio::test]
async fn answers_that_are_no_http() {
    for answer in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
    ] {
        let server = Server::answering(answer).await;
        let failure = failure(json!({ "get": server.url("/") })).await;
        expect(&failure, ErrorKind::Protocol, "did not answer in HTTP");
        assert!(failure.hint.unwrap().contains("https://"));
    }
}

#[tokio::test]
async fn a_server_without_tls() {
    let server = Server::raw(|mut stream| async move {
        let mut hello = [0; 64];
        let _ = stream.read(&mut hello).await?;
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await
    })
    .await;
    let url = format!("https://{}/", server.address);
    let failure = failure(json!({ "get": url, "tls": { "insecure": true } })).await;
    expect(&failure, ErrorKind::Protocol, "does not speak TLS");
    assert_eq!(
        failure.hint.as_deref(),
        Some("write http://, or the port of TLS")
    );
}

#[tokio::test]
async fn connecting_takes_no_longer_than_it_may() {
    // A listener whose queue is full does not answer further connections.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    for _ in 0..8 {
        let connect = tokio::net::TcpStream::connect(address);
        if let Ok(stream) = tokio::time::timeout(Duration::from_millis(200), connect).await {
            waiting.push(stream);
        } else {
            break;
        }
    }
    let client = Client::new(json!({ "connect_timeout": "300ms" })).await;
    let failure = client
        .failure(json!({ "get": format!("http://{address}/") }))
        .await;
    expect(&failure, ErrorKind::Transport, "within 300ms");
}

#[tokio::test]
async fn a_dropped_call_closes_its_connection() {
    let (closed, was_closed) = oneshot::channel();
    let (arrived, has_arrived) = oneshot::channel();
    let senders = Mutex::new(Some((arrived, closed)));
    let server = Server::raw(move |mut stream| {
        let senders = senders.lock().unwrap().take();
        async move {
            read_head(&mut stream).await?;
            let (arrived, closed) = senders.unwrap();
            arrived.send(()).unwrap();
            // Ends when the client closes.
            let rest = stream.read(&mut [0; 8]).await;
            closed.send(matches!(rest, Ok(0) | Err(_))).unwrap();
            Ok(())
        }
    })
    .await;
    let client = Client::new(json!({})).await;
    let request = json!({ "get": server.url("/") });
    tokio::select! {
        answer = client.call(request) => panic!("{answer:?}"),
        () = async { has_arrived.await.unwrap() } => {}
    }
    let closed = tokio::time::timeout(Duration::from_secs(5), was_closed).await;
    assert!(closed.unwrap().unwrap());
}

/// A server that closes each connection once it has heard a second request on it, and counts what it has heard.
async fn closing(heard: &Arc<AtomicU32>, cut: &'static [u8]) -> Server {
    let heard = Arc::clone(heard);
    Server::raw(move |mut stream| {
        let heard = Arc::clone(&heard);
        async move {
            read_head(&mut stream).await?;
            heard.fetch_add(1, Ordering::SeqCst);
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer).await?;
            read_head(&mut stream).await?;
            heard.fetch_add(1, Ordering::SeqCst);
            stream.write_all(cut).await
        }
    })
    .await
}

#[tokio::test]
async fn a_read_on_a_kept_connection_that_breaks_is_sent_once_more() {
    let heard = Arc::new(AtomicU32::new(0));
    let server = closing(&heard, b"").await;
    let client = Client::new(json!({})).await;
    for method in ["get", "head", "get", "get"] {
        let res = client.res(json!({ method: server.url("/") })).await;
        assert_eq!(res["status"], json!(200), "{method}");
    }
    // The first on its connection, each other one on a kept and then on a new one.
    assert_eq!(heard.load(Ordering::SeqCst), 7);
}

#[tokio::test]
async fn a_write_on_a_kept_connection_that_breaks_is_not() {
    let heard = Arc::new(AtomicU32::new(0));
    let server = closing(&heard, b"").await;
    let client = Client::new(json!({})).await;
    client.res(json!({ "get": server.url("/") })).await;
    let failure = client.failure(json!({ "post": server.url("/") })).await;
    assert_eq!(failure.kind, ErrorKind::Transport);
    assert!(
        failure.message.ends_with(", on a kept connection"),
        "{failure}"
    );
    assert!(failure.hint.unwrap().contains("`retry`"));
    assert_eq!(heard.load(Ordering::SeqCst), 2);
    // On a new one it is its own trouble.
    client.res(json!({ "post": server.url("/") })).await;
}

/// Where no connection was kept, or the answer has begun, the failure is told at once.
#[tokio::test]
async fn nothing_else_is_sent_twice() {
    let heard = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&heard);
    let silent = Server::raw(move |mut stream| {
        let count = Arc::clone(&count);
        async move {
            read_head(&mut stream).await?;
            count.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
    })
    .await;
    let client = Client::new(json!({})).await;
    let failure = client.failure(json!({ "get": silent.url("/") })).await;
    assert!(!failure.message.contains("kept"), "{failure}");
    assert_eq!(heard.swap(0, Ordering::SeqCst), 1);

    let server = closing(&heard, b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ncut").await;
    client.res(json!({ "get": server.url("/") })).await;
    let failure = client.failure(json!({ "get": server.url("/") })).await;
    assert!(!failure.message.contains("kept"), "{failure}");
    assert_eq!(heard.load(Ordering::SeqCst), 2);
}
