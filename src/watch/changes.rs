//! From what the file system tells to the paths that are looked at: events are folded, and acted on as soon as
//! a file is whole.

use notify::event::{AccessKind, AccessMode, EventKind, Flag, ModifyKind, RenameMode};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Without a sign that a file is whole, this much silence is one.
const QUIET: Duration = Duration::from_millis(20);
/// Changes that never pause are acted on after this long.
const BOUND: Duration = Duration::from_millis(250);
/// More paths than this are not looked at one by one: everything is read again.
const MAX_PATHS: usize = 4096;

/// Changes that wait to be acted on. The time comes from outside.
#[derive(Debug, Default)]
pub(super) struct Changes {
    batch: Batch,
    /// When to act.
    due: Option<Instant>,
    /// When the first of them came.
    began: Option<Instant>,
    /// When the last event came that was handed out, or has come since: the end of a burst.
    burst: Option<Instant>,
}

/// What to look at.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    /// Paths that something has happened to; some may be gone.
    pub(super) paths: BTreeSet<PathBuf>,
    /// Those of them that were removed or moved away, whatever lies there now: a watch on one has gone with it.
    pub(super) removed: BTreeSet<PathBuf>,
    /// Events were lost: everything may have changed.
    pub(super) rescan: bool,
}

/// What an event says of its paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// Nothing has changed: somebody reads.
    Nothing,
    /// They are as they will be: closed after writing, or moved here.
    Whole,
    /// More may follow.
    Partial,
    /// The system has lost events.
    Lost,
}

/// The paths of an event that were removed or moved away.
fn removed(event: &notify::Event) -> &[PathBuf] {
    match event.kind {
        EventKind::Remove(_)
        | EventKind::Modify(ModifyKind::Name(RenameMode::From | RenameMode::Any)) => &event.paths,
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => {
            event.paths.get(..1).unwrap_or_default()
        }
        _ => &[],
    }
}

/// What an event means.
pub(super) fn sign(event: &notify::Event) -> Sign {
    if event.attrs.flag() == Some(Flag::Rescan) {
        return Sign::Lost;
    }
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write))
        | EventKind::Modify(ModifyKind::Name(RenameMode::To | RenameMode::Both)) => Sign::Whole,
        EventKind::Access(_) => Sign::Nothing,
        _ => Sign::Partial,
    }
}

impl Changes {
    /// Takes an event in.
    pub(super) fn add(&mut self, event: notify::Event, now: Instant) {
        let sign = sign(&event);
        match sign {
            Sign::Nothing => return,
            Sign::Lost => self.batch.rescan = true,
            Sign::Whole | Sign::Partial => {
                self.batch.removed.extend(removed(&event).iter().cloned());
                self.batch.paths.extend(event.paths);
            }
        }
        if self.batch.paths.len() > MAX_PATHS {
            self.batch.paths.clear();
            self.batch.removed.clear();
            self.batch.rescan = true;
        }
        let began = *self.began.get_or_insert(now);
        // The first file of many is acted on at once, as the only one would be; the others are gathered.
        let in_burst = self
            .burst
            .is_some_and(|last| now.saturating_duration_since(last) < QUIET);
        self.burst = self.burst.filter(|_| in_burst).map(|_| now);
        if sign == Sign::Whole && !in_burst {
            self.due = Some(now);
        } else if self.due.is_none_or(|due| due > now) {
            self.due = Some((now + QUIET).min(began + BOUND));
        }
    }

    /// Events were lost on the way.
    pub(super) fn lost(&mut self, now: Instant) {
        self.add(
            notify::Event::new(EventKind::Other).set_flag(Flag::Rescan),
            now,
        );
    }

