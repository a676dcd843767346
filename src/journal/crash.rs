//! Where a test may end the process, as a power cut would: with `FUNCY_ABORT_AT=NAME`, or `NAME:3` for the third
//! time. Programs that are built for users know none of it.

/// Ends the process at once if a test has asked for it here.
#[cfg(debug_assertions)]
pub(crate) fn point(name: &str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    static ASKED: LazyLock<Option<(String, AtomicU32)>> = LazyLock::new(|| {
        let asked = std::env::var("FUNCY_ABORT_AT").ok()?;
        let (name, count) = asked.split_once(':').unwrap_or((&asked, "1"));
        Some((name.to_owned(), AtomicU32::new(count.parse().ok()?)))
    });
    if let Some((asked, left)) = &*ASKED
        && asked == name
        && left.fetch_sub(1, Ordering::Relaxed) == 1
    {
        let _ =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        // No signal is as quick as the next line.
        loop {
            std::thread::park();
        }
    }
}

/// Nothing.
#[cfg(not(debug_assertions))]
#[inline]
pub(crate) fn point(_: &str) {}
