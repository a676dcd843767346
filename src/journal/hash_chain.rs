//! Events as bytes, and the chain that shows when one was altered.

use super::attachment::{self, Attachment, Hash, hex};
use super::audit::is_head;
use crate::event::{Event, RunId};
use serde::Deserialize;
use std::borrow::Cow;

/// A mark: the first half of a line's BLAKE3.
pub(crate) const MARK: usize = 16;

/// The events of one commit, as they are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The run.
    pub run: RunId,
    /// The number of its first event.
    pub first: u64,
    /// The number of its last event.
    pub last: u64,
    /// One line of JSON for each event. Bodies over 64 KiB are attachments.
    pub lines: Vec<u8>,
    /// 16 bytes for each line: the first half of its BLAKE3, so that an altered line can be named.
    pub marks: Vec<u8>,
    /// The chain's head after it: BLAKE3 over the head before it and the marks.
    pub head: Hash,
}

/// What does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event {seq} of run {run} {what}")]
pub struct Broken {
    /// The run.
    pub run: RunId,
    /// The first event that does not fit.
    pub seq: u64,
    /// What is wrong with it.
    pub what: Fault,
}

/// What may be wrong with an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Its line is not the one that was written.
    #[error("was altered")]
    Altered,
    /// Another stands in its place.
    #[error("is missing: event {0} stands in its place")]
    Displaced(u64),
    /// Nothing stands in its place.
    #[error("is missing")]
    Missing,
    /// It stands after the last event that the run is said to have, or behind the one that ended it.
    #[error("stands after the end of the run")]
    Surplus,
    /// Lists show something else of the run than its events say.
    #[error("is the last, and what lists show of the run does not follow from its events: {0}")]
    Listed(&'static str),
    /// A run that was there before it is gone, and was not removed by `funcy runs prune`.
    #[error("follows run {0}, which is missing from the journal")]
    Forgotten(RunId),
    /// A run that was there before it does not have the head any more that it had then.
    #[error("follows run {0}, which had another head then: it was cut off or written anew")]
    Rewritten(RunId),
    /// It is no event.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// A body that belongs to it is not the one that was written.
    #[error("has lost a body, or it was altered: attachment {0}")]
    Attachment(String),
    /// Its line is right, but its commit does not follow from the one before.
    #[error("does not follow from what stands before it")]
    Unchained,
    /// The run goes on, or ends, otherwise than the head says that was kept of it.
    #[error("is where the run ends, with the head {found}, not {wanted}")]
    Head {
        /// The head that the journal's events have.
        found: String,
        /// The head that was kept.
        wanted: String,
    },
}

/// The chain of a run: every commit's head follows from the one before.
#[derive(Clone, Debug)]
pub struct HashChain {
    run: RunId,
    head: Hash,
    next: u64,
    /// Whether it has seen the event that ends the run.
    ended: bool,
}

