//! Where the journal is, the same for every command that writes or reads it.

use super::bounds;
use super::exit::Exit;
use super::output;
use crate::engine::Run;
use crate::journal::{Durability, History, Journal, JournalError};
use std::path::{Path, PathBuf};

/// Where it is if nobody says otherwise.
const DEFAULT: &str = ".funcy/journal.db";

/// For commands that write it.
#[derive(Debug, clap::Args)]
pub(super) struct Keep {
    /// Where to keep what happens; `none`: nowhere
    #[arg(long, value_name = "FILE", default_value = DEFAULT, help_heading = "Journal")]
    journal: PathBuf,
    /// What the journal survives: the end of the process, or a loss of power too (slower)
    #[arg(
        long,
        value_name = "WHAT",
        default_value = "normal",
        help_heading = "Journal"
    )]
    durability: Survives,
}

/// For commands that read it.
#[derive(Debug, clap::Args)]
pub(super) struct Kept {
    /// The journal to read
    #[arg(long, value_name = "FILE", default_value = DEFAULT, help_heading = "Journal")]
    journal: PathBuf,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Survives {
    Normal,
    Full,
}

impl Keep {
    /// Whether it is kept at all. The journal that nobody has asked for is not, where another funcy has started this one and
    /// its suite does not let it: what that one has recorded lies there.
    pub(super) fn is_kept(&self) -> bool {
        self.journal != Path::new("none") && !self.is_left_out()
    }

    fn is_left_out(&self) -> bool {
        self.journal == Path::new(DEFAULT) && bounds::may_write(&self.journal).is_err()
    }

    /// A journal that was asked for and may not be written ends the program before anything is run.
    pub(super) fn check(&self) -> Result<(), Exit> {
        if !self.is_kept() {
            return Ok(());
        }
        bounds::may_write(&self.journal).map_err(|error| refused(&self.journal, &error))
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.journal
    }

    /// What was recorded before. `None`: it is not kept.
    pub(super) fn history(&self) -> Option<Result<History, JournalError>> {
        self.is_kept().then(|| History::open(&self.journal))
    }

    /// What the end of a run says about it.
    pub(super) fn notes(&self) -> Vec<String> {
        if self.is_kept() {
            return Vec::new();
        }
        if self.is_left_out() {
            let note = "no journal was kept: this funcy was started by another, whose suite does not let it write .funcy";
            return vec![note.to_owned()];
        }
        vec!["no journal was kept".to_owned()]
    }

    /// The run, to be written down as it goes.
    pub(super) fn recorded(&self, run: Run) -> Result<Run, JournalError> {
        match self.journal()? {
            Some(journal) => {
                let recorder = journal.recorder(run.id())?;
                Ok(run.recorded(recorder))
            }
            None => Ok(run),
        }
    }

    /// The journal, to be written. `None`: it is not kept.
    pub(super) fn journal(&self) -> Result<Option<Journal>, JournalError> {
        if !self.is_kept() {
            return Ok(None);
        }
        let durability = match self.durability {
            Survives::Normal => Durability::Normal,
            Survives::Full => Durability::Full,
        };
        Journal::open(&self.journal, durability).map(Some)
    }
}

impl Kept {
    /// What was recorded.
    pub(super) fn open(&self) -> Result<History, Exit> {
        bounds::may_read(&self.journal).map_err(|error| refused(&self.journal, &error))?;
        History::open(&self.journal).map_err(|error| failed(&error))
    }

    /// The same, to remove what was recorded.
    pub(super) fn open_to_change(&self) -> Result<History, Exit> {
        bounds::may_write(&self.journal).map_err(|error| refused(&self.journal, &error))?;
        self.open()
    }
}

fn refused(path: &Path, error: &std::io::Error) -> Exit {
    output::error(&format!("the journal {}: {error}", path.display()), None);
    Exit::Error
}

/// Says why the journal cannot be read or written. What was asked for wrongly is the asker's mistake, all else
/// the environment's.
pub(super) fn failed(error: &JournalError) -> Exit {
    output::error(&error.to_string(), error.hint().as_deref());
    match error {
        JournalError::Unknown { .. } | JournalError::Absent { .. } => Exit::Usage,
        JournalError::Broken(_) => Exit::Failed,
        _ => Exit::Error,
    }
}
