//! How often flaky routes were asked for, by their key.

use std::collections::{HashMap, VecDeque};

const MAX_KEYS: usize = 1_000;

/// How often each flaky key was asked for.
#[derive(Debug, Default)]
pub(super) struct Counters {
    counts: HashMap<String, u64>,
    /// Keys, oldest first.
    order: VecDeque<String>,
}

impl Counters {
    /// Counts one more, and says how many that makes.
    pub(super) fn count(&mut self, key: &str) -> u64 {
        if let Some(count) = self.counts.get_mut(key) {
            *count += 1;
            return *count;
        }
        if self.order.len() == MAX_KEYS
            && let Some(oldest) = self.order.pop_front()
        {
            self.counts.remove(&oldest);
        }
        self.order.push_back(key.to_owned());
        self.counts.insert(key.to_owned(), 1);
        1
    }
}