impl HashChain {
    /// The chain of a run that has no events yet. Its first head follows from the run's name, so that the
    /// events of one run are not taken for another's.
    #[must_use]
    pub fn new(run: RunId) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"funcy journal 1\n").update(run.as_bytes());
        let head = *hasher.finalize().as_bytes();
        Self {
            run,
            head,
            next: 1,
            ended: false,
        }
    }

    /// The chain of a run behind these of its events.
    #[must_use]
    pub(super) fn behind(run: RunId, events: u64, head: Hash) -> Self {
        Self {
            run,
            head,
            next: events + 1,
            ended: false,
        }
    }

    /// The head as it is written in reports.
    #[must_use]
    pub fn head(&self) -> String {
        hex(&self.head)
    }

    /// The number that the next event has.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Turns events, which must follow those before, into a commit.
    ///
    /// # Errors
    /// When an event cannot be written as JSON.
    pub fn seal(
        &mut self,
        events: &[Event],
        attachments: &mut Vec<Attachment>,
    ) -> serde_json::Result<Sealed> {
        self.seal_written(&[], events, attachments)
    }

    /// The same where the first of these events are written already, as `intent_log::lines` does.
    pub(super) fn seal_written(
        &mut self,
        written: &[u8],
        events: &[Event],
        attachments: &mut Vec<Attachment>,
    ) -> serde_json::Result<Sealed> {
        let mut written = split(written);
        let mut lines = Vec::with_capacity(events.len() * 256);
        let mut marks = Vec::with_capacity(events.len() * MARK);
        for event in events {
            let start = lines.len();
            attachment::write(event, written.next(), &mut lines, attachments)?;
            marks.extend_from_slice(&mark(&lines[start..]));
            lines.push(b'\n');
        }
        let first = self.next;
        self.next += events.len() as u64;
        self.head = follow(&self.head, &marks);
        Ok(Sealed {
            run: RunId::clone(&self.run),
            first,
            last: self.next - 1,
            lines,
            marks,
            head: self.head,
        })
    }

    /// Whether a commit is what was written, and follows from those before.
    ///
    /// # Errors
    /// The first event that does not fit.
    pub fn check(&mut self, sealed: &Sealed) -> Result<(), Broken> {
        let lines: Vec<&[u8]> = split(&sealed.lines).collect();
        for (index, line) in lines.iter().enumerate() {
            let seq = self.next + index as u64;
            if self.ended {
                return Err(self.broken(seq, Fault::Surplus));
            }
            match numbered(line) {
                Err(error) => return Err(self.broken(seq, Fault::Unreadable(error.to_string()))),
                Ok(found) if found.seq != seq => {
                    return Err(self.broken(seq, Fault::Displaced(found.seq)));
                }
                Ok(found) => self.ended = found.kind == "run_finished",
            }
            let wanted = sealed.marks.get(index * MARK..(index + 1) * MARK);
            if wanted != Some(&mark(line)[..]) {
                return Err(self.broken(seq, Fault::Altered));
            }
        }
        let end = self.next + lines.len() as u64;
        if sealed.marks.len() > lines.len() * MARK || sealed.last >= end {
            return Err(self.broken(end, Fault::Missing));
        }
        let head = follow(&self.head, &sealed.marks);
        if head != sealed.head || (sealed.first, sealed.last) != (self.next, end - 1) {
            return Err(self.broken(self.next, Fault::Unchained));
        }
        self.head = head;
        self.next = end;
        Ok(())
    }

    /// Whether the run ends with this head, which was kept when it was written.
    ///
    /// # Errors
    /// When it does not: something was cut off, or everything was written anew.
    pub fn check_head(&self, wanted: &str) -> Result<(), Broken> {
        let found = self.head();
        if is_head(wanted, &found) {
            return Ok(());
        }
        let wanted = wanted.to_owned();
        Err(self.broken(self.next - 1, Fault::Head { found, wanted }))
    }

    fn broken(&self, seq: u64, what: Fault) -> Broken {
        let run = RunId::clone(&self.run);
        Broken { run, seq, what }
    }
}

/// The lines of a commit, without their ends.
pub(crate) fn split(lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    lines
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\n").unwrap_or(line))
}

fn mark(line: &[u8]) -> [u8; MARK] {
    let mut mark = [0; MARK];
    mark.copy_from_slice(&blake3::hash(line).as_bytes()[..MARK]);
    mark
}

fn follow(head: &Hash, marks: &[u8]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(head).update(marks);
    *hasher.finalize().as_bytes()
}

/// The number of a line's event, and its kind.
#[derive(Deserialize)]
struct Numbered<'l> {
    seq: u64,
    #[serde(borrow)]
    kind: Cow<'l, str>,
}

