//! Tokens of those who have logged in.

use std::collections::VecDeque;

const MAX_TOKENS: usize = 1_000;

/// The tokens that were handed out, oldest first.
#[derive(Debug)]
pub(super) struct Tokens {
    rng: fastrand::Rng,
    valid: VecDeque<String>,
}

impl Tokens {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed),
            valid: VecDeque::new(),
        }
    }

    pub(super) fn issue(&mut self) -> String {
        let token = format!("tok-{:032x}", self.rng.u128(..));
        if self.valid.len() == MAX_TOKENS {
            self.valid.pop_front();
        }
        self.valid.push_back(token.clone());
        token
    }

    pub(super) fn is_valid(&self, token: &str) -> bool {
        self.valid.iter().any(|known| known == token)
    }
}
