//! How many tasks may run at once.

use crate::os::open_files;

/// How many files a task may have open at once: connections, streams, and the pipes of a process.
pub const FILES_OF_A_TASK: u64 = 10;
/// What the run itself opens beside its tasks: the journal, reports, name resolution.
const FILES_OF_THE_RUN: u64 = 16;

/// How many of these tasks may run at once with the files that this process may still open; at least one.
#[must_use]
pub fn jobs_that_fit(wanted: usize) -> usize {
    open_files::limit().map_or(wanted.max(1), |(limit, open)| fit(wanted, limit, open))
}

fn fit(wanted: usize, limit: u64, open: u64) -> usize {
    let left = limit.saturating_sub(open + FILES_OF_THE_RUN);
    let room = usize::try_from(left / FILES_OF_A_TASK).unwrap_or(usize::MAX);
    wanted.min(room).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_run_as_there_are_files_for() {
        assert_eq!(fit(8, 1024, 20), 8);
        assert_eq!(fit(500, 1024, 20), 98);
        assert_eq!(fit(500, 64, 20), 2);
        assert_eq!(fit(500, 16, 20), 1);
        assert_eq!(fit(0, 1024, 20), 1);
    }
}
