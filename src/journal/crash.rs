//! Where a test may end the process, as a power cut would: with `FUNCY_ABORT_AT=NAME`, or `NAME:3` for the third
//! time; `FUNCY_PANIC_AT` lets it panic there. Programs that are built for users know none of it.

/// Ends the process at once, or panics, if a test has asked for it here.
#[cfg(debug_assertions)]
pub(crate) fn point(name: &str) {
    use std::sync::LazyLock;

    static ABORT: LazyLock<Option<CrashPoint>> = LazyLock::new(|| CrashPoint::by("FUNCY_ABORT_AT"));
    static PANIC: LazyLock<Option<CrashPoint>> = LazyLock::new(|| CrashPoint::by("FUNCY_PANIC_AT"));
    if ABORT.as_ref().is_some_and(|asked| asked.is_now(name)) {
        crate::os::process::kill_self();
        // No signal is as quick as the next line.
        loop {
            std::thread::park();
        }
    }
    assert!(
        !PANIC.as_ref().is_some_and(|asked| asked.is_now(name)),
        "a test has asked for a panic at {name}"
    );
}

/// A point that a test has named.
#[cfg(debug_assertions)]
struct CrashPoint {
    name: String,
    /// How often it is passed until it counts.
    left: std::sync::atomic::AtomicU32,
}

#[cfg(debug_assertions)]
impl CrashPoint {
    fn by(variable: &str) -> Option<Self> {
        let asked = std::env::var(variable).ok()?;
        let (name, count) = asked.split_once(':').unwrap_or((&asked, "1"));
        Some(Self {
            name: name.to_owned(),
            left: count.parse::<u32>().ok()?.into(),
        })
    }

    fn is_now(&self, name: &str) -> bool {
        let left = || (self.left).fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
        self.name == name && left() == 1
    }
}

/// Nothing.
#[cfg(not(debug_assertions))]
#[inline]
pub(crate) fn point(_: &str) {}
