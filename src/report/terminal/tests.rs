use super::super::fixture::{Log, Shared, not_shipped, sample_run, unmet};
use super::*;
use crate::event::{Fact, Outcome, Sink};
use crate::report::style::Color;

/// A terminal with its two writers.
fn terminal(change: impl FnOnce(&mut Options)) -> (Folded<Terminal>, Shared, Shared) {
    let mut options = Options {
        style: Style {
            color: Color::Never,
            unicode: true,
            width: 100,
        },
        ..Options::default()
    };
    change(&mut options);
    let (out, progress) = (Shared::default(), Shared::default());
    let terminal = Terminal::new(Box::new(out.clone()), Box::new(progress.clone()), options);
    (Folded::new(terminal), out, progress)
}

/// What a screen of this width shows after these bytes: enough of a terminal for what we send.
fn screen(bytes: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<Vec<char>> = vec![Vec::new()];
    let (mut row, mut column) = (0, 0);
    let mut chars = bytes.chars();
    while let Some(c) = chars.next() {
        match c {
            '\n' => {
                row += 1;
                column = 0;
                if row == lines.len() {
                    lines.push(Vec::new());
                }
            }
            '\r' => column = 0,
            '\x1b' => {
                assert_eq!(chars.next(), Some('['));
                let mut number = String::new();
                let end = loop {
                    match chars.next() {
                        Some(digit @ ('0'..='9' | ';')) => number.push(digit),
                        other => break other.expect("a whole sequence"),
                    }
                };
                match end {
                    'A' => {
                        let up: usize = number.parse().expect("a number");
                        assert!(up <= row, "moved above the first line");
                        row -= up;
                    }
                    'J' => {
                        lines.truncate(row + 1);
                        lines[row].truncate(column);
                    }
                    'm' => {}
                    other => panic!("unknown sequence {other}"),
                }
            }
            c => {
                lines[row].truncate(column);
                lines[row].push(c);
                column += 1;
                assert!(column < width, "the last column was used: {:?}", lines[row]);
            }
        }
    }
    let text = |line: &Vec<char>| line.iter().collect::<String>();
    lines
        .iter()
        .map(text)
        .filter(|line| !line.is_empty())
        .collect()
}

#[test]
fn without_a_terminal_a_line_for_each_task_and_the_end_in_full() {
    let (mut terminal, out, progress) = terminal(|options| {
        options.resumable = true;
        options.reports = vec!["target/junit.xml".to_owned()];
        options.notes = vec!["nothing was recorded: --journal none".to_owned()];
    });
    for batch in sample_run().chunks(3) {
        terminal.accept(batch).expect("written");
    }
    terminal.finish().expect("written");
    terminal.finish().expect("twice is once");
    insta::assert_snapshot!("plain_progress", progress.text());
    insta::assert_snapshot!("plain_end", out.text());
}

#[test]
fn no_line_overflows_whatever_the_width() {
    for width in [20, 40, 80, 120, 200] {
        for unicode in [true, false] {
            let (mut terminal, out, progress) = terminal(|options| {
                options.style.width = width;
                options.style.unicode = unicode;
            });
            let events = sample_run();
            for event in &events {
                terminal
                    .accept(std::slice::from_ref(event))
                    .expect("written");
                terminal.dump(event.at + 5_000).expect("written");
            }
            terminal.finish().expect("written");
            let text = format!("{}{}", progress.text(), out.text());
            for line in text.lines() {
                let columns = super::super::text::width(line);
                assert!(columns <= width, "{columns} in {width}: {line}");
            }
            assert!(!text.contains('\x1b'));
            assert!(unicode || text.is_ascii(), "{text}");
        }
    }
}

#[test]
fn silence_is_broken_by_the_longest_wait() {
    let (mut terminal, _, progress) = terminal(|_| {});
    let mut log = Log::run(9);
    log.start(1, "order-ships", 0, (1, 1))
        .enter(1, "placed")
        .push(
            Some(1),
            Fact::WaitStarted {
                limit_micros: Some(60_000_000),
            },
        )
        .poll(1, 12, "packed")
        .start(2, "later", 1, (1, 1))
        .enter(2, "place");
    terminal.accept(&log.events).expect("written");
    terminal.tick(log.now + 29_000_000).expect("written");
    assert_eq!(progress.take(), "");
    terminal.tick(log.now + 30_000_000).expect("written");
    assert_eq!(
        progress.take(),
        "◷ order-ships  placed  #12  res.body.status=\"packed\"  30.0s left\n  0 of 9 tasks done, 1 more running\n"
    );
    terminal.tick(log.now + 59_000_000).expect("written");
    assert_eq!(progress.take(), "");
    terminal.tick(log.now + 60_000_000).expect("written");
    assert!(progress.take().contains("  0ms left\n"));
}

#[test]
fn the_dump_tells_of_every_running_machine() {
    let (mut terminal, ..) = terminal(|_| {});
    assert_eq!(terminal.snapshot_text(0), "nothing is running\n");
    let mut log = Log::run(9);
    log.start(1, "order-ships", 0, (1, 1))
        .enter(1, "placed")
        .push(
            Some(1),
            Fact::WaitStarted {
                limit_micros: Some(20_000_000),
            },
        )
        .poll(1, 12, "packed")
        .start(2, "later", 1, (1, 1));
    terminal.accept(&log.events).expect("written");
    insta::assert_snapshot!("dump", terminal.snapshot_text(log.now + 8_000_000));
}

