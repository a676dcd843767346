//! Which processes belong to a family: its leader, and all that it started, wherever they have gone.
//!
//! A process group is not enough: `setsid` leaves it. So on Linux funcy adopts orphans
//! (`PR_SET_CHILD_SUBREAPER`), which keeps all of them below it in the tree of processes, and each leader
//! carries a mark in its environment that its children inherit. An orphan that has left its group and lost the
//! mark belongs to one of the families that live; with the last of them it ends. Only descendants of funcy are
//! ever signalled, through a handle that cannot mean a later process of the same number.

pub(super) use imp::{ProcessTree, of_ancestors};

/// The variable that marks the processes of one family.
pub(super) const MARK: &str = "FUNCY_EXEC_ID";

#[cfg(target_os = "linux")]
mod imp {
    use super::MARK;
    use rustix::process::{
        Pid, PidfdFlags, Signal, WaitOptions, getpid, pidfd_open, pidfd_send_signal,
        set_child_subreaper, waitpid,
    };
    use std::collections::{HashMap, HashSet};
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt as _;
    use std::sync::{Once, OnceLock};

    #[derive(Debug)]
    pub(in crate::os) struct ProcessTree {
        leader: u32,
        mark: String,
        /// Everyone who was ever seen in it: number and time of birth.
        known: HashSet<(u32, u64)>,
    }

    /// When the first leader was born. What is older came with `exec funcy`, as the jobs of that shell.
    static FIRST: OnceLock<u64> = OnceLock::new();
    /// The process to which all orphans of a machine or container come.
    const INIT: u32 = 1;

    /// A line of the table of processes.
    struct ProcessEntry {
        parent: u32,
        group: u32,
        session: u32,
        born: u64,
        is_zombie: bool,
    }

    impl ProcessTree {
        /// Makes orphans come to this process. Once is enough.
        pub(in crate::os) fn prepare() {
            static ONCE: Once = Once::new();
            ONCE.call_once(|| {
                // Where it is not possible, the process group has to do.
                let _ = set_child_subreaper(Some(getpid()));
            });
        }

        pub(in crate::os) fn new(leader: u32, mark: &str) -> Self {
            if let Some(leader) = entry(leader) {
                FIRST.get_or_init(|| leader.born);
            }
            Self {
                leader,
                mark: format!("{MARK}={mark}"),
                known: HashSet::new(),
            }
        }

        /// Takes away the dead, signals the living, and returns how many there are. `is_last`: no other family
        /// lives, and every other child of this process is an orphan that one of them has left.
        pub(in crate::os) fn round(&mut self, signal: Option<Signal>, is_last: bool) -> usize {
            let own = std::process::id();
            let table = table();
            let own_group = table.get(&own).map(|entry| entry.group);
            // From the table, not from `getsid`: in a container the session may have been begun outside, and
            // is then 0, which the call's binding takes for impossible.
            let own_session = table.get(&own).map_or(0, |entry| entry.session);
            let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
            for (pid, entry) in &table {
                children.entry(entry.parent).or_default().push(*pid);
            }
            let mut living = 0;
            // From the top, so that a member's children are known by their parent.
            let mut queue: Vec<(u32, bool)> = vec![(own, false)];
            while let Some((parent, parent_belongs)) = queue.pop() {
                for pid in children.get(&parent).into_iter().flatten() {
                    let entry = &table[pid];
                    // What funcy itself starts beside families stays in its own group.
                    let is_stray = is_last
                        && own != INIT
                        && entry.parent == own
                        && Some(entry.group) != own_group
                        && FIRST.get().is_some_and(|first| entry.born >= *first);
                    let belongs = parent_belongs || is_stray || self.has(*pid, entry);
                    queue.push((*pid, belongs));
                    if entry.is_zombie {
                        // The leader's end is awaited elsewhere. What is in another session came here as an
                        // orphan (a group leader, as each command is, cannot leave its session), so
                        // nobody else waits for it.
                        let orphan = belongs || entry.session != own_session;
                        if orphan && entry.parent == own && *pid != self.leader {
                            reap(*pid);
                        }
                    } else if belongs {
                        self.known.insert((*pid, entry.born));
                        living += 1;
                        if let Some(signal) = signal {
                            send(*pid, entry.born, signal);
                        }
                    }
                }
            }
            living
        }

