//! `funcy help` and `funcy functions`: how the pages and the tables are found and printed. What the pages say is held
//! true by `docs.rs`.

use super::suite::{Suite, repository};
use std::path::PathBuf;

/// A page of the documentation.
pub(crate) struct Page {
    pub(crate) topic: String,
    summary: String,
    pub(crate) text: String,
}

/// Where a page is written.
pub(crate) fn source(topic: &str) -> PathBuf {
    repository().join(format!("src/docs/{topic}.md"))
}

/// What a page says.
pub(crate) fn text(topic: &str) -> String {
    std::fs::read_to_string(source(topic)).unwrap()
}

/// The pages that `funcy help` lists: each has its file, and each file is listed.
pub(crate) fn pages() -> Vec<Page> {
    let list = Suite::new()
        .env("COLUMNS", "200")
        .run(["help"])
        .exits(0)
        .stdout;
    let pages: Vec<Page> = list
        .lines()
        .skip(1)
        .map_while(|line| line.trim().split_once(' '))
        .map(|(topic, summary)| Page {
            topic: topic.to_owned(),
            summary: summary.trim().to_owned(),
            text: text(topic),
        })
        .collect();
    let files = std::fs::read_dir(repository().join("src/docs")).unwrap();
    let files = files.filter(|file| {
        let path = file.as_ref().unwrap().path();
        path.extension().is_some_and(|end| end == "md")
    });
    assert_eq!(pages.len(), files.count(), "{list}");
    pages
}

#[test]
fn help_lists_the_topics_and_prints_a_page() {
    let suite = Suite::new();
    let list = suite.run(["help"]).exits(0).says_no("error");
    for page in pages() {
        assert!(!page.summary.is_empty() && list.stdout.contains(&page.topic));
        let title = page.text.lines().next().unwrap().trim_start_matches("# ");
        suite.run(["help", &page.topic]).exits(0).prints(title);
    }
    for columns in ["40", "80", "120", "200"] {
        let narrow = Suite::new().env("COLUMNS", columns);
        for args in [
            &["help"][..],
            &["help", "language"],
            &["functions"],
            &["functions", "sort"],
        ] {
            let ran = narrow.run(args).exits(0);
            let most = columns.parse().unwrap();
            for line in ran.stdout.lines() {
                assert!(
                    line.chars().count() <= most,
                    "{args:?} in {columns}: {line}"
                );
            }
            assert!(!ran.stdout.contains('\u{1b}'));
        }
    }
    let colored = Suite::new()
        .run(["help", "language", "--color", "always"])
        .exits(0);
    assert!(colored.stdout.contains("\u{1b}[1m"));
    suite
        .env("NO_COLOR", "1")
        .env("FORCE_COLOR", "1")
        .run(["help", "language"])
        .exits(0)
        .prints_no("\u{1b}");
}

#[test]
fn help_shows_a_command_and_suggests_a_topic() {
    let suite = Suite::new();
    let help = suite.run(["run", "--help"]).exits(0).stdout;
    assert_eq!(suite.run(["help", "run"]).exits(0).stdout, help);
    let prune = suite.run(["runs", "prune", "--help"]).exits(0).stdout;
    assert_eq!(suite.run(["help", "runs", "prune"]).exits(0).stdout, prune);
    // A page goes before a command of its name, and names it.
    suite
        .run(["help", "watch"])
        .exits(0)
        .prints("funcy watch --help");
    suite
        .run(["help", "tutorail"])
        .exits(2)
        .prints_nothing()
        .says("did you mean `tutorial`?");
    suite
        .run(["help", "simulat"])
        .exits(2)
        .says("did you mean `simulate`?");
    suite
        .run(["help", "zzz"])
        .exits(2)
        .says("`funcy help` lists");
    suite.run(["help", "run", "x"]).exits(2).says("`x`");
}

#[test]
fn functions_are_found_by_name() {
    let suite = Suite::new();
    suite
        .run(["functions"])
        .exits(0)
        .prints("matches(")
        .prints("to_upper(");
    suite
        .run(["functions", "sha256"])
        .exits(0)
        .prints("SHA-256")
        .prints("sha256('abc')");
    let one = suite
        .run(["functions", "sha256", "--format", "json"])
        .exits(0)
        .json_lines();
    assert_eq!(one.len(), 1);
    assert_eq!(one[0]["params"], "text | bytes");
    suite
        .run(["functions", "sha265"])
        .exits(2)
        .prints_nothing()
        .says("did you mean `sha256`?");
}