fn numbered(line: &[u8]) -> serde_json::Result<Numbered<'_>> {
    #[derive(Deserialize)]
    struct Attached<'l> {
        #[serde(borrow)]
        event: Numbered<'l>,
    }
    if attachment::has_any(line) {
        return serde_json::from_slice::<Attached<'_>>(line).map(|line| line.event);
    }
    serde_json::from_slice(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Fact;

    fn events(count: u64) -> Vec<Event> {
        let event = |seq| Event {
            run: "R".into(),
            seq,
            at: 1_700_000_000_000_000 + seq as i64,
            execution: Some(1),
            frame: crate::event::ROOT,
            fact: Fact::StateEntered {
                state: "here".into(),
                visit: seq as u32,
            },
        };
        (1..=count).map(event).collect()
    }

    fn commits() -> Vec<Sealed> {
        let mut chain = HashChain::new("R".into());
        let events = events(9);
        let mut attachments = Vec::new();
        events
            .chunks(3)
            .map(|events| chain.seal(events, &mut attachments).unwrap())
            .collect()
    }

    fn first_fault(commits: &[Sealed]) -> Option<(u64, Fault)> {
        let mut chain = HashChain::new("R".into());
        commits
            .iter()
            .find_map(|commit| chain.check(commit).err())
            .map(|broken| (broken.seq, broken.what))
    }

    fn with_lines(commit: &Sealed, change: impl Fn(&mut Vec<Vec<u8>>)) -> Sealed {
        let mut lines: Vec<Vec<u8>> = split(&commit.lines).map(<[u8]>::to_vec).collect();
        change(&mut lines);
        let lines = lines.join(&b'\n');
        Sealed {
            lines: [&lines[..], b"\n"].concat(),
            ..commit.clone()
        }
    }

    #[test]
    fn what_was_written_holds() {
        assert_eq!(first_fault(&commits()), None);
    }

    #[test]
    fn an_edited_event_is_named() {
        let mut commits = commits();
        commits[1] = with_lines(&commits[1], |lines| {
            let text = String::from_utf8(lines[1].clone()).unwrap();
            lines[1] = text.replace("here", "hare").into_bytes();
        });
        assert_eq!(first_fault(&commits), Some((5, Fault::Altered)));
    }

    #[test]
    fn a_removed_event_is_named_even_if_its_mark_went_too() {
        let mut commits = commits();
        commits[1] = with_lines(&commits[1], |lines| drop(lines.remove(1)));
        commits[1].marks.drain(MARK..2 * MARK);
        assert_eq!(first_fault(&commits), Some((5, Fault::Displaced(6))));
    }

    #[test]
    fn swapped_events_and_commits_are_named() {
        let mut swapped = commits();
        swapped[2] = with_lines(&swapped[2], |lines| lines.swap(0, 2));
        assert_eq!(first_fault(&swapped), Some((7, Fault::Displaced(9))));
        let mut swapped = commits();
        swapped.swap(1, 2);
        assert_eq!(first_fault(&swapped), Some((4, Fault::Displaced(7))));
    }

    #[test]
    fn a_line_with_its_own_mark_does_not_fit_the_chain() {
        let mut commits = commits();
        commits[1] = with_lines(&commits[1], |lines| {
            let text = String::from_utf8(lines[0].clone()).unwrap();
            lines[0] = text.replace("here", "hare").into_bytes();
        });
        let line = split(&commits[1].lines).next().unwrap().to_vec();
        commits[1].marks[..MARK].copy_from_slice(&mark(&line));
        assert_eq!(first_fault(&commits), Some((4, Fault::Unchained)));
    }

    #[test]
    fn a_cut_is_found_against_the_head_that_was_kept() {
        let all = commits();
        let mut chain = HashChain::new("R".into());
        for commit in &all {
            chain.check(commit).unwrap();
        }
        let kept = chain.head();
        assert_eq!(chain.check_head(&kept[..12]), Ok(()));
        let mut cut = HashChain::new("R".into());
        for commit in &all[..2] {
            cut.check(commit).unwrap();
        }
        let broken = cut.check_head(&kept).unwrap_err();
        assert_eq!(broken.seq, 6);
        assert!(matches!(broken.what, Fault::Head { .. }));
    }

    #[test]
    fn a_chain_is_its_runs_own() {
        let mut other = HashChain::new("S".into());
        assert!(other.check(&commits()[0]).is_err());
    }
}
