//! Runs as lines of JSON with all that proves them: to be kept elsewhere, and checked there.
//!
//! An archive of the whole journal ends with a line `{"journal":1,"runs":…,"removed":[…],"seal":…}`, so that it can be told
//! whether runs of it are missing. A run begins with a line `{"archive":1,"run":…,"events":…,"head":…}`; each of its commits follows as
//! `{"commit":…}` with its marks and its head, then the commit's own lines. Bodies that stand beside their
//! events come before the first commit that names them, as `{"attachment":…,"body":…}`.

use super::attachment::hex;
use super::audit::{Named, is_head, misfits};
use super::hash_chain::split;
use super::{Broken, Fault, Hash, HashChain, History, JournalError, RunRow, Sealed, attachment};
use crate::event::RunId;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::io::{BufRead, Write};
use std::ops::ControlFlow;

#[derive(Serialize, Deserialize)]
struct Opening {
    archive: u32,
    run: RunId,
    events: u64,
    head: String,
}

#[derive(Serialize, Deserialize)]
struct Group {
    commit: u64,
    last: u64,
    marks: String,
    head: String,
}

#[derive(Serialize, Deserialize)]
struct Body {
    attachment: String,
    body: String,
}

/// The last line of an archive of the whole journal.
#[derive(Serialize, Deserialize)]
struct Closing {
    journal: u32,
    /// How many runs stand before it.
    runs: usize,
    /// Those that were removed from the journal, with their heads.
    removed: Vec<(RunId, String)>,
    /// BLAKE3 over the runs and those that were removed, each with its head, in this order.
    seal: String,
}

/// The version of archives that this program writes and reads.
const VERSION: u32 = 1;
/// A line may hold a body of 16 MiB, twice quoted.
const MAX_LINE: u64 = 64 << 20;

