//! Large values are given back on a thread of their own: a body of 12 MB is some hundred thousand pieces of memory, and
//! whoever lets go of it last would free them one by one.

use super::offload::LARGE;
use crate::event::Json;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a value stays that nobody holds any more.
const SOON: Duration = Duration::from_millis(10);
/// The same where those before are held for long.
const LATER: Duration = Duration::from_millis(160);

static HELD: Mutex<Held> = Mutex::new(Held {
    values: Vec::new(),
    is_watched: false,
});

/// Values of which this is one holder, so that it is the last.
struct Held {
    values: Vec<Arc<Json>>,
    is_watched: bool,
}

/// Takes care that a value of a payload of so many bytes is freed beside the thread that runs the tasks, whoever else
/// holds it.
pub(in crate::client) fn reclaim(value: &Arc<Json>, bytes: u64) {
    if bytes <= LARGE as u64 {
        return;
    }
    let mut held = held();
    held.values.push(Arc::clone(value));
    if !held.is_watched {
        let watcher = std::thread::Builder::new().name("funcy-reclaim".into());
        // Without a thread values are freed where they are let go.
        held.is_watched = watcher.spawn(watch).is_ok();
        if !held.is_watched {
            held.values.clear();
        }
    }
}

fn held() -> MutexGuard<'static, Held> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Frees what nobody else holds, until nothing is left.
fn watch() {
    let mut pause = SOON;
    loop {
        std::thread::park_timeout(pause);
        let (free, is_done) = {
            let mut held = held();
            let free = (held.values).extract_if(.., |value| Arc::strong_count(value) == 1);
            let free: Vec<Arc<Json>> = free.collect();
            let is_done = held.values.is_empty();
            if is_done {
                held.values = Vec::new();
                held.is_watched = false;
            }
            (free, is_done)
        };
        pause = if free.is_empty() {
            (pause * 2).min(LATER)
        } else {
            SOON
        };
        drop(free);
        if is_done {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn what_nobody_holds_is_freed_soon_and_what_somebody_holds_stays() {
        let kept = Arc::new(Json::from("kept"));
        let dropped = Arc::new(Json::from("dropped"));
        for value in [&kept, &dropped] {
            reclaim(value, u64::MAX);
        }
        let weak = Arc::downgrade(&dropped);
        drop(dropped);
        let begin = Instant::now();
        while weak.strong_count() > 0 {
            assert!(
                begin.elapsed() < Duration::from_secs(30),
                "it is never freed"
            );
            std::thread::yield_now();
        }
        assert_eq!(Arc::strong_count(&kept), 2);
        let small = Arc::new(Json::Null);
        reclaim(&small, 1);
        assert_eq!(Arc::strong_count(&small), 1);
    }
}
