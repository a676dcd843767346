//! The command that opens an editor at a line.

use crate::event::Pos;
use std::path::Path;
use std::process::Command;

/// Opens this file at this place, with what `VISUAL` or `EDITOR` names; `vi` where neither does.
pub(super) fn command(file: &str, at: Pos, env: impl Fn(&str) -> Option<String>) -> Command {
    let env = |name: &str| env(name).filter(|value| !value.trim().is_empty());
    let editor = env("VISUAL")
        .or_else(|| env("EDITOR"))
        .unwrap_or_else(|| "vi".to_owned());
    let mut command = Command::new("sh");
    // The variable may hold options and quotes, as git and others take it.
    command
        .arg("-c")
        .arg(format!("{editor} \"$@\""))
        .arg("editor");
    command.args(arguments(&editor, file, at));
    command
}

fn arguments(editor: &str, file: &str, at: Pos) -> Vec<String> {
    let program = editor.split_whitespace().next().unwrap_or_default();
    let program = Path::new(program).file_name().unwrap_or_default();
    let place = format!("{file}:{}:{}", at.line, at.column);
    match program.to_str().unwrap_or_default() {
        "code" | "codium" | "cursor" => vec!["--wait".to_owned(), "--goto".to_owned(), place],
        "hx" | "helix" | "zed" | "subl" => vec![place],
        _ => vec![format!("+{}", at.line), file.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(visual: &str, editor: &str) -> Vec<String> {
        let at = Pos { line: 7, column: 3 };
        let command = command("a b.yaml", at, |name| match name {
            "VISUAL" => Some(visual.to_owned()),
            "EDITOR" => Some(editor.to_owned()),
            _ => None,
        });
        let words = command
            .get_args()
            .map(|word| word.to_string_lossy().into_owned());
        words.collect()
    }

    #[test]
    fn editors_are_opened_at_the_line() {
        assert_eq!(
            words("", "vim -u NONE"),
            ["-c", "vim -u NONE \"$@\"", "editor", "+7", "a b.yaml"]
        );
        assert_eq!(words("/usr/bin/hx", "vim")[3..], ["a b.yaml:7:3"]);
        assert_eq!(words("code", "")[3..], ["--wait", "--goto", "a b.yaml:7:3"]);
        assert_eq!(words("", " ")[1], "vi \"$@\"");
    }
}
