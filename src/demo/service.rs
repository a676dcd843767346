use super::Settings;
use super::counters::Counters;
use super::shop::Shop;
use super::tokens::Tokens;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Event streams that may be open at once.
pub(super) const MAX_STREAMS: usize = 64;

/// What all requests share.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) settings: Settings,
    pub(super) streams: Arc<Semaphore>,
    pub(super) stop: CancellationToken,
    pub(super) counters: Mutex<Counters>,
    pub(super) tokens: Mutex<Tokens>,
    opened: Instant,
    shop: Mutex<Shop>,
    /// The newest event's number, for those who wait for one.
    newest: watch::Sender<u64>,
    /// The schedule has changed.
    rescheduled: Notify,
}

pub(super) type App = Arc<Service>;

impl Service {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            stop: CancellationToken::new(),
            counters: Mutex::default(),
            tokens: Mutex::new(Tokens::new(settings.seed)),
            opened: Instant::now(),
            shop: Mutex::new(Shop::new(settings.seed)),
            newest: watch::Sender::new(0),
            rescheduled: Notify::new(),
            settings,
        }
    }

    /// Looks at the shop, or changes it, as it stands now: all steps that are due have been taken.
    pub(super) fn shop<T>(&self, look: impl FnOnce(&mut Shop, Duration) -> T) -> T {
        let mut shop = lock(&self.shop);
        let now = self.opened.elapsed();
        shop.advance(now);
        let result = look(&mut shop, now);
        let newest = shop.newest();
        drop(shop);
        let is_news = self.newest.send_if_modified(|known| {
            let is_news = newest > *known;
            *known = newest.max(*known);
            is_news
        });
        if is_news {
            self.rescheduled.notify_one();
        }
        result
    }

    /// Tells when a newer event than the ones seen is in the log.
    pub(super) fn news(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// Takes each step when it is due, so that event streams hear of it at once.
    pub(super) async fn tick(&self) {
        loop {
            let due = self.shop(|shop, _| shop.next_due());
            let step = async {
                match due {
                    Some(due) => tokio::time::sleep_until(self.opened + due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = step => {}
                () = self.rescheduled.notified() => {}
            }
        }
    }
}

/// The data behind a lock. A panic elsewhere leaves it as it was; there is nothing to mend.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