#[test]
fn live_rows_are_redrawn_in_place_and_gone_at_the_end() {
    let (mut terminal, out, progress) = terminal(|options| {
        options.live = true;
        options.style.width = 60;
        options.style.color = Color::Ansi;
    });
    let mut log = Log::run(20);
    for id in 1..=10 {
        log.start(id, &format!("order-ships-{id}"), id, (1, 1))
            .enter(id, "placed")
            .push(
                Some(id),
                Fact::WaitStarted {
                    limit_micros: Some(20_000_000),
                },
            )
            .poll(id, id, "packed");
    }
    terminal.accept(&log.events).expect("written");
    let now = log.now;
    terminal.tick(now).expect("written");
    let drawn = screen(&progress.text(), 60);
    assert_eq!(drawn.len(), 1 + MAX_ROWS + 1, "{drawn:#?}");
    assert_eq!(
        drawn[1],
        "◷ order-ships-1  placed  #1  res.body.…\"packed\"  20.0s left"
    );
    assert_eq!(drawn[9], "  +2 more running");

    // Four drawings a second and no more.
    let before = progress.text().len();
    terminal.tick(now + 239_999).expect("written");
    assert_eq!(progress.text().len(), before);

    log.events.clear();
    log.end(1, Outcome::Passed, None, 1_200_000).end(
        2,
        Outcome::TimedOut,
        Some(not_shipped()),
        20_000_000,
    );
    terminal.accept(&log.events).expect("written");
    assert_eq!(
        progress.text().len(),
        before,
        "it waits for the next drawing"
    );
    terminal.tick(now + 300_000).expect("written");
    let drawn = screen(&progress.text(), 60);
    assert_eq!(drawn[0], "✓ order-ships-1  1.2s  (1/20)");
    assert!(
        drawn[1].starts_with("⧖ order-ships-2  20.0s  (2/20)  timed out in"),
        "{}",
        drawn[1]
    );
    assert!(
        drawn[2].ends_with(" 2/20  ⧖ 1 timed out  ✓ 1 passed  350ms"),
        "{}",
        drawn[2]
    );
    assert_eq!(drawn.len(), 2 + 1 + MAX_ROWS);

    terminal.finish().expect("written");
    let drawn = screen(&progress.text(), 60);
    assert_eq!(
        drawn.len(),
        2,
        "only the lines of finished tasks stay: {drawn:#?}"
    );
    let end = screen(&out.text(), 61);
    let expected = "↯ order-ships-3 · state placed · interrupted".to_owned();
    assert!(end.contains(&expected), "{end:#?}");
    terminal
        .tick(now + 900_000)
        .expect("nothing is drawn after the end");
    assert_eq!(screen(&progress.text(), 60).len(), 2);
}

#[test]
fn a_low_screen_shows_fewer_rows() {
    let (mut terminal, _, progress) = terminal(|options| {
        options.live = true;
        options.rows = 6;
    });
    let mut log = Log::run(20);
    for id in 1..=10 {
        log.start(id, "task", id, (1, 1)).enter(id, "placed");
    }
    terminal.accept(&log.events).expect("written");
    terminal.tick(log.now).expect("written");
    assert_eq!(screen(&progress.text(), 100).len(), 5);
}

#[test]
fn results_in_a_file_have_no_colour_while_progress_has() {
    let (terminal, out, progress) = terminal(|_| {});
    let mut terminal = Folded::new(terminal.format.progress_style(Style {
        color: Color::Ansi,
        unicode: true,
        width: 30,
    }));
    terminal.accept(&sample_run()).expect("written");
    terminal.finish().expect("written");
    assert!(progress.text().contains("\x1b[32m✓"));
    assert!(!out.text().contains('\x1b'));
    assert!(out.text().lines().any(|line| line.chars().count() > 30));
}

#[test]
fn an_aborted_run_still_has_its_end() {
    let (mut terminal, out, _) = terminal(|_| {});
    let mut log = Log::run(3);
    log.start(1, "first", 0, (1, 2))
        .end(1, Outcome::Failed, Some(unmet()), 5_000)
        .start(2, "second", 1, (1, 1))
        .enter(2, "placed");
    terminal.accept(&log.events).expect("written");
    terminal.finish().expect("written");
    let text = out.text();
    assert!(text.contains("✗ first · state place · 2 of 3"), "{text}");
    assert!(
        text.contains("↯ second · state placed · interrupted"),
        "{text}"
    );
    assert!(
        text.contains("again:   funcy run tasks/order.yaml\n"),
        "{text}"
    );
}

#[test]
fn what_it_holds_does_not_grow_with_the_run() {
    let (mut terminal, ..) = terminal(|_| {});
    for id in 1..=2000 {
        let mut log = Log::run(2000);
        log.start(id, "order-ships", id, (1, 1)).enter(id, "placed");
        for attempt in 1..=20 {
            log.poll(id, attempt, "packed");
        }
        log.end(id, Outcome::Passed, None, 10_000);
        terminal.accept(&log.events).expect("written");
        assert!(terminal.live.running.is_empty());
    }
    assert_eq!(terminal.live.done(), 2000);
    assert!(terminal.format.pending.is_empty());
}
