//! Markdown as the tests of the README and of the pages read it: fenced blocks, and the commands of a console.

use super::suite::normalized;
use regex::Regex;
use std::fmt::Write as _;

/// A fenced block: what stands behind the fence, its first line in the text (from 0), its lines.
pub(crate) struct Block {
    pub(crate) info: String,
    pub(crate) from: usize,
    pub(crate) lines: Vec<String>,
}

impl Block {
    /// What it holds.
    pub(crate) fn text(&self) -> String {
        self.lines.join("\n") + "\n"
    }
}

/// The fenced blocks of a text, in order.
pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => {
                open = Some(Block {
                    info: info.to_owned(),
                    from: number + 1,
                    lines: Vec::new(),
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => block.lines.push(line.to_owned()),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is never closed");
    blocks
}

/// The commands of a console block, each with the output that is shown below it.
pub(crate) fn commands(block: &Block) -> Vec<(String, String)> {
    let mut commands: Vec<(String, String)> = Vec::new();
    for line in &block.lines {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push((command.to_owned(), String::new())),
            (None, Some((_, output))) => {
                let _ = writeln!(output, "{line}");
            }
            (None, None) => panic!("output before any command: {line}"),
        }
    }
    commands
}

/// What may differ from run to run: also how often something was tried in a given time, and which event of a run that
/// makes.
pub(crate) fn alike(output: &str) -> String {
    let counts = Regex::new(r"×\d+|\d+ attempts?|--context \w+@\d+").unwrap();
    counts
        .replace_all(normalized(output).trim_end(), "N")
        .into_owned()
}

/// Whether what is shown is written anew instead of compared.
pub(crate) fn updates() -> bool {
    std::env::var_os("FUNCY_UPDATE").is_some()
}

#[test]
fn a_lie_is_found() {
    let text = "```console\n$ funcy run x\n1 passed in 12ms\n$ cargo test\n```\n";
    let found = blocks(text);
    assert_eq!(found.len(), 1);
    let commands = commands(&found[0]);
    assert_eq!(
        commands[0],
        ("funcy run x".to_owned(), "1 passed in 12ms\n".to_owned())
    );
    assert_eq!(commands[1].1, "");
    assert_eq!(alike(&commands[0].1), alike("1 passed in 3.4s"));
    assert_ne!(alike(&commands[0].1), alike("1 failed in 12ms"));
    assert_eq!(
        alike("shipped ×3, 4 attempts"),
        alike("shipped ×30, 1 attempt")
    );
}
