use super::Settings;
use super::service::{App, Service};
use super::{access, events, fixtures, orders, problem::Problem, rpc};
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, Uri};
use axum::response::Json;
use axum::routing::{any, get, post};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(super) const MAX_BODY: usize = 64 * 1024;
const MAX_CONNECTIONS: usize = 512;
const MAX_HEAD: usize = 64 * 1024;
const HEAD_TIME: Duration = Duration::from_mins(1);
/// For answers that are under way when the shop closes.
const GRACE: Duration = Duration::from_secs(2);

/// Runs the shop on this listener until `stop` is there. Then it takes no new connection, ends event streams,
/// lets answers that are under way go out, and returns when nothing of it is left.
///
/// # Errors
/// When the listener has no address: it was closed before.
pub async fn serve(
    listener: TcpListener,
    settings: Settings,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    listener.local_addr()?;
    let app = Arc::new(Service::new(settings));
    let router = router(Arc::clone(&app));
    let limit = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    let mut ticker = pin!(app.tick());
    loop {
        tokio::select! {
            () = &mut stop => break,
            () = &mut ticker => {}
            Some(_) = connections.join_next() => {}
            (stream, permit) = accept(&listener, &limit) => {
                connections.spawn(connection(stream, router.clone(), app.stop.clone(), permit));
            }
        }
    }
    drop(listener);
    app.stop.cancel();
    let _ = tokio::time::timeout(GRACE, async {
        while connections.join_next().await.is_some() {}
    })
    .await;
    connections.shutdown().await;
    Ok(())
}

/// The next connection, as soon as one more is allowed.
async fn accept(
    listener: &TcpListener,
    limit: &Arc<Semaphore>,
) -> (TcpStream, OwnedSemaphorePermit) {
    let permit = Arc::clone(limit)
        .acquire_owned()
        .await
        .expect("this semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, permit),
            // Too many open files, or a connection that is gone already: both pass.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn connection(
    stream: TcpStream,
    router: Router,
    stop: CancellationToken,
    _permit: OwnedSemaphorePermit,
) {
    // Small answers that wait for an acknowledgement would be 40 ms late.
    let _ = stream.set_nodelay(true);
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
    );
    // A connection that breaks is the client's to notice.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.cancelled() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

/// The routes as `GET /` shows them.
pub(super) const ROUTES: [&str; 24] = [
    "GET /health",
    "GET /",
    "GET /catalog",
    "GET /catalog/{sku}",
    "POST /orders",
    "GET /orders",
    "GET /orders/{id}",
    "DELETE /orders/{id}",
    "GET /orders/{id}/events",
    "GET /events",
    "POST /rpc",
    "GET /slow",
    "ANY /flaky",
    "ANY /status/{code}",
    "ANY /echo",
    "GET /redirect",
    "GET /cookies/set",
    "GET /cookies",
    "GET /private",
    "POST /login",
    "GET /me",
    "GET /text",
    "GET /gzip",
    "GET /bytes",
];

fn router(app: App) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/health", get(async || Json(json!({ "status": "ok" }))))
        .route("/catalog", get(orders::catalog))
        .route("/catalog/{sku}", get(orders::item))
        .route("/orders", get(orders::list).post(orders::place))
        .route("/orders/{id}", get(orders::show).delete(orders::cancel))
        .route("/orders/{id}/events", get(events::of_order))
        .route("/events", get(events::of_all))
        .route("/rpc", post(rpc::answer))
        .route("/slow", get(fixtures::slow))
        .route("/flaky", any(fixtures::flaky))
        .route("/status/{code}", any(fixtures::status))
        .route("/echo", any(fixtures::echo))
        .route("/redirect", get(fixtures::redirect))
        .route("/cookies/set", get(access::set_cookie))
        .route("/cookies", get(access::cookies))
        .route("/private", get(access::private))
        .route("/login", post(access::login))
        .route("/me", get(access::me))
        .route("/text", get(fixtures::text))
        .route("/gzip", get(fixtures::gzip))
        .route("/bytes", get(fixtures::bytes))
        .fallback(async |uri: Uri| Problem::not_found(format_args!("route {}", uri.path())))
        .method_not_allowed_fallback(async || {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method",
                "this route takes another method: see the header Allow",
            )
        })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(app)
}

async fn index(State(app): State<App>) -> Json<Value> {
    Json(json!({
        "name": "funcy demo",
        "version": env!("CARGO_PKG_VERSION"),
        "listen": app.settings.listen,
        "seed": app.settings.seed,
        "routes": ROUTES,
    }))
}
