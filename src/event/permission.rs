mod ceiling;

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
    /// The folder of the suite's modules, and that of the suite which started this funcy.
    pub modules: Vec<PathBuf>,
    /// Everything is allowed (`--allow-all`).
    pub all: bool,
    /// They are [`within`](Self::within) those of the funcy that started this one.
    pub bounded: bool,
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
            modules: Vec::new(),
            all: false,
            bounded: false,
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
            modules: Vec::new(),
            all: true,
            bounded: false,
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
                Err(self.refusal(&format!("reach the host {host:?}"), "net", host))
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

    /// May this path, already free of `..` and links, be written? A folder that may be written does not include what
    /// decides what tasks are and may do: suite files, modules, and what funcy keeps. They must be named themselves.
    ///
    /// # Errors
    /// The refusal, in words.
    pub fn write(&self, path: &Path) -> Result<(), Refusal> {
        let Some(own) = self.decisive(path) else {
            return self.below(&self.write, path, "write", "write");
        };
        let named: Vec<PathBuf> = (self.write.iter())
            .filter(|folder| folder.starts_with(own))
            .cloned()
            .collect();
        self.below(&named, path, "write", "write").map_err(|_| {
            let what = format!(
                "write {}, which decides what tasks are and may do",
                path.display()
            );
            self.refusal(&what, "write", &own.display().to_string())
        })
    }

    /// The part of a path that names something of the suite itself.
    fn decisive<'p>(&self, path: &'p Path) -> Option<&'p Path> {
        path.ancestors().find(|part| {
            let name = part.file_name();
            name.is_some_and(|name| OWN.iter().any(|own| name == *own))
                || self.modules.iter().any(|folder| folder == part)
        })
    }

    /// May the environment of a program have this variable? One through which programs load code would let a program
    /// that is allowed run any other; it must be named as if it were read.
    ///
    /// # Errors
    /// The refusal, in words.
    pub fn set_env(&self, name: &str) -> Result<(), Refusal> {
        if loads_code(name) {
            let what = format!("set {name}: it makes a program load other code");
            return self.named(&self.env, name, &what, "env");
        }
        Ok(())
    }

    fn named(&self, grant: &Grant, name: &str, what: &str, flag: &str) -> Result<(), Refusal> {
        let granted =
            matches!(grant, Grant::Names(names) if names.iter().any(|allowed| allowed == name));
        if self.all || granted {
            Ok(())
        } else {
            Err(self.refusal(what, flag, name))
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
        Err(self.refusal(
            &format!("{verb} {}", path.display()),
            flag,
            &folder.display().to_string(),
        ))
    }

    fn refusal(&self, what: &str, flag: &str, value: &str) -> Refusal {
        let grant = format!(
            "allow it with --allow-{flag}={value}, or in funcy.yaml: permissions: {{ {flag}: [{value:?}] }}"
        );
        Refusal {
            message: format!("the task may not {what}"),
            hint: if self.bounded {
                format!(
                    "this funcy was started by another and may do no more than its suite: {grant}, for both"
                )
            } else {
                grant
            },
        }
    }
}

/// The file and the folder of a suite that no grant includes by the way.
const OWN: [&str; 2] = ["funcy.yaml", ".funcy"];

/// Whether programs take code, or the way to it, from a variable of this name: the loader of the system, shells,
/// interpreters, and programs that start others.
fn loads_code(name: &str) -> bool {
    const BEGINNINGS: [&str; 6] = [
        "LD_",
        "DYLD_",
        "BASH_FUNC_",
        "GIT_CONFIG",
        "GIT_SSH",
        "LUA_",
    ];
    const NAMES: [&str; 36] = [
        "BASH_ENV",
        "ENV",
        "SHELLOPTS",
        "BASHOPTS",
        "PS4",
        "PROMPT_COMMAND",
        "ZDOTDIR",
        "IFS",
        "PYTHONSTARTUP",
        "PYTHONPATH",
        "PYTHONHOME",
        "PYTHONINSPECT",
        "PYTHONBREAKPOINT",
        "PYTHONWARNINGS",
        "PERL5OPT",
        "PERL5LIB",
        "PERL5DB",
        "PERLLIB",
        "RUBYOPT",
        "RUBYLIB",
        "NODE_OPTIONS",
        "NODE_PATH",
        "JAVA_TOOL_OPTIONS",
        "_JAVA_OPTIONS",
        "JDK_JAVA_OPTIONS",
        "CLASSPATH",
        "PHPRC",
        "PHP_INI_SCAN_DIR",
        "GCONV_PATH",
        "GIT_EXEC_PATH",
        "GIT_EXTERNAL_DIFF",
        "GIT_PAGER",
        "GIT_EDITOR",
        "PAGER",
        "EDITOR",
        "VISUAL",
    ];
    BEGINNINGS.iter().any(|begin| name.starts_with(begin)) || NAMES.contains(&name)
}

impl From<Refusal> for super::Failure {
    fn from(refusal: Refusal) -> Self {
        Self::protocol(refusal.message).hint(refusal.hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writes(folders: &[&str]) -> Permissions {
        Permissions {
            write: folders.iter().map(PathBuf::from).collect(),
            modules: vec!["/s/lib".into()],
            ..Permissions::standard(Path::new("/s"))
        }
    }

    #[test]
    fn a_grant_of_a_folder_does_not_include_what_decides() {
        let granted = writes(&["/s"]);
        assert_eq!(granted.write(Path::new("/s/out/a.txt")), Ok(()));
        for own in [
            "funcy.yaml",
            "deep/funcy.yaml",
            ".funcy/journal.db",
            "lib/m.rhai",
        ] {
            let path = Path::new("/s").join(own);
            let refused = granted.write(&path).unwrap_err();
            assert!(
                refused.message.contains("decides what tasks"),
                "{refused:?}"
            );
            let own = granted
                .decisive(&path)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            assert!(refused.hint.contains(&format!("--allow-write={own}")));
            assert_eq!(writes(&["/s", &own]).write(&path), Ok(()));
        }
        // A suite below a folder of that name is its own affair.
        let below = writes(&["/home/.funcy/s"]);
        assert_eq!(below.write(Path::new("/home/.funcy/s/a.txt")), Ok(()));
    }

    #[test]
    fn the_empty_path_is_no_folder() {
        let mut granted = writes(&[""]);
        granted.read = vec![PathBuf::new()];
        assert!(granted.write(Path::new("/etc/x")).is_err());
        assert!(granted.read(Path::new("/etc/x")).is_err());
    }

    #[test]
    fn a_variable_that_loads_code_must_be_named() {
        let mut granted = Permissions::standard(Path::new("/s"));
        for name in [
            "LD_PRELOAD",
            "BASH_ENV",
            "PYTHONSTARTUP",
            "NODE_OPTIONS",
            "BASH_FUNC_ls%%",
        ] {
            assert!(granted.set_env(name).is_err(), "{name}");
        }
        assert_eq!(granted.set_env("LOG"), Ok(()));
        assert_eq!(granted.set_env("PYTHONUNBUFFERED"), Ok(()));
        granted.env = Grant::Names(vec!["PYTHONPATH".to_owned()]);
        assert_eq!(granted.set_env("PYTHONPATH"), Ok(()));
    }
}
