//! A shell command on several lines: no line is wider than the screen, and a shell that is given all of
//! them still reads the same command.

use super::text::{push_shown, width};

/// One line of a folded command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Folded {
    /// The line.
    pub(crate) text: String,
    /// It goes on inside a word: it must begin in the first column, since a space would end the word.
    pub(crate) flush: bool,
}

/// Folds a command into lines of `limit` columns: `first` are left for the first line, and the others
/// are indented by `indent` where they begin with a new word.
pub(crate) fn fold(
    command: &str,
    first: usize,
    indent: usize,
    limit: usize,
    unicode: bool,
) -> Vec<Folded> {
    let mut folder = Folder {
        lines: Vec::new(),
        line: String::new(),
        flush: false,
        first,
        indent,
        limit,
        unicode,
    };
    let mut words = words(command).into_iter().peekable();
    while let Some(word) = words.next() {
        folder.word(word, words.peek().is_none());
    }
    folder.end_line("");
    folder.lines
}

struct Folder {
    lines: Vec<Folded>,
    line: String,
    flush: bool,
    first: usize,
    indent: usize,
    limit: usize,
    unicode: bool,
}

/// What a line needs at its end: ` \`.
const CONTINUED: usize = 2;
/// What a word needs at its end where it is broken inside quotes: `'\`.
const BROKEN: usize = 2;

impl Folder {
    fn room(&self) -> usize {
        let room = if self.lines.is_empty() {
            self.first
        } else if self.flush {
            self.limit
        } else {
            self.limit.saturating_sub(self.indent)
        };
        room.max(8)
    }

    fn end_line(&mut self, mark: &str) {
        if self.line.is_empty() && mark.is_empty() {
            return;
        }
        let mut text = std::mem::take(&mut self.line);
        text.push_str(mark);
        self.lines.push(Folded {
            text,
            flush: self.flush,
        });
        self.flush = false;
    }

    fn word(&mut self, word: &str, last: bool) {
        let mut shown = String::new();
        word.chars()
            .for_each(|c| push_shown(&mut shown, c, self.unicode));
        let after = if last { 0 } else { CONTINUED };
        let one_line = !word.contains('\n');
        if !self.line.is_empty() {
            if one_line && width(&self.line) + 1 + width(&shown) + after <= self.room() {
                self.line.push(' ');
                self.line.push_str(&shown);
                return;
            }
            self.end_line(" \\");
        }
        if one_line && width(&shown) + after <= self.room() {
            self.line = shown;
        } else {
            self.long_word(word);
        }
    }

    /// Breaks a word that no line can hold, or that holds line breaks.
    fn long_word(&mut self, word: &str) {
        let mut quote: Option<char> = None;
        // `$'…'`, in which a backslash escapes.
        let mut dollar = false;
        let mut previous = ' ';
        let mut escaped = false;
        for c in word.chars() {
            if c == '\n' {
                // Inside quotes a line break is part of the value.
                self.end_line("");
                self.flush = true;
                previous = c;
                continue;
            }
            let mut piece = String::new();
            push_shown(&mut piece, c, self.unicode);
            let full = width(&self.line) + width(&piece) + BROKEN + CONTINUED > self.room();
            let closes = quote == Some(c);
            if full && !escaped && !closes && previous != '$' && !self.line.is_empty() {
                let single = quote == Some('\'');
                self.end_line(if single { "'\\" } else { "\\" });
                self.flush = true;
                if single {
                    self.line.push_str(if dollar { "$'" } else { "'" });
                }
            }
            self.line.push_str(&piece);
            let special = quote != Some('\'') || dollar;
            if escaped {
                escaped = false;
            } else if c == '\\' && special {
                escaped = true;
            } else if closes {
                quote = None;
            } else if quote.is_none() && matches!(c, '\'' | '"') {
                quote = Some(c);
                dollar = c == '\'' && previous == '$';
            }
            previous = c;
        }
    }
}

/// A word as a shell takes it for itself.
pub(crate) fn quoted(word: &str) -> std::borrow::Cow<'_, str> {
    let plain = |c: char| c.is_alphanumeric() || "_-./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into()
    } else {
        format!("'{}'", word.replace('\'', r"'\''")).into()
    }
}

/// The words of a shell command, with their quotes.
fn words(command: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = None;
    let mut quote: Option<char> = None;
    let mut dollar = false;
    let mut previous = ' ';
    let mut escaped = false;
    for (at, c) in command.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' && (quote != Some('\'') || dollar) {
            escaped = true;
            start.get_or_insert(at);
        } else if quote == Some(c) {
            quote = None;
        } else if quote.is_none() && matches!(c, '\'' | '"') {
            quote = Some(c);
            dollar = c == '\'' && previous == '$';
            start.get_or_insert(at);
        } else if quote.is_none() && matches!(c, ' ' | '\n' | '\t') {
            words.extend(start.take().map(|from| &command[from..at]));
        } else {
            start.get_or_insert(at);
        }
        previous = c;
    }
    words.extend(start.map(|from| &command[from..]));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(lines: &[Folded], indent: usize) -> String {
        let mut script = String::new();
        for line in lines {
            if !line.flush {
                script.push_str(&" ".repeat(indent));
            }
            script.push_str(&line.text);
            script.push('\n');
        }
        script
    }

    #[test]
    fn short_commands_stay_whole() {
        let lines = fold("curl -sS http://h/x", 60, 13, 80, true);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].text, "curl -sS http://h/x");
    }

    #[test]
    fn a_shell_reads_the_same_words() {
        let body = format!("'{{\"name\": \"{}\", \"two\": \"a  b\"}}'", "x".repeat(150));
        let commands = [
            format!(
                "printf '[%s]' -X POST -H 'content-type: application/json' --data {body} http://h/x"
            ),
            format!(
                "printf '[%s]' --header=\"a {} \\\" b\" $'a\\n\\t\\'{}' end",
                "y".repeat(90),
                "z".repeat(120)
            ),
            "printf '[%s]' 'line one\nline two' \"double\nquoted\" plain".to_owned(),
            format!("printf '[%s]' 'it'\\''s {}' x\\ y", "long ".repeat(40)),
        ];
        let run = |shell: &str, script: &str| {
            let output = std::process::Command::new(shell)
                .args(["-c", script])
                .output();
            let output = output.ok()?;
            assert!(output.status.success(), "{script}");
            Some(String::from_utf8(output.stdout).expect("text"))
        };
        for command in &commands {
            // `$'…'` is not known to every `sh`.
            let shell = if command.contains("$'") { "bash" } else { "sh" };
            for limit in [40, 80, 120] {
                let folded = script(&fold(command, limit - 13, 13, limit, true), 13);
                assert_eq!(run(shell, &folded), run(shell, command), "{folded}");
                for line in folded.lines() {
                    assert!(width(line) <= limit, "{line:?} in {limit}");
                }
            }
        }
    }
}
