//! How often an analysis looks at a state. Tests ask, so that the effort for many states is counted, not timed.

#[cfg(test)]
thread_local! {
    static LOOKS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// An analysis looks at a state.
pub(super) fn look() {
    #[cfg(test)]
    LOOKS.set(LOOKS.get() + 1);
}

/// How often an analysis has looked at a state on this thread while `work` was done.
#[cfg(test)]
pub(super) fn of<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let before = LOOKS.get();
    let done = work();
    (done, LOOKS.get() - before)
}