    /// When to ask again.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// What is to be acted on now.
    pub(super) fn take(&mut self, now: Instant) -> Option<Batch> {
        if self.due.is_none_or(|due| due > now) {
            return None;
        }
        self.due = None;
        self.began = None;
        self.burst = Some(now);
        Some(std::mem::take(&mut self.batch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::{CreateKind, DataChange, RemoveKind};

    const WRITTEN: EventKind = EventKind::Access(AccessKind::Close(AccessMode::Write));
    const MODIFIED: EventKind = EventKind::Modify(ModifyKind::Data(DataChange::Any));
    const MOVED: EventKind = EventKind::Modify(ModifyKind::Name(RenameMode::To));
    const AWAY: EventKind = EventKind::Modify(ModifyKind::Name(RenameMode::From));

    struct Told {
        changes: Changes,
        start: Instant,
    }

    impl Told {
        fn new() -> Self {
            Self {
                changes: Changes::default(),
                start: Instant::now(),
            }
        }

        fn event(&mut self, millis: u64, kind: EventKind, path: &str) {
            let event = notify::Event::new(kind).add_path(path.into());
            self.changes.add(event, self.at(millis));
        }

        fn at(&self, millis: u64) -> Instant {
            self.start + Duration::from_millis(millis)
        }

        fn taken(&mut self, millis: u64) -> Option<Vec<String>> {
            let batch = self.changes.take(self.at(millis))?;
            assert!(!batch.rescan);
            Some(
                batch
                    .paths
                    .iter()
                    .map(|path| path.display().to_string())
                    .collect(),
            )
        }
    }

    #[test]
    fn a_closed_or_renamed_file_is_acted_on_at_once() {
        for whole in [WRITTEN, MOVED] {
            let mut told = Told::new();
            told.event(0, MODIFIED, "a");
            assert_eq!(told.taken(1), None);
            told.event(2, whole, "a");
            assert_eq!(told.taken(2), Some(vec!["a".to_owned()]));
            assert_eq!(told.changes.due(), None);
        }
    }

    #[test]
    fn an_editor_that_renames_away_and_writes_anew_is_one_change() {
        let mut told = Told::new();
        told.event(0, AWAY, "a");
        told.event(1, EventKind::Create(CreateKind::File), "a");
        told.event(2, MODIFIED, "a");
        assert_eq!(told.taken(3), None);
        told.event(4, WRITTEN, "a");
        assert_eq!(told.taken(4), Some(vec!["a".to_owned()]));
    }

    #[test]
    fn what_has_no_end_is_acted_on_when_it_is_quiet() {
        let mut told = Told::new();
        told.event(0, EventKind::Remove(RemoveKind::File), "a");
        told.event(15, MODIFIED, "b");
        assert_eq!(told.taken(20), None);
        assert_eq!(told.taken(35), Some(vec!["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn many_files_are_gathered_behind_the_first_but_not_for_ever() {
        let mut told = Told::new();
        told.event(0, WRITTEN, "0");
        assert!(told.taken(0).is_some());
        let mut batches = Vec::new();
        for millis in 1..=600 {
            told.event(millis, WRITTEN, &millis.to_string());
            batches.extend(told.taken(millis).map(|paths| paths.len()));
        }
        batches.extend(told.taken(700).map(|paths| paths.len()));
        assert_eq!(batches.iter().sum::<usize>(), 600);
        assert_eq!(batches.len(), 3, "{batches:?}");
    }

    #[test]
    fn what_was_removed_is_known_though_something_lies_there_again() {
        let mut told = Told::new();
        told.event(0, EventKind::Remove(RemoveKind::Folder), "a");
        told.event(1, EventKind::Create(CreateKind::Folder), "a");
        told.event(2, AWAY, "b");
        told.event(3, MODIFIED, "c");
        let batch = told.changes.take(told.at(30)).unwrap();
        assert_eq!(batch.removed, ["a".into(), "b".into()].into());
        assert_eq!(batch.paths.len(), 3);
    }

    #[test]
    fn reading_is_no_change() {
        let mut told = Told::new();
        told.event(0, EventKind::Access(AccessKind::Open(AccessMode::Any)), "a");
        told.event(
            0,
            EventKind::Access(AccessKind::Close(AccessMode::Read)),
            "a",
        );
        assert_eq!(told.changes.due(), None);
    }

    #[test]
    fn lost_events_and_too_many_paths_mean_everything() {
        let mut told = Told::new();
        told.changes.lost(told.at(0));
        assert!(told.changes.take(told.at(30)).unwrap().rescan);
        for number in 0..=MAX_PATHS {
            told.event(100, MODIFIED, &number.to_string());
        }
        let batch = told.changes.take(told.at(400)).unwrap();
        assert!(batch.rescan && batch.paths.len() < 2);
    }
}
