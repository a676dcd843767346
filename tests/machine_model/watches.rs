//! Watches in the model: who could have seen what, when a state is left.

use funcy::event::ErrorKind;

/// A poll that has a watch.
pub(crate) struct Watched {
    /// Where its answers come from.
    pub(crate) path: String,
    /// The pause between two attempts.
    pub(crate) every: u64,
    /// Each attempt if nothing stopped the poll: when it starts, when it ends, whether it is answered.
    pub(crate) attempts: Vec<(u64, u64, bool)>,
    /// When the poll decides by itself, and whether it fails.
    pub(crate) decides: Option<(u64, Result<(), ErrorKind>)>,
    /// The first of its conditions that can only fail.
    pub(crate) way: usize,
}

/// What comes of leaving at a moment.
pub(crate) enum Left {
    /// The state is left then.
    At(u64),
    /// It has failed then.
    Failed(u64, ErrorKind),
}

impl Watched {
    /// Until when its first attempt is waited for, if that is open at this moment.
    fn waits_until(&self, at: u64) -> Option<u64> {
        let (start, end, _) = *self.attempts.first()?;
        (start <= at && end > at).then_some(start + self.every)
    }

    fn is_blind(&self, polled_until: u64, now: u64) -> bool {
        if matches!(self.decides, Some((at, Ok(()))) if at <= polled_until) {
            return false;
        }
        let ended = self
            .attempts
            .iter()
            .filter(|(_, end, _)| *end <= polled_until);
        let Some((_, _, answered)) = ended.clone().next_back() else {
            return true;
        };
        let slowest = ended
            .filter(|(.., answered)| *answered)
            .map(|(start, end, _)| end - start)
            .max()
            .unwrap_or(0);
        let open = self
            .attempts
            .iter()
            .find(|(start, end, _)| *start <= polled_until && *end > polled_until);
        let too_long = |start: u64| now - start > self.every.max(2 * slowest);
        !answered || open.is_some_and(|(start, ..)| too_long(*start))
    }
}

/// What happens to a state that something leads out of at `end`: first attempts that have just begun are waited for.
pub(crate) fn leave(watched: &[Watched], end: u64) -> Left {
    let mut waited: Vec<(&Watched, u64)> = Vec::new();
    for one in watched {
        waited.extend(one.waits_until(end).map(|until| (one, until)));
    }
    let done = waited
        .iter()
        .map(|(one, until)| one.attempts[0].1.min(*until).max(end));
    let left = done.max().unwrap_or(end);
    let failures = waited.iter().filter_map(|(one, _)| match one.decides {
        Some((at, Err(kind))) if at <= left => Some((at, kind)),
        _ => None,
    });
    if let Some((at, kind)) = failures.min_by_key(|(at, _)| *at) {
        return Left::Failed(at, kind);
    }
    let mut in_order: Vec<&Watched> = watched.iter().collect();
    in_order.sort_by_key(|one| one.way);
    for one in in_order {
        let is_waited = waited.iter().any(|(other, _)| std::ptr::eq(*other, one));
        let polled_until = if is_waited { left } else { end };
        if one.is_blind(polled_until, left) {
            return Left::Failed(left, ErrorKind::Transport);
        }
    }
    Left::At(left)
}

/// Until when the attempts of a poll start: those that are waited for go on to the end.
pub(crate) fn polled_until(one: Option<&Watched>, end: u64, left: u64) -> u64 {
    match one.and_then(|one| one.waits_until(end)) {
        Some(_) => left,
        None => end,
    }
}