/// Writes a run.
///
/// # Errors
/// When it cannot be read or written.
pub fn write(history: &History, row: &RunRow, out: &mut dyn Write) -> Result<(), JournalError> {
    let head = Opening {
        archive: VERSION,
        run: RunId::clone(&row.id),
        events: row.events,
        head: row.head.clone(),
    };
    line(out, &head)?;
    let mut written = HashSet::new();
    let mut result = Ok(());
    history.store().commits(&row.id, 0, &mut |sealed| {
        if row.outcome.is_none() && sealed.first > row.events {
            // A run that is under way has gone on since its row was read.
            return ControlFlow::Break(());
        }
        result = write_commit(history, &sealed, &mut written, out);
        match result {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    })?;
    result
}

/// Ends an archive of the whole journal, behind these runs in this order, each with its head: from now on none of them can
/// be missing unseen.
///
/// # Errors
/// When the journal cannot be read, or the archive not be written.
pub fn close(
    history: &History,
    written: &[(RunId, String)],
    out: &mut dyn Write,
) -> Result<(), JournalError> {
    let removed = history.store().census()?.removed;
    let closing = Closing {
        journal: VERSION,
        runs: written.len(),
        seal: seal(written, &removed),
        removed,
    };
    line(out, &closing)
}

fn seal(written: &[(RunId, String)], removed: &[(RunId, String)]) -> String {
    let mut hasher = blake3::Hasher::new();
    for (run, head) in written.iter().chain(removed) {
        hasher.update(format!("{run} {head}\n").as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

fn write_commit(
    history: &History,
    sealed: &Sealed,
    written: &mut HashSet<Hash>,
    out: &mut dyn Write,
) -> Result<(), JournalError> {
    for hash in split(&sealed.lines).flat_map(attachment::named) {
        if written.insert(hash)
            && let Some(body) = history.store().attachment(&hash)?
        {
            let body = String::from_utf8_lossy(&body).into_owned();
            let attachment = hex(&hash);
            line(out, &Body { attachment, body })?;
        }
    }
    let commit = Group {
        commit: sealed.first,
        last: sealed.last,
        marks: to_hex(&sealed.marks),
        head: hex(&sealed.head),
    };
    line(out, &commit)?;
    out.write_all(&sealed.lines)?;
    Ok(())
}

fn line(out: &mut dyn Write, value: &impl Serialize) -> Result<(), JournalError> {
    let mut text = serde_json::to_vec(value).map_err(std::io::Error::from)?;
    text.push(b'\n');
    out.write_all(&text)?;
    Ok(())
}

/// What an archive holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// How many runs.
    pub runs: usize,
    /// How many events of them are what was written.
    pub events: u64,
    /// The first event of each run that does not fit, and the runs that are not as a later one says.
    pub broken: Vec<Broken>,
    /// Whether it is of the whole journal. If not, runs that ended before those in it are not asked for.
    pub is_whole: bool,
    /// How many runs it says were removed from the journal.
    pub removed: usize,
    /// The run with the head that was kept.
    pub kept: Option<RunId>,
    /// Each run with its head, in the order of the archive.
    runs_and_heads: Vec<(RunId, String)>,
    named: Vec<Named>,
}

/// Checks an archive, by nothing but itself: each run, and the runs against each other. `kept`: a head, or the beginning
/// of one, that was kept elsewhere; the run that has it is [`Checked::kept`].
///
/// # Errors
/// When it cannot be read, or is no archive.
pub fn verify(mut archive: impl BufRead, kept: Option<&str>) -> Result<Checked, JournalError> {
    let mut closing: Option<Closing> = None;
    let mut checked = Checked::default();
    let mut run: Option<ArchivedRun> = None;
    let mut number = 0u64;
    let mut text = Vec::new();
    loop {
        text.clear();
        number += 1;
        let mut limited = std::io::Read::take(&mut archive, MAX_LINE);
        if limited.read_until(b'\n', &mut text)? == 0 {
            break;
        }
        if closing.is_some() {
            return Err(no_archive(number, "something stands behind its end"));
        }
        if text.starts_with(br#"{"journal":"#) {
            closing = Some(parse(&text, number)?);
            continue;
        }
        if text.starts_with(br#"{"archive":"#) {
            checked.end(run.take());
            let head: Opening = parse(&text, number)?;
            if head.archive != VERSION {
                let why = format!(
                    "its version is {}, this funcy knows {VERSION}",
                    head.archive
                );
                return Err(no_archive(number, &why));
            }
            run = Some(ArchivedRun::new(head));
            continue;
        }
        let Some(run) = &mut run else {
            return Err(no_archive(number, "it does not begin with a run"));
        };
        if text.starts_with(br#"{"commit":"#) {
            run.close();
            run.open = Some(opened(&run.head.run, &parse(&text, number)?, number)?);
        } else if text.starts_with(br#"{"attachment":"#) {
            let Body { attachment, body } = parse(&text, number)?;
            if blake3::hash(body.as_bytes()).to_hex().as_str() == attachment {
                run.bodies.insert(attachment);
            }
        } else if let Some(open) = &mut run.open {
            open.lines.extend_from_slice(&text);
        } else {
            return Err(no_archive(number, "an event stands before its commit"));
        }
    }
    checked.end(run);
    checked.compare(closing)?;
    if let Some(kept) = kept {
        let found = (checked.runs_and_heads.iter()).find(|(_, head)| is_head(kept, head));
        checked.kept = found.map(|(run, _)| RunId::clone(run));
    }
    Ok(checked)
}

/// A run while it is checked.
struct ArchivedRun {
    head: Opening,
    chain: HashChain,
    open: Option<Sealed>,
    bodies: HashSet<String>,
    broken: Option<Broken>,
    /// The runs that its first event names.
    named: Vec<Named>,
}

impl ArchivedRun {
    fn new(head: Opening) -> Self {
        Self {
            chain: HashChain::new(RunId::clone(&head.run)),
            head,
            open: None,
            bodies: HashSet::new(),
            broken: None,
            named: Vec::new(),
        }
    }

    /// All lines of the open commit are there.
    fn close(&mut self) {
        let Some(sealed) = self.open.take() else {
            return;
        };
        if self.broken.is_some() {
            return;
        }
        let lost = split(&sealed.lines).enumerate().find_map(|(index, line)| {
            let mut names = attachment::named(line).into_iter().map(|hash| hex(&hash));
            let lost = names.find(|name| !self.bodies.contains(name))?;
            Some((sealed.first + index as u64, Fault::Attachment(lost)))
        });
        let first = split(&sealed.lines).next().filter(|_| sealed.first == 1);
        let first = first.and_then(|line| attachment::read(line, |_| None).ok());
        self.named.extend(first.iter().flat_map(Named::in_event));
        let checked = self.chain.check(&sealed);
        self.broken = checked.err().or_else(|| {
            let (seq, what) = lost?;
            let run = RunId::clone(&self.head.run);
            Some(Broken { run, seq, what })
        });
    }
}

impl Checked {
    fn end(&mut self, run: Option<ArchivedRun>) {
        let Some(mut run) = run else { return };
        run.close();
        self.runs += 1;
        self.events += run.chain.next() - 1;
        self.named.append(&mut run.named);
        let head = (RunId::clone(&run.head.run), run.head.head.clone());
        self.runs_and_heads.push(head);
        let broken = run.broken.or_else(|| {
            if run.chain.next() <= run.head.events {
                return Some(Broken {
                    run: RunId::clone(&run.head.run),
                    seq: run.chain.next(),
                    what: Fault::Missing,
                });
            }
            if run.chain.next() > run.head.events + 1 {
                return Some(Broken {
                    run: RunId::clone(&run.head.run),
                    seq: run.head.events + 1,
                    what: Fault::Surplus,
                });
            }
            // As long as it was written: a part of it would do for people.
            let written =
                run.head.head.len() == run.chain.head().len() && from_hex(&run.head.head).is_some();
            let kept = if written { &*run.head.head } else { "" };
            run.chain.check_head(kept).err()
        });
        self.broken.extend(broken);
    }

    /// Compares the runs with what later ones say of them, and with how the archive was closed.
    fn compare(&mut self, closing: Option<Closing>) -> Result<(), JournalError> {
        let mut removed = Vec::new();
        if let Some(closing) = closing {
            let why = if closing.journal != VERSION {
                Some(format!(
                    "its version is {}, this funcy knows {VERSION}",
                    closing.journal
                ))
            } else if closing.runs != self.runs {
                Some(format!(
                    "it had {} runs, and {} are here",
                    closing.runs, self.runs
                ))
            } else if closing.seal != seal(&self.runs_and_heads, &closing.removed) {
                Some("its runs are not those that it was closed with".to_owned())
            } else {
                None
            };
            if let Some(why) = why {
                return Err(JournalError::Store(format!(
                    "the archive was altered: {why}"
                )));
            }
            self.is_whole = true;
            removed = closing.removed;
        }
        self.removed = removed.len();
        let heads = self.runs_and_heads.iter().chain(&removed);
        let heads = heads
            .map(|(run, head)| (RunId::clone(run), head.clone()))
            .collect();
        for broken in misfits(std::mem::take(&mut self.named), &heads) {
            // One run by itself, or some of them, say nothing of those that are not there.
            if self.is_whole || !matches!(broken.what, Fault::Forgotten(_)) {
                self.broken.push(broken);
            }
        }
        Ok(())
    }
}

fn opened(run: &RunId, commit: &Group, number: u64) -> Result<Sealed, JournalError> {
    let head = from_hex(&commit.head).and_then(|head| Hash::try_from(head).ok());
    let marks = from_hex(&commit.marks);
    let (Some(head), Some(marks)) = (head, marks) else {
        return Err(no_archive(number, "its commit has no head or marks"));
    };
    Ok(Sealed {
        run: RunId::clone(run),
        first: commit.commit,
        last: commit.last,
        lines: Vec::new(),
        marks,
        head,
    })
}

fn parse<'t, T: Deserialize<'t>>(text: &'t [u8], number: u64) -> Result<T, JournalError> {
    serde_json::from_slice(text).map_err(|error| no_archive(number, &error.to_string()))
}

fn no_archive(line: u64, why: &str) -> JournalError {
    JournalError::Store(format!("this is no archive of funcy's: line {line}: {why}"))
}

fn to_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Only as [`to_hex`] writes it: what is edited is not what was written, though it may mean the same.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    if text
        .bytes()
        .any(|byte| byte.is_ascii_uppercase() || byte == b'+')
    {
        return None;
    }
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}
