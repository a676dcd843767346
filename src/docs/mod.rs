//! The pages for people: one source for `funcy help TOPIC` and for these docs.
//!
//! A page is a Markdown file in this folder and one line in the list below. Its fenced examples are run by
//! `tests/e2e/docs.rs`, which also says what the words behind a fence mean, and holds the pages to the schema, the
//! functions, the flags and the diagnostics: what exists is described.

#![allow(
    clippy::doc_markdown,
    reason = "the pages are prose: names of products are no code"
)]

mod rhai;

pub use rhai::{RHAI, RhaiFunction};

/// A page of the documentation.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// The word that finds it: `funcy help TOPIC`.
    pub topic: &'static str,
    /// What it is about, in one line, without a full stop.
    pub summary: &'static str,
    /// Markdown: headings, paragraphs, lists, tables and fenced blocks. The first line is the title.
    pub text: &'static str,
}

impl Page {
    /// What stands at its top.
    #[must_use]
    pub fn title(&self) -> &'static str {
        let first = self.text.lines().next().unwrap_or_default();
        first.trim_start_matches(['#', ' '])
    }
}

/// The page of a topic.
#[must_use]
pub fn page(topic: &str) -> Option<&'static Page> {
    PAGES.iter().find(|page| page.topic == topic)
}

/// A module for each page, so that rustdoc shows it, and the list of all.
macro_rules! pages {
    ($($topic:ident $summary:literal)*) => {
        $(
            #[doc = include_str!(concat!(stringify!($topic), ".md"))]
            pub mod $topic {}
        )*

        /// Every page, in the order in which a newcomer reads them.
        pub const PAGES: &[Page] = &[
            $(Page {
                topic: stringify!($topic),
                summary: $summary,
                text: include_str!(concat!(stringify!($topic), ".md")),
            }),*
        ];
    };
}

pages! {
    tutorial "The first hour: a task, a failure, waiting, undoing, a suite, continuous integration"
    language "The task file: every key, what it means, its default, an example"
    expressions "Conditions, values and templates: dialect, missing values, operators, quoting, scope"
    functions "What expressions may call"
    clients "HTTP, NATS, SQL, processes, files and signals: requests, results, sources"
    outcomes "How a task and a run end: outcomes, kinds of error, deadlines, exit codes"
    suite "The suite file: what tasks share, services, permissions"
    watch "Run again what a change affects, while you write"
    journal "What is recorded of a run, what is masked, and how to read it later"
    reports "Reports for people and machines; GitHub Actions, GitLab CI, Jenkins"
    simulate "Without the system: stubs, recorded runs, every path; one state or moment again"
    troubleshooting "What a message means, and how to mend it"
    compared "Beside runn, venom, Hurl, Tavern and Step CI"
    editors "Completion and checks in VS Code, Neovim, Helix, JetBrains"
}

#[cfg(test)]
mod tests {
    use super::{PAGES, page};

    #[test]
    fn a_page_has_a_title_and_lines_that_fit() {
        for page in PAGES {
            assert!(page.text.starts_with("# "), "{}", page.topic);
            assert!(!page.title().is_empty(), "{}", page.topic);
            assert!(!page.summary.ends_with('.'), "{}", page.topic);
            let mut shown = false;
            for (number, line) in page.text.lines().enumerate() {
                shown ^= line.starts_with("```");
                // A row of a table cannot be broken, and what a command prints is as it is.
                assert!(
                    shown || line.starts_with('|') || line.chars().count() <= 120,
                    "src/docs/{}.md:{}: more than 120 columns",
                    page.topic,
                    number + 1
                );
            }
        }
        assert!(page("tutorial").is_some() && page("tutorials").is_none());
    }
}
