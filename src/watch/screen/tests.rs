use super::*;
use crate::client::Registry;
use crate::engine::{self, Loaded, Loader};
use crate::event::{Name, Outcome};
use crate::report::Color;
use crate::watch::catalog::Catalog;
use crate::watch::mailbox::{Mailbox, mailbox};
use crate::watch::progress::Progress;
use crate::watch::state::{OnBusy, RunTrigger};
use crate::watch::watched_task::{ActiveRun, End};
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
    folder: tempfile::TempDir,
    catalog: Catalog,
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
            folder,
            catalog,
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
        self.state.ask(RunTrigger::Start, &[]);
        self.run_due();
    }

    /// Reads what the files say now.
    fn reload(&mut self) {
        let loader = Loader::new(Registry::builtin());
        let roots = vec![self.folder.path().to_owned()];
        self.catalog = Catalog::open(loader, roots, BTreeSet::new());
        self.state.sync(self.catalog.entries());
    }

    /// Runs what has its turn, to the end.
    fn run_due(&mut self) {
        let (mailbox, _inbox) = mailbox();
        for (file, definition) in self.state.due() {
            let (run, progress) = self.begin(&file, definition, &mailbox);
            let ended = engine::block_on(run.sink(progress.clone()).start()).unwrap();
            progress.over(ended.map(drop));
        }
        self.state.collect();
    }

    /// A run of this task that has not begun yet.
    fn begin(
        &mut self,
        file: &str,
        definition: Loaded,
        mailbox: &Mailbox,
    ) -> (engine::Run, Progress) {
        let run = engine::Run::new(vec![definition.clone()], Registry::builtin());
        let progress = Progress::new(mailbox.clone());
        let active = ActiveRun {
            run: Name::clone(run.id()),
            progress: progress.clone(),
            handle: run.handle(),
            definition,
            jobs: 1,
            superseded: false,
            cancelled: false,
        };
        self.state.started(file, active);
        (run, progress)
    }

    /// Cancels what has its turn as soon as it has begun; what is shown until it has ended.
    fn cancel_due(&mut self) -> Vec<String> {
        let (mailbox, _inbox) = mailbox();
        let due = self.state.due();
        let begun: Vec<_> = (due.into_iter())
            .map(|(file, definition)| self.begin(&file, definition, &mailbox))
            .collect();
        self.press("x");
        let shown = self.drawn(80, 24);
        for (run, progress) in begun {
            let ended = engine::block_on(run.sink(progress.clone()).start()).unwrap();
            progress.over(ended.map(drop));
        }
        self.state.collect();
        shown
    }

    fn press(&mut self, keys: &str) {
        for key in keys.chars() {
            let code = match key {
                '\r' => KeyCode::Enter,
                '\u{1b}' => KeyCode::Esc,
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

/// Two that pass, and five that fail for one reason, with names between theirs.
fn many() -> WatchSession {
    let passes = FAILS.replace("42", "41");
    let other = FAILS.replace("42", "> 50");
    WatchSession::new(&[
        ("a.yaml", &passes),
        ("b1.yaml", FAILS),
        ("b2.yaml", FAILS),
        ("c.yaml", &passes),
        ("d3.yaml", FAILS),
        ("e.yaml", &other.replace("== >", ">")),
        ("f4.yaml", FAILS),
    ])
}

#[test]
fn failures_of_one_cause_are_one_row_that_opens() {
    let mut session = many();
    session.run();
    let rows = session.drawn(120, 40);
    let screen = rows.join("\n");
    assert!(rows[2].starts_with("› ✓ a"), "{screen}");
    assert!(
        rows[3].starts_with("  ✗ 4 × expected answer == 42"),
        "{screen}"
    );
    assert!(rows[3].ends_with("  b1, b2, d3, f4"), "{screen}");
    assert!(rows[4].starts_with("  ✓ c"), "{screen}");
    assert!(rows[5].starts_with("  ✗ e"), "{screen}");

    // The next failure is the group, the next but one another; it says which tasks, and why one of them.
    session.press("n");
    let screen = session.drawn(120, 40).join("\n");
    assert!(screen.contains("› ✗ 4 ×"), "{screen}");
    assert!(
        screen.contains("4 tasks have this cause: b1, b2, d3, f4"),
        "{screen}"
    );
    assert!(screen.contains("✗ b1 · state here"), "{screen}");
    session.press("n");
    assert!(session.drawn(120, 40).join("\n").contains("› ✗ e"));

    // Opened, each of them is listed, and opens itself.
    session.press("N\r");
    let rows = session.drawn(120, 40);
    let screen = rows.join("\n");
    assert!(rows[3].starts_with("  ✗ 4 ×"), "{screen}");
    assert!(rows[4].starts_with("›   ✗ b1"), "{screen}");
    assert!(rows[7].starts_with("    ✗ f4"), "{screen}");
    session.press("jj\r");
    assert!(session.drawn(120, 40)[3].starts_with("✗ d3"));
    session.press("\u{1b}\u{1b}");
    let rows = session.drawn(120, 40);
    assert!(rows[3].starts_with("› ✗ 4 ×"), "{}", rows.join("\n"));
    session.press("k");
    assert!(session.drawn(120, 40)[2].starts_with("› ✓ a"));
    // What is looked for is found in it.
    session.press("/f4\r");
    assert!(session.drawn(120, 40).join("\n").contains("›   ✗ f4"));
}

#[test]
fn a_group_is_run_again_as_one_and_what_passes_leaves_it() {
    let mut session = many();
    session.run();
    session.press("nr");
    let waiting = session.drawn(120, 40);
    assert!(waiting[1].starts_with("again → 4 of 7"), "{waiting:?}");
    assert!(waiting[3].contains("4 queued"), "{waiting:?}");
    session.run_due();
    assert!(session.drawn(120, 40)[3].starts_with("› ✗ 4 ×"));
    // Fewer than three are rows of their own, each in its place.
    for file in ["b1.yaml", "d3.yaml"] {
        let path = session.folder.path().join(file);
        std::fs::write(path, FAILS.replace("42", "41")).unwrap();
    }
    session.reload();
    session.run();
    let rows = session.drawn(120, 40);
    let wanted = ["✓ a ", "✓ b1 ", "✗ b2 ", "✓ c ", "✓ d3 ", "✗ e ", "✗ f4 "];
    for (row, start) in rows[2..9].iter().zip(wanted) {
        assert!(row.contains(start), "{start}\n{}", rows.join("\n"));
    }
}

#[test]
fn progress_is_shown_while_a_selection_runs() {
    let mut session = many();
    session.state.jobs = 2;
    session.run();
    assert!(session.drawn(80, 24)[0].starts_with("funcy watch  2/7  ✗ 1 failed  ✓ 1 passed"));
    session.run_due();
    assert!(session.drawn(80, 24)[0].starts_with("funcy watch  4/7  "));
    for _ in 0..2 {
        session.run_due();
    }
    let over = session.drawn(80, 24);
    assert!(
        over[0].starts_with("funcy watch  ✗ 5 failed  ✓ 2 passed"),
        "{over:?}"
    );
}

#[test]
fn what_is_cancelled_says_so_and_the_footer_does_not_stay() {
    let mut session = three();
    session.state.jobs = 1;
    session.state.ask(RunTrigger::All, &[]);
    // `a` is cancelled as it runs, `b` while it waits for its turn.
    let shown = session.cancel_due();
    assert_eq!(shown[23], "cancelled, cleaning up");
    let rows = session.drawn(80, 24);
    let screen = rows.join("\n");
    assert!(rows[2].starts_with("› ⊘ a"), "a passed before: {screen}");
    assert!(rows[3].starts_with("  ✗ b"), "a failure stays: {screen}");
    assert!(rows[3].ends_with("  not run again"), "{screen}");
    assert!(rows[23].starts_with("? help"), "{screen}");

    // A failure is not hidden by a run that was cancelled.
    let b = session
        .state
        .visible()
        .nth(1)
        .map(|task| Name::clone(&task.file));
    session.state.ask(RunTrigger::Again, &[b.unwrap()]);
    session.cancel_due();
    let rows = session.drawn(80, 24);
    assert!(rows[3].starts_with("  ✗ b"), "{rows:?}");
    assert!(rows[3].ends_with("  cancelled since"), "{rows:?}");
    session.state.jobs = 8;
    session.run();
    assert!(!session.drawn(80, 24).join("\n").contains("cancelled"));
}

#[test]
fn no_part_of_the_screen_is_left_blank() {
    // The list has what a short failure below it does not need.
    let files: Vec<(String, String)> = (0..40)
        .map(|number| {
            let fails = FAILS.replace("answer == 42", &format!("answer == {}", number + 1000));
            // Each is a cause of its own.
            let fails = fails.replace("answer", &format!("a{}", "x".repeat(number)));
            (format!("t{number:02}.yaml"), fails)
        })
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(a, b)| (&**a, &**b)).collect();
    let mut session = WatchSession::new(&files);
    session.state.jobs = 40;
    session.run();
    let rows = session.drawn(80, 48);
    let blank = rows.iter().filter(|row| row.is_empty()).count();
    assert!(blank <= 3, "{}", rows.join("\n"));

    // What happened stands beside why where there is room, and below it where there is none.
    session.press("\r");
    let wide = session.drawn(160, 24);
    let title = wide.iter().find_map(|row| row.split_once("What happened"));
    let before = title.map(|(before, _)| before.chars().count());
    assert_eq!(before, Some(81), "{}", wide.join("\n"));
    let narrow = session.drawn(120, 48).join("\n");
    assert!(narrow.contains("\nWhat happened"), "{narrow}");
}

#[test]
fn the_footer_names_the_keys_of_what_is_open() {
    let mut session = three();
    session.press("n\r");
    let footer = session.drawn(120, 24).pop().unwrap();
    for key in ["Esc back", "j k scroll", "e edit", "y copy", "n N failures"] {
        assert!(footer.contains(key), "{footer}");
    }
    session.press("g");
    let footer = session.drawn(120, 24).pop().unwrap();
    assert_eq!(footer, "Esc back  q quit  j k scroll");
    session.press("g");
    assert!(session.drawn(120, 24).pop().unwrap().contains("Enter open"));
}

#[test]
fn tasks_with_one_lock_are_not_due_together() {
    let locked = format!("locks: [db]\n{FAILS}");
    let mut session =
        WatchSession::new(&[("a.yaml", &locked), ("b.yaml", &locked), ("c.yaml", FAILS)]);
    session.state.ask(RunTrigger::Start, &[]);
    let names = |due: &[(Name, Loaded)]| -> Vec<String> {
        due.iter()
            .map(|(_, task)| task.machine.name.to_string())
            .collect()
    };
    let due = session.state.due();
    assert_eq!(names(&due), ["a", "c"], "`b` waits for the lock");
    let (mailbox, _inbox) = mailbox();
    for (file, definition) in due {
        let (run, progress) = session.begin(&file, definition, &mailbox);
        let ended = engine::block_on(run.sink(progress.clone()).start()).unwrap();
        progress.over(ended.map(drop));
    }
    session.state.collect();
    assert_eq!(names(&session.state.due()), ["b"]);
}

/// Of many cases the worst is shown, whichever ended last.
#[test]
fn a_task_with_cases_stands_as_its_worst_case() {
    let cases = format!(
        "cases: [{{ n: 1 }}, {{ n: 2 }}, {{ n: 3 }}]\n{}",
        FAILS.replace("answer == 42", "n != 2")
    );
    let mut session = WatchSession::new(&[("a.yaml", &cases)]);
    session.run();
    let task = session
        .state
        .task(&session.state.tasks[0].file.clone())
        .unwrap();
    assert_eq!(task.outcome(), Some(Outcome::Failed));
    let End::Ended(ended) = &task.result.as_ref().unwrap().end else {
        panic!("it never began");
    };
    assert_eq!(ended.name(), "a[2]");
}
