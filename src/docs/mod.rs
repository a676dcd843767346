//! The pages for people: one source for `funcy help TOPIC` and for these docs.
//!
//! A page is a Markdown file in this folder and one line in the list below. Its fenced examples are run by the tests, and
//! the pages are held to the schema, the functions and the diagnostics: what exists is described.

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
    functions "What expressions may call"
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
            for (number, line) in page.text.lines().enumerate() {
                let table = line.starts_with('|');
                assert!(
                    table || line.chars().count() <= 120,
                    "src/docs/{}.md:{}: more than 120 columns",
                    page.topic,
                    number + 1
                );
            }
        }
        assert!(page("editors").is_some() && page("editor").is_none());
    }
}
