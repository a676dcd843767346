//! Tells what happens in folders: by inotify, or by looking at them again and again where the file system
//! tells nothing.

use super::changes::{Sign, sign};
use super::mailbox::Mailbox;
use crate::os::Identity;
use notify::event::{CreateKind, EventKind, Flag, ModifyKind, RemoveKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, SystemTime};

/// Entries of one folder that are looked at.
const MAX_ENTRIES: usize = 100_000;

/// Watches folders, never files: an editor that replaces a file would take the watch away with it.
pub(super) struct Watcher {
    how: How,
    watched: BTreeSet<PathBuf>,
}

enum How {
    Told(RecommendedWatcher),
    /// Sends the folders to the thread that looks at them, the new ones as they are now; the thread ends with
    /// the sender.
    Polled(SyncSender<BTreeMap<PathBuf, Option<Listing>>>),
}

impl Watcher {
    /// Watches no folder yet. `poll`: looks every so often instead of being told.
    ///
    /// # Errors
    /// When the system refuses a watcher or a thread.
    pub(super) fn new(poll: Option<Duration>, mailbox: Mailbox) -> io::Result<Self> {
        let how = if let Some(every) = poll {
            let (folders, orders) = sync_channel(4);
            std::thread::Builder::new()
                .name("funcy-poll".into())
                .spawn(move || poll_folders(&orders, every, &mailbox))?;
            How::Polled(folders)
        } else {
            let tell = move |event: notify::Result<notify::Event>| match event {
                Ok(event) if sign(&event) == Sign::Nothing => {}
                Ok(event) => mailbox.file(event),
                // What the system could not tell may be anything.
                Err(_) => {
                    mailbox.file(notify::Event::new(EventKind::Other).set_flag(Flag::Rescan));
                }
            };
            let config = notify::Config::default().with_follow_symlinks(false);
            How::Told(RecommendedWatcher::new(tell, config).map_err(io::Error::other)?)
        };
        Ok(Self {
            how,
            watched: BTreeSet::new(),
        })
    }

    /// Watches these folders and no others. Says whether new ones are among them: what happened in those
    /// before is not known.
    ///
    /// # Errors
    /// When the system does not watch a folder that is there, with its path.
    pub(super) fn watch(&mut self, folders: BTreeSet<PathBuf>) -> Result<bool, String> {
        match &mut self.how {
            How::Polled(orders) => {
                if folders == self.watched {
                    return Ok(false);
                }
                // Read here, so that what happens from now on is a difference.
                let order = folders.iter().map(|folder| {
                    let is_new = !self.watched.contains(folder);
                    (folder.clone(), is_new.then(|| listing(folder)))
                });
                // The thread only ends with this sender.
                let _ = orders.send(order.collect());
                let new = folders.difference(&self.watched).next().is_some();
                self.watched = folders;
                Ok(new)
            }
            How::Told(watcher) => {
                for gone in self.watched.difference(&folders) {
                    // The system has let go of a folder that was removed.
                    let _ = watcher.unwatch(gone);
                }
                let mut kept: BTreeSet<PathBuf> =
                    self.watched.intersection(&folders).cloned().collect();
                let mut new = false;
                let mut refused = None;
                for folder in folders.difference(&self.watched) {
                    match watcher.watch(folder, RecursiveMode::NonRecursive) {
                        Ok(()) => {
                            kept.insert(folder.clone());
                            new = true;
                        }
                        Err(_) if !folder.is_dir() => {}
                        Err(error) => {
                            refused = Some(format!("{} is not watched: {error}", folder.display()));
                        }
                    }
                }
                self.watched = kept;
                refused.map_or(Ok(new), Err)
            }
        }
    }

    /// Watches each folder again: after lost events, one may be another folder of the same name.
    pub(super) fn renew(&mut self) {
        if let How::Told(watcher) = &mut self.how {
            (self.watched)
                .retain(|folder| watcher.watch(folder, RecursiveMode::NonRecursive).is_ok());
        }
    }

    /// Forgets a folder that was removed, so that its successor of the same name is watched anew.
    pub(super) fn forget(&mut self, path: &Path) {
        if let How::Told(watcher) = &mut self.how
            && self.watched.remove(path)
        {
            let _ = watcher.unwatch(path);
        }
    }
}

/// What is known of an entry of a folder.
#[derive(Clone, PartialEq, Eq)]
struct Seen {
    identity: Identity,
    size: u64,
    modified: Option<SystemTime>,
}

impl Seen {
    fn of(entry: &Metadata) -> Self {
        Self {
            identity: Identity::of_metadata(entry),
            // The size of a folder says nothing.
            size: if entry.is_dir() { 0 } else { entry.len() },
            modified: if entry.is_dir() {
                None
            } else {
                entry.modified().ok()
            },
        }
    }
}

/// The entries of a folder.
type Listing = BTreeMap<PathBuf, Seen>;

/// Looks at the folders again and again, and tells the differences.
fn poll_folders(
    orders: &Receiver<BTreeMap<PathBuf, Option<Listing>>>,
    every: Duration,
    mailbox: &Mailbox,
) {
    let mut known: BTreeMap<PathBuf, Listing> = BTreeMap::new();
    loop {
        match orders.recv_timeout(every) {
            Ok(folders) => {
                known.retain(|folder, _| folders.contains_key(folder));
                let new = folders.into_iter();
                known.extend(new.filter_map(|(folder, listing)| Some((folder, listing?))));
            }
            Err(RecvTimeoutError::Timeout) => {
                for (folder, before) in &mut known {
                    let now = listing(folder);
                    for event in differences(before, &now) {
                        mailbox.file(event);
                    }
                    *before = now;
                }
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn listing(folder: &Path) -> Listing {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return BTreeMap::new();
    };
    entries
        .take(MAX_ENTRIES)
        .flatten()
        .map(|entry| entry.path())
        .filter_map(|path| Some((path.clone(), Seen::of(&std::fs::metadata(path).ok()?))))
        .collect()
}

fn differences(before: &Listing, now: &Listing) -> Vec<notify::Event> {
    let event = |kind: EventKind, path: &PathBuf| notify::Event::new(kind).add_path(path.clone());
    let gone = before.keys().filter(|path| !now.contains_key(*path));
    let gone = gone.map(|path| event(EventKind::Remove(RemoveKind::Any), path));
    let here = now
        .iter()
        .filter_map(|(path, seen)| match before.get(path) {
            None => Some(event(EventKind::Create(CreateKind::Any), path)),
            Some(known) if known != seen => Some(event(EventKind::Modify(ModifyKind::Any), path)),
            Some(_) => None,
        });
    gone.chain(here).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_finds_what_was_made_changed_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("a"), "1").unwrap();
        std::fs::write(path("b"), "1").unwrap();
        let before = listing(folder.path());
        std::fs::write(path("a"), "12").unwrap();
        std::fs::remove_file(path("b")).unwrap();
        std::fs::write(path("c"), "1").unwrap();
        let told: Vec<PathBuf> = differences(&before, &listing(folder.path()))
            .into_iter()
            .flat_map(|event| event.paths)
            .collect();
        assert_eq!(told, [path("b"), path("a"), path("c")]);
        assert!(differences(&before, &before).is_empty());
    }
}
