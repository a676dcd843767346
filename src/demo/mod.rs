//! `funcy demo`: a small asynchronous shop to test against.
//!
//! It keeps everything in memory, and it is bounded in everything. With the same seed, the same sequence
//! of requests gets the same ids, carriers, tracking numbers and outcomes. Errors are
//! `application/problem+json` with a `code` and, for wrong fields, `errors: [{field, detail}]`.
//!
//! # The shop
//!
//! | route | what it does |
//! | --- | --- |
//! | `GET /health` | `{status: "ok"}` |
//! | `GET /` | these routes |
//! | `GET /catalog` | `{items: [{sku, name, price, stock}]}`; `Z-0` is always sold out |
//! | `GET /catalog/{sku}` | one item |
//! | `POST /orders` | `{sku, qty}` or `{lines: [{sku, qty}, …]}`, with `customer`: 201, `Location`, the order; 422 for wrong fields |
//! | `GET /orders` | `{items, next_cursor}`, oldest first; `status`, `customer`, `limit` (100), `cursor` |
//! | `GET /orders/{id}` | the order |
//! | `DELETE /orders/{id}` | cancels it; 409 once it is shipped, rejected or lost |
//! | `GET /orders/{id}/events` | server-sent events of one order, from its beginning |
//! | `GET /events` | server-sent events of all orders, from now on |
//! | `POST /rpc` | JSON-RPC 2.0, batches too: `order.create`, `order.get`, `order.cancel`, `sum`, `echo` |
//!
//! An order is `placed`, and moves by itself: `paid`, `packed`, `shipped` (now it has a `carrier` and a
//! `tracking` number). Each step takes 100 to 300 ms, as the seed says, or the `pace` that the order asks for
//! (milliseconds, 0 to 10,000). `outcome` chooses another end: `rejected` (payment declined), `lost` (instead of
//! shipped), `stuck` (stays paid) or `any` (the seed decides between shipped and rejected). Both may stand in
//! the query or in the body. An order of more than is in stock is accepted and then `rejected`: what is out of
//! stock is found out later, as in life. Goods of a closed order are back in stock at once.
//!
//! An event's name is the new status, its id the sequence number, its data
//! `{order_id, customer, status, total, after_ms, carrier, tracking, reason}`. `Last-Event-ID` replays what came
//! after it; `0` replays everything that is kept. `?until=shipped` ends a stream behind that event. An event `gap` with `{missed}` says that events were
//! forgotten in between. Comments keep the line alive.
//!
//! # For testing clients
//!
//! | route | what it does |
//! | --- | --- |
//! | `GET /slow?ms=500` | answers after that time, 10 s at most |
//! | `ANY /flaky?key=K&fail=2` | the first requests with this key fail with 503 and `Retry-After: 0` |
//! | `ANY /status/{code}` | answers with that status, 200 to 599 |
//! | `ANY /echo` | `{method, path, query, headers, body}` of the request |
//! | `GET /redirect?to=/path` | 302, or `status`; within this server only |
//! | `GET /cookies/set?name=N&value=V` | sets a cookie |
//! | `GET /cookies` | the cookies that were sent |
//! | `GET /private` | needs basic auth, `demo` and `demo-secret` |
//! | `POST /login` | `{user: "demo", password: "demo-secret"}`: `{token, expires_in}` |
//! | `GET /me` | needs the token as bearer |
//! | `GET /text` | plain text, three lines |
//! | `GET /gzip` | JSON in a gzip encoding |
//! | `GET /bytes?n=1024` | that many bytes, 1 MiB at most; the same ones for the same seed |
//!
//! # Bounds
//!
//! 10,000 orders and 4,096 events are kept, the oldest are forgotten; a body has at most 64 KiB and 10 s to
//! arrive, a head 60 s; 64 event streams and 512 connections may be open; 1,000 flaky keys and tokens are kept.

mod access;
mod catalog;
mod counters;
mod events;
mod fixtures;
mod gzip;
mod input;
mod order;
mod order_request;
mod order_status;
mod orders;
mod problem;
mod rpc;
mod serve;
mod service;
mod shop;
mod tokens;

#[cfg(test)]
mod tests;

pub use serve::serve;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// How the demo shop is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens; shown by `GET /`, bound by the caller.
    pub listen: SocketAddr,
    /// Of everything that is left to chance.
    pub seed: u64,
    /// Between two comments on an event stream where nothing happens.
    pub heartbeat: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7801)),
            seed: 1,
            heartbeat: Duration::from_secs(10),
        }
    }
}
