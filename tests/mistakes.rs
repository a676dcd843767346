//! Task files with one mistake each: `tests/mistakes/*.yaml`. The last line of each tells what must be said of
//! it, and where:
//!
//!     # mistake: LINE:COLUMN CODE words that message or hint hold

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by a panic, and prints the seed that repeats it"
)]

use funcy::client::Registry;
use funcy::definition::Diagnostic;
use funcy::engine::Loader;
use std::path::{Path, PathBuf};

#[test]
fn one_mistake_gives_one_diagnostic_at_its_place() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mistakes");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    assert!(files.len() >= 40, "only {} files", files.len());
    let loader = Loader::new(Registry::builtin());
    let wrong: Vec<String> = files
        .iter()
        .filter_map(|file| wrong(&loader, file))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What is wrong with what is said of a file.
fn wrong(loader: &Loader, file: &Path) -> Option<String> {
    let name = file.file_name()?.to_string_lossy();
    let text = std::fs::read_to_string(file).unwrap();
    let expected = text
        .lines()
        .last()
        .and_then(|line| line.strip_prefix("# mistake: "));
    let Some(expected) = expected else {
        return Some(format!("{name}: the last line is no `# mistake: …`"));
    };
    let mut parts = expected.splitn(3, ' ');
    let (place, code, words) = (
        parts.next()?,
        parts.next()?,
        parts.next().unwrap_or_default(),
    );
    let found = loader.load(&[file.to_owned()]).diagnostics;
    let [one] = &found[..] else {
        let all: Vec<String> = found.iter().map(shown).collect();
        return Some(format!(
            "{name}: {} diagnostics instead of one: {}",
            found.len(),
            all.join("; ")
        ));
    };
    let at = format!("{}:{}", one.span.start.line, one.span.start.column);
    let said = format!(
        "{} | {}",
        one.message,
        one.hint.as_deref().unwrap_or_default()
    );
    let right = at == place && (code == "-" || one.code == code) && said.contains(words);
    (!right).then(|| format!("{name}: wanted {expected}, got {}", shown(one)))
}

fn shown(one: &Diagnostic) -> String {
    let hint = one.hint.as_deref().unwrap_or_default();
    format!(
        "{}:{} {} {} | {hint}",
        one.span.start.line, one.span.start.column, one.code, one.message
    )
}
