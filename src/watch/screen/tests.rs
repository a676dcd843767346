use super::*;
use crate::client::Registry;
use crate::engine::{self, Loader};
use crate::event::Name;
use crate::report::Color;
use crate::watch::catalog::Catalog;
use crate::watch::mailbox::mailbox;
use crate::watch::progress::Progress;
use crate::watch::state::{ActiveRun, OnBusy, RunTrigger};
use crossterm::event::{KeyCode, KeyEvent};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::collections::BTreeSet;

const FAILS: &str = "version: 1
vars: { answer: 41 }
start_state: here
final_state: here
states:
  here:
    instructions:
      - expect: answer == 42
";

/// A session in a folder, with the runs carried out at once.
struct WatchSession {
    _folder: tempfile::TempDir,
    state: SessionState,
    view_state: ViewState,
    options: Options,
}

impl WatchSession {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let loader = Loader::new(Registry::builtin());
        let roots = vec![folder.path().to_owned()];
        let catalog = Catalog::open(loader, roots, BTreeSet::new());
        let mut state = SessionState::new(8, OnBusy::Restart);
        state.sync(catalog.entries());
        Self {
            _folder: folder,
            state,
            view_state: ViewState::default(),
            options: Options {
                style: Style {
                    color: Color::Never,
                    unicode: true,
                    width: 80,
                },
                ..Options::default()
            },
        }
    }

    fn run(&mut self) {
        self.state.ask(RunTrigger::Start, None);
        let (mailbox, _inbox) = mailbox();
        for (file, definition) in self.state.due() {
            let run = engine::Run::new(vec![definition.clone()], Registry::builtin());
            let progress = Progress::new(mailbox.clone());
            let active = ActiveRun {
                run: Name::clone(run.id()),
                progress: progress.clone(),
                handle: run.handle(),
                definition,
                superseded: false,
            };
            self.state.started(&file, active);
            let ended = engine::block_on(run.sink(progress.clone()).start()).unwrap();
            progress.over(ended.map(drop));
        }
        self.state.collect();
    }

    fn press(&mut self, keys: &str) {
        for key in keys.chars() {
            let code = match key {
                '\r' => KeyCode::Enter,
                letter => KeyCode::Char(letter),
            };
            self.view_state
                .press(&KeyEvent::from(code), &mut self.state);
        }
    }

    fn drawn(&mut self, columns: u16, rows: u16) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
        terminal
            .draw(|frame| draw(frame, &self.state, &mut self.view_state, &self.options))
            .unwrap();
        let buffer = terminal.backend().buffer();
        (buffer.content.chunks(usize::from(columns)))
            .map(|row| {
                row.iter()
                    .map(ratatui::buffer::Cell::symbol)
                    .collect::<String>()
            })
            .map(|row| row.trim_end().to_owned())
            .collect()
    }
}

fn three() -> WatchSession {
    let passes = FAILS.replace("42", "41");
    let mut session = WatchSession::new(&[
        ("a.yaml", &passes),
        ("b.yaml", FAILS),
        ("c.yaml", "version: 1\n"),
    ]);
    session.run();
    session
}

#[test]
fn a_frame_at_every_width_holds_what_matters() {
    for columns in [40, 80, 120] {
        let mut session = three();
        let rows = session.drawn(columns, 24);
        let screen = rows.join("\n");
        assert!(rows[0].starts_with("funcy watch  ! 1 broken"), "{screen}");
        assert!(rows[1].starts_with("start → 2 of 3"), "{screen}");
        assert!(rows[2].starts_with("› ✓ a"), "{screen}");
        assert!(rows[3].starts_with("  ✗ b"), "{screen}");
        assert!(rows[4].starts_with("  ! "), "{screen}");
        assert!(rows[23].starts_with("? help  q quit"), "{screen}");
        session.press("n");
        let screen = session.drawn(columns, 24).join("\n");
        assert!(
            screen.contains("41 ≠ 42") && screen.contains("› ✗ b"),
            "{screen}"
        );
    }
}

#[test]
fn a_screen_of_any_size_is_drawn() {
    let mut session = three();
    for keys in ["", "\r", "\r\rg", "?"] {
        session.press(keys);
        for (columns, rows) in [(1, 1), (5, 3), (20, 5), (40, 10), (300, 100)] {
            session.drawn(columns, rows);
        }
    }
}

