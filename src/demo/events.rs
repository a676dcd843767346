use super::orders::{order_number, unknown};
use super::problem::{FieldError, Problem};
use super::service::{App, MAX_STREAMS};
use super::shop::LoggedEvent;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use serde_json::json;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, watch};

/// Events taken from the log at a time.
const BATCH: usize = 64;
/// After which a client that lost its stream comes back.
const RETRY: Duration = Duration::from_secs(1);

/// The name of the event behind which the stream ends.
#[derive(Deserialize)]
pub(super) struct Until {
    until: Option<String>,
}

pub(super) async fn of_all(
    State(app): State<App>,
    Query(query): Query<Until>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let newest = app.shop(|shop, _| shop.newest());
    let after = seen(&headers, newest)?.unwrap_or(newest);
    Stream::open(app, after, None, query.until)
}

pub(super) async fn of_order(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(query): Query<Until>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let order = order_number(&id)?;
    let newest = app.shop(|shop, _| shop.order(order).map(|_| shop.newest()));
    let newest = newest.ok_or_else(|| unknown(id))?;
    let after = seen(&headers, newest)?.unwrap_or(0);
    Stream::open(app, after, Some(order), query.until)
}

/// The event that the reader has seen last, by its own word. One that has not happened yet was another
/// shop's, before a restart: then it has seen none of ours.
fn seen(headers: &HeaderMap, newest: u64) -> Result<Option<u64>, Problem> {
    let Some(text) = headers.get("last-event-id") else {
        return Ok(None);
    };
    match text.to_str().ok().and_then(|text| text.parse().ok()) {
        Some(id) if id > newest => Ok(Some(0)),
        Some(id) => Ok(Some(id)),
        None => Err(Problem::invalid(vec![FieldError::new(
            "Last-Event-ID",
            "must be the id of an event: a whole number",
        )])),
    }
}

/// One reader of the event log. It holds no queue of its own: it remembers how far it has read, and is
/// told when there is more.
struct Stream {
    app: App,
    news: watch::Receiver<u64>,
    after: u64,
    only: Option<u64>,
    until: Option<String>,
    ended: bool,
    ready: VecDeque<Event>,
    _permit: OwnedSemaphorePermit,
}

impl Stream {
    fn open(
        app: App,
        after: u64,
        only: Option<u64>,
        until: Option<String>,
    ) -> Result<Response, Problem> {
        let permit = Arc::clone(&app.streams).try_acquire_owned().map_err(|_| {
            let detail = format!("{MAX_STREAMS} event streams are open already");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail)
                .with_header("retry-after", "1")
        })?;
        let heartbeat = app.settings.heartbeat;
        let stream = Self {
            news: app.news(),
            app,
            after,
            only,
            until,
            ended: false,
            ready: VecDeque::from([Event::default().comment("open").retry(RETRY)]),
            _permit: permit,
        };
        let events = stream::unfold(stream, |mut stream| async move {
            let event = stream.next().await?;
            Some((Ok::<_, Infallible>(event), stream))
        });
        let alive = KeepAlive::new().interval(heartbeat).text("alive");
        Ok(Sse::new(events).keep_alive(alive).into_response())
    }

    /// The next event, or `None` behind the last one that was asked for, and when the shop closes.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            self.news.borrow_and_update();
            let (entries, missed) = self.app.shop(|shop, _| shop.events(self.after, BATCH));
            // A reader of one order that starts at its beginning cannot tell whose events are forgotten.
            if missed > 0 && (self.only.is_none() || self.after > 0) {
                let gap = json!({ "missed": missed }).to_string();
                self.ready
                    .push_back(Event::default().event("gap").data(gap));
            }
            if let Some(last) = entries.last() {
                self.after = last.seq;
                let wanted = entries
                    .iter()
                    .filter(|entry| self.only.is_none_or(|order| order == entry.order));
                for entry in wanted {
                    self.ready.push_back(show(entry));
                    if self.until.as_deref() == Some(entry.name) {
                        self.ended = true;
                        break;
                    }
                }
                continue;
            }
            tokio::select! {
                () = self.app.stop.cancelled() => return None,
                changed = self.news.changed() => changed.ok()?,
            }
        }
    }
}

fn show(entry: &LoggedEvent) -> Event {
    Event::default()
        .event(entry.name)
        .id(entry.seq.to_string())
        .data(&entry.data)
}
