//! How many files, connections and pipes this process may have open at once.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// More than funcy ever needs; programs that it starts inherit the limit, and some look at every number below it.
const ENOUGH: u64 = 1 << 16;

/// Raises the limit as far as the system lets this process, where it is not enough already.
pub fn raise_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(ENOUGH, |maximum| maximum.min(ENOUGH));
    if current.is_some_and(|current| current < wanted) {
        let raised = Rlimit {
            current: Some(wanted),
            maximum,
        };
        // What the system refuses stays as it was.
        let _ = setrlimit(Resource::Nofile, raised);
    }
}

/// The limit, and how many are open now. `None`: there is no limit, or the system does not tell.
#[must_use]
pub fn limit() -> Option<(u64, u64)> {
    let limit = getrlimit(Resource::Nofile).current?;
    // One of them is this look's own.
    let open = std::fs::read_dir("/dev/fd").ok()?.count() as u64;
    Some((limit, open.saturating_sub(1)))
}