#[test]
fn the_list_follows_the_selection() {
    let files: Vec<(String, String)> = (0..50)
        .map(|number| (format!("t{number:02}.yaml"), FAILS.replace("42", "41")))
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(a, b)| (&**a, &**b)).collect();
    let mut session = WatchSession::new(&files);
    session.press(&"j".repeat(30));
    let screen = session.drawn(80, 24).join("\n");
    assert!(
        screen.contains("› · t30") && !screen.contains("t00"),
        "{screen}"
    );
    session.press(&"j".repeat(30));
    assert!(session.drawn(80, 24).join("\n").contains("› · t49"));
    session.press(&"k".repeat(60));
    assert!(session.drawn(80, 24).join("\n").contains("› · t00"));
}

#[test]
fn a_detail_is_scrolled_no_further_than_its_end() {
    let mut session = three();
    session.press("n\r");
    let screen = session.drawn(80, 24).join("\n");
    assert!(
        screen.contains("What happened") && screen.contains("enters here, visit 1"),
        "{screen}"
    );
    session.press(&"j".repeat(500));
    session.drawn(80, 8);
    session.press("k");
    assert!(session.drawn(80, 8).join("\n").contains("failed"));
}

#[test]
fn filters_and_search_choose_what_is_shown() {
    let mut session = three();
    session.press("tb\r");
    let screen = session.drawn(80, 24).join("\n");
    assert!(
        screen.contains("› ✗ b") && screen.contains("name: b") && !screen.contains("✓ a"),
        "{screen}"
    );
    session.press("czzz");
    // Paths begin with a folder of random letters: no part of a name that holds a dot is among them.
    session.press("pzz.");
    assert!(session.drawn(80, 24)[23].starts_with("path contains: zz."));
    assert!(session.drawn(80, 24).join("\n").contains("no task matches"));
    session.press("\rc/b.yaml\r");
    let screen = session.drawn(80, 24).join("\n");
    assert!(
        screen.contains("› ✗ b") && screen.contains("✓ a"),
        "{screen}"
    );
}

#[test]
fn a_line_is_drawn_in_its_colours_and_cut_like_a_text() {
    let styles = |color| {
        let style = Style {
            color,
            unicode: true,
            width: 6,
        };
        let line = (style.line())
            .push(Ink::Strong, "a")
            .push(Ink::Hue(report::Hue::Neutral), "b\x1b[2J")
            .plain("far too long");
        let line = drawn(&line);
        let spans = line.spans.into_iter();
        let spans = spans.map(|span| (span.content.into_owned(), span.style));
        spans
            .filter(|(text, _)| !text.is_empty())
            .collect::<Vec<_>>()
    };
    let plain = ratatui::style::Style::default();
    let wanted = |bold, hue, dim| {
        let texts = ["a", "b\\x1", "…"].map(str::to_owned);
        texts.into_iter().zip([bold, hue, dim]).collect::<Vec<_>>()
    };
    let bold = plain.add_modifier(Modifier::BOLD);
    let dim = plain.add_modifier(Modifier::DIM);
    let bright_black = plain.fg(ratatui::style::Color::Indexed(8));
    assert_eq!(styles(Color::Ansi), wanted(bold, bright_black, dim));
    let exact = plain.fg(ratatui::style::Color::Rgb(0x7a, 0x81, 0x87));
    let dark = Color::Exact(report::Theme::Dark);
    assert_eq!(styles(dark), wanted(bold, exact, dim));
    assert_eq!(styles(Color::Never), wanted(plain, plain, plain));
}

#[test]
fn the_help_names_every_key() {
    let mut session = three();
    session.press("?");
    let screen = session.drawn(120, 60).join("\n");
    for key in KEYS {
        assert!(screen.contains(&format!("  {}", key.keys)), "{}", key.keys);
    }
}

#[test]
fn without_utf8_all_is_ascii() {
    let mut session = three();
    session.options.style.unicode = false;
    for keys in ["n", "\r", "\rg", "?"] {
        session.press(keys);
        let screen = session.drawn(80, 40).join("\n");
        assert!(screen.is_ascii(), "{screen}");
    }
}
