use std::path::{Path, PathBuf};

/// What a task may do to the machine it runs on. Granted by the suite file's `permissions:` and widened
/// by `--allow-…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permissions {
    /// Hosts that may be reached, or `None` for any.
    pub net: Option<Vec<String>>,
    /// Programs that may be started.
    pub exec: Grant,
    /// Environment variables that may be read.
    pub env: Grant,
    /// Folders that may be read.
    pub read: Vec<PathBuf>,
    /// Folders that may be written.
    pub write: Vec<PathBuf>,
    /// Everything is allowed (`--allow-all`).
    pub all: bool,
}

/// A list of names, or all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Grant {
    /// These.
    Names(Vec<String>),
    /// None, with no list written.
    #[default]
    None,
}

/// A thing that was not allowed, with the flag that would allow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What was refused, one sentence.
    pub message: String,
    /// How to allow it.
    pub hint: String,
}

impl Permissions {
    /// What holds without a `permissions:` entry: the network, and reading below the suite's folder.
    #[must_use]
    pub fn standard(folder: &Path) -> Self {
        Self {
            net: None,
            exec: Grant::None,
            env: Grant::None,
            read: vec![folder.to_owned()],
            write: Vec::new(),
            all: false,
        }
    }

    /// Everything.
    #[must_use]
    pub fn everything() -> Self {
        Self {
            net: None,
            exec: Grant::None,
            env: Grant::None,
            read: Vec::new(),
            write: Vec::new(),
            all: true,
        }
    }

    /// May this host (a name or an address, no port) be reached?
    ///
    /// # Errors
    /// The refusal, in words.
    pub fn net(&self, host: &str) -> Result<(), Refusal> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        match &self.net {
            Some(hosts)
                if !self.all
                    && !hosts
                        .iter()
                        .any(|allowed| allowed.eq_ignore_ascii_case(host)) =>
            {
                Err(refusal(&format!("reach the host {host:?}"), "net", host))
            }
            _ => Ok(()),
        }
    }

    /// May this program be started?
    ///
    /// # Errors
    /// The refusal, in words.
    pub fn exec(&self, program: &str) -> Result<(), Refusal> {
        self.named(
            &self.exec,
            program,
            &format!("start the program {program:?}"),
            "exec",
        )
    }

    /// May this environment variable be read?
    ///
    /// # Errors
    /// The refusal, in words.
    pub fn env(&self, name: &str) -> Result<(), Refusal> {
        self.named(
            &self.env,
            name,
            &format!("read the environment variable {name:?}"),
            "env",
        )
    }

    /// May this path, already free of `..` and links, be read?
    ///
    /// # Errors
    /// The refusal, in words.
    pub fn read(&self, path: &Path) -> Result<(), Refusal> {
        self.below(&self.read, path, "read", "read")
    }

    /// May this path, already free of `..` and links, be written?
    ///
    /// # Errors
    /// The refusal, in words.
    pub fn write(&self, path: &Path) -> Result<(), Refusal> {
        self.below(&self.write, path, "write", "write")
    }

    fn named(&self, grant: &Grant, name: &str, what: &str, flag: &str) -> Result<(), Refusal> {
        let granted =
            matches!(grant, Grant::Names(names) if names.iter().any(|allowed| allowed == name));
        if self.all || granted {
            Ok(())
        } else {
            Err(refusal(what, flag, name))
        }
    }

    fn below(
        &self,
        folders: &[PathBuf],
        path: &Path,
        verb: &str,
        flag: &str,
    ) -> Result<(), Refusal> {
        // Every path begins with the empty one, which names no folder.
        let holds = |folder: &PathBuf| folder.has_root() && path.starts_with(folder);
        if self.all || folders.iter().any(holds) {
            return Ok(());
        }
        let folder = path.parent().unwrap_or(path);
        Err(refusal(
            &format!("{verb} {}", path.display()),
            flag,
            &folder.display().to_string(),
        ))
    }
}

fn refusal(what: &str, flag: &str, value: &str) -> Refusal {
    Refusal {
        message: format!("the task may not {what}"),
        hint: format!(
            "allow it with --allow-{flag}={value}, or in funcy.yaml: permissions: {{ {flag}: [{value:?}] }}"
        ),
    }
}

impl From<Refusal> for super::Failure {
    fn from(refusal: Refusal) -> Self {
        Self::protocol(refusal.message).hint(refusal.hint)
    }
}
