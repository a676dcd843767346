use std::process::ExitCode;

/// How the program ends, as a shell sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// All passed.
    Passed,
    /// A task failed or timed out.
    Failed,
    /// The command line or a definition is wrong.
    Usage,
    /// A client, the engine or the environment broke.
    Error,
    /// Nothing was selected.
    Nothing,
    /// Stopped by a signal.
    Interrupted,
}

impl Exit {
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Error => 3,
            Self::Nothing => 4,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
