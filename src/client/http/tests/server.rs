//! Servers of our own.

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, Uri};
use serde_json::{Value as Json, json};
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A server that ends with its value.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Server {
    /// Serves this router.
    pub(super) async fn axum(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            _tasks: tasks,
        }
    }

    /// Serves whatever a function does with each connection.
    pub(super) async fn raw<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let serving = serve(stream);
                connections.spawn(async move {
                    // A client that goes away is no trouble of the server.
                    let _ = serving.await;
                });
            }
        });
        Self {
            address,
            _tasks: tasks,
        }
    }

    /// Answers each connection's first request with these bytes, then closes.
    pub(super) async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::raw(move |mut stream| {
            let answer = answer.clone();
            async move {
                read_head(&mut stream).await?;
                stream.write_all(&answer).await?;
                stream.shutdown().await
            }
        })
        .await
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// Answers every request of an HTTP/2 connection with `two`.
pub(super) async fn serve_h2(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
) -> io::Result<()> {
    let mut connection = h2::server::handshake(stream)
        .await
        .map_err(io::Error::other)?;
    while let Some(request) = connection.accept().await {
        let (_, mut respond) = request.map_err(io::Error::other)?;
        let mut body = respond
            .send_response(axum::http::Response::new(()), false)
            .map_err(io::Error::other)?;
        body.send_data("two".into(), true)
            .map_err(io::Error::other)?;
    }
    Ok(())
}

/// Reads up to the empty line.
pub(super) async fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// A router that answers every request with what arrived.
pub(super) fn echo() -> Router {
    Router::new().fallback(
        |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| async move {
            axum::Json(arrived(&method, &uri, &headers, &body))
        },
    )
}

pub(super) fn arrived(method: &Method, uri: &Uri, headers: &HeaderMap, body: &Bytes) -> Json {
    let headers: serde_json::Map<_, _> = headers
        .keys()
        .map(|name| {
            let all: Vec<_> = headers
                .get_all(name)
                .iter()
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
                .collect();
            (name.to_string(), all.join(", ").into())
        })
        .collect();
    json!({
        "method": method.as_str(),
        "target": uri.to_string(),
        "headers": headers,
        "body": String::from_utf8_lossy(body),
    })
}
