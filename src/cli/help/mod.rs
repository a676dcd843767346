mod markdown;
mod text;

use super::exit::Exit;
use super::functions;
use super::options::Global;
use super::output;
use crate::docs::{PAGES, Page, page};
use crate::event::nearest;
use crate::report::{Ink, Style, width, wrap};
use clap::Parser as _;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A topic, or a command; without one, the topics
    topic: Vec<String>,
}

pub(super) fn run(global: &Global, args: &Args) -> Exit {
    let style = global.out_style();
    match args.topic.as_slice() {
        [] => {
            output::data(&contents(style));
            Exit::Passed
        }
        [topic] if let Some(page) = page(topic) => {
            output::data(&printed(page, style));
            Exit::Passed
        }
        words => help_of(words),
    }
}

/// The topics, a line each.
fn contents(style: Style) -> String {
    let mut out = String::new();
    let column = 2
        + PAGES
            .iter()
            .map(|page| width(page.topic))
            .max()
            .unwrap_or(0)
        + 2;
    style.line().push(Ink::Strong, "Topics").write(&mut out);
    for page in PAGES {
        let room = style.width.saturating_sub(column);
        for (number, piece) in wrap(page.summary, room, room).into_iter().enumerate() {
            let mut line = style.line();
            if number == 0 {
                line = line.plain("  ").push(Ink::Strong, page.topic);
            }
            line.pad_to(column);
            line.plain(piece).write(&mut out);
        }
    }
    out.push('\n');
    for text in [
        "`funcy help TOPIC` prints a page; `tutorial` is where to begin.",
        "`funcy --help` lists the commands, `funcy COMMAND --help` shows one.",
    ] {
        for piece in wrap(text, style.width, style.width) {
            style.line().plain(piece).write(&mut out);
        }
    }
    out
}

/// A page as it is read in a terminal.
fn printed(page: &Page, style: Style) -> String {
    let mut text = page.text.to_owned();
    if page.topic == "functions" {
        text.push_str(&functions::tables());
    }
    if super::grammar().find_subcommand(page.topic).is_some() {
        text.push_str(&format!(
            "\n`funcy {} --help` lists the options of the command.\n",
            page.topic
        ));
    }
    markdown::printed(&text, style)
}

/// The help of a command, `funcy help runs prune` as `funcy runs prune --help`.
fn help_of(words: &[String]) -> Exit {
    let mut command = super::grammar();
    for word in words {
        let known = command.get_subcommands().map(clap::Command::get_name);
        let topics = PAGES.iter().map(|page| page.topic);
        let near = nearest(word, topics.chain(known)).map(str::to_owned);
        let Some(sub) = command.find_subcommand(word) else {
            let hint = near.map_or_else(
                || "`funcy help` lists the topics".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            output::error(
                &format!("there is no topic and no command `{word}`"),
                Some(&hint),
            );
            return Exit::Usage;
        };
        command = sub.clone();
    }
    let words = words.iter().map(String::as_str);
    let asked = std::iter::once("funcy").chain(words).chain(["--help"]);
    if let Err(help) = super::Cli::try_parse_from(asked) {
        // A closed pipe is nobody's mistake.
        let _ = help.print();
    }
    Exit::Passed
}