        fn has(&self, pid: u32, entry: &ProcessEntry) -> bool {
            entry.group == self.leader
                || self.known.contains(&(pid, entry.born))
                || std::fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environ| {
                    environ
                        .split(|byte| *byte == 0)
                        .any(|variable| variable == self.mark.as_bytes())
                })
        }
    }

    /// The processes above this one that are looked at.
    const ANCESTORS: usize = 32;

    /// A variable of the nearest process above this one that was started with it. What belongs to another user cannot be
    /// looked at, and is passed over.
    pub(in crate::os) fn of_ancestors(name: &str) -> Option<OsString> {
        let mut pid = std::process::id();
        for _ in 0..ANCESTORS {
            pid = entry(pid)?.parent;
            if pid <= INIT {
                return None;
            }
            let Ok(variables) = std::fs::read(format!("/proc/{pid}/environ")) else {
                continue;
            };
            let mut variables = variables.split(|byte| *byte == 0);
            let value = variables
                .find_map(|variable| variable.strip_prefix(name.as_bytes())?.strip_prefix(b"="));
            if let Some(value) = value {
                return Some(OsString::from_vec(value.to_vec()));
            }
        }
        None
    }

    fn table() -> HashMap<u32, ProcessEntry> {
        let Ok(folder) = std::fs::read_dir("/proc") else {
            return HashMap::new();
        };
        folder
            .flatten()
            .filter_map(|item| {
                let pid = item.file_name().to_str()?.parse().ok()?;
                Some((pid, entry(pid)?))
            })
            .collect()
    }

    fn entry(pid: u32) -> Option<ProcessEntry> {
        let line = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
        // The program's name stands in parentheses and may hold any byte.
        let end = line.iter().rposition(|byte| *byte == b')')?;
        let rest = std::str::from_utf8(&line[end + 1..]).ok()?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        Some(ProcessEntry {
            is_zombie: matches!(*fields.first()?, "Z" | "X"),
            parent: fields.get(1)?.parse().ok()?,
            group: fields.get(2)?.parse().ok()?,
            session: fields.get(3)?.parse().ok()?,
            born: fields.get(19)?.parse().ok()?,
        })
    }

    fn send(pid: u32, born: u64, signal: Signal) {
        let Some(number) = Pid::from_raw(pid.cast_signed()) else {
            return;
        };
        // The handle first, then the look: if it is still the same process, the handle means it.
        let Ok(handle) = pidfd_open(number, PidfdFlags::empty()) else {
            return;
        };
        if entry(pid).is_some_and(|now| now.born == born) {
            // It may have ended in between.
            let _ = pidfd_send_signal(handle, signal);
        }
    }

    fn reap(pid: u32) {
        if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
            let _ = waitpid(Some(pid), WaitOptions::NOHANG);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

    /// Elsewhere the own environment has to do.
    pub(in crate::os) fn of_ancestors(_name: &str) -> Option<std::ffi::OsString> {
        None
    }

    /// Elsewhere the process group has to do.
    #[derive(Debug)]
    pub(in crate::os) struct ProcessTree {
        leader: Option<Pid>,
    }

    impl ProcessTree {
        pub(in crate::os) fn prepare() {}

        pub(in crate::os) fn new(leader: u32, _mark: &str) -> Self {
            Self {
                leader: Pid::from_raw(leader.cast_signed()),
            }
        }

        pub(in crate::os) fn round(&mut self, signal: Option<Signal>, _is_last: bool) -> usize {
            let Some(leader) = self.leader else { return 0 };
            if let Some(signal) = signal {
                let _ = kill_process_group(leader, signal);
            }
            usize::from(test_kill_process_group(leader).is_ok())
        }
    }
}
