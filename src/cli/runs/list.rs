use super::Args;
use crate::cli::exit::Exit;
use crate::cli::history::{
    CommandError, Format, command, nothing, report_status, say_size, to_json,
};
use crate::cli::options::Global;
use crate::cli::{output, run, when};
use crate::event::{Outcome, Tally};
use crate::journal::{ExecutionRow, History, JournalError, Query, RunRow, RunStatus};
use crate::report::{self, Ink, Line, Style, cut_end, cut_middle, length, width};

/// The tasks of a run that are named.
const NAMED: usize = 3;
/// The least room for them; a line with less is full.
const LEAST: usize = 24;

pub(super) fn run(global: &Global, args: &Args) -> Result<(), CommandError> {
    let mut query: Query = match args.query.join(" ").parse() {
        Ok(query) => query,
        Err(crate::journal::QueryError { message, hint }) => {
            output::error(&message, Some(&hint));
            return Err(Exit::Usage.into());
        }
    };
    query.now = run::now();
    let history = args.journal.open()?;
    let before = match &args.before {
        Some(name) => Some(history.find(name)?.id),
        None => None,
    };
    let limit = args.limit as usize;
    // One more tells whether there is another page.
    let mut rows = history.runs(&query, before.as_ref(), limit + 1)?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    if rows.is_empty() {
        return Err(none(args));
    }
    if args.format == Format::Json {
        for row in &rows {
            output::data(&format!("{}\n", to_json(&history, row)?));
        }
        return Ok(());
    }
    let rows: Vec<Shown> = (rows.into_iter())
        .map(|row| Shown::of(&history, row))
        .collect::<Result<_, _>>()?;
    output::data(&table(&rows, query.now, global.out_style()));
    if let Some(last) = rows.last().filter(|_| more) {
        let words: Vec<String> = (args.query.iter())
            .map(|word| format!(" {}", crate::client::quoted(word)))
            .collect();
        let next = format!("funcy runs{} --before {}", words.concat(), last.row.id);
        output::note(&format!("there are more: {next}"));
    }
    say_size(&history)?;
    Ok(())
}

fn none(args: &Args) -> CommandError {
    if args.query.is_empty() && args.before.is_none() {
        return nothing("nothing has run yet", "`funcy run` keeps what it does");
    }
    let mut asked = args.query.join(" ");
    if let Some(before) = &args.before {
        asked = format!("{asked} --before {before}");
    }
    nothing(
        &format!("no run is found by `{}`", asked.trim()),
        "leave a term out, or use `*` in a name: `task:order*`; `funcy runs` without terms lists all",
    )
}

/// A run with what its row shows.
struct Shown {
    row: RunRow,
    status: RunStatus,
    tally: Tally,
    /// What did not pass, each with its marks, or the only task.
    named: Vec<String>,
    more: usize,
}

impl Shown {
    fn of(history: &History, row: RunRow) -> Result<Self, JournalError> {
        let status = history.status(&row);
        let tally = match row.cleans_up {
            Some(_) => Tally::default(),
            None => history.tally(&row)?,
        };
        let bad = tally
            .iter()
            .filter(|(outcome, _)| !outcome.is_good())
            .map(|(_, count)| count as usize)
            .sum::<usize>();
        let wanted = if row.tasks == 1 { 1 } else { bad.min(NAMED) };
        let mut named = Vec::with_capacity(wanted);
        if wanted > 0 {
            for one in history.store().notable(&row.id, wanted)? {
                named.push(name(history, &one)?);
            }
        }
        Ok(Self {
            more: bad.saturating_sub(named.len().max(1)),
            row,
            status,
            tally,
            named,
        })
    }

    /// What its row says at the end: what did not pass, or what was asked for.
    fn about(&self, room: usize, style: Style) -> String {
        let ellipsis = style.symbols().ellipsis;
        if self.named.is_empty() {
            let text = command(&self.row.command);
            let text = report::printable(&text, style.unicode);
            return cut_end(&text, room, ellipsis).into_owned();
        }
        let more = match self.more {
            0 => String::new(),
            more => format!(", +{more} more"),
        };
        let names = self.named.len();
        let each = room.saturating_sub(more.len() + 2 * (names - 1)) / names;
        let names: Vec<String> = (self.named.iter())
            .map(|name| {
                let name = report::printable(name, style.unicode);
                cut_middle(&name, each.max(6), ellipsis).into_owned()
            })
            .collect();
        let text = format!("{}{more}", names.join(", "));
        cut_end(&text, room, ellipsis).into_owned()
    }

    /// How it stands. What cleans up has no result of a task.
    fn word(&self) -> &'static str {
        match self.status {
            RunStatus::Ended(Outcome::Passed) if self.row.cleans_up.is_some() => "cleaned up",
            status => report_status(status).word(),
        }
    }

    fn labels(&self) -> String {
        let env = self.row.env.iter().map(|env| format!("env={env}"));
        let labels = self.row.labels.iter();
        env.chain(labels.map(|(name, value)| format!("{name}={value}")))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// `order-ships (new failure)`.
fn name(history: &History, row: &ExecutionRow) -> Result<String, JournalError> {
    let marks: Vec<_> = (history.marks(row)?.iter())
        .map(|mark| mark.word())
        .collect();
    Ok(match &marks[..] {
        [] => row.name(),
        marks => format!("{} ({})", row.name(), marks.join(", ")),
    })
}

fn table(rows: &[Shown], now: i64, style: Style) -> String {
    let longest = |text: &dyn Fn(&Shown) -> String| -> usize {
        rows.iter().map(|row| width(&text(row))).max().unwrap_or(0)
    };
    let columns = Columns {
        status: 2 + longest(&|row| row.word().to_owned()),
        id: longest(&|row| row.row.id.to_string()),
        when: longest(&|row| when::short(row.row.started, now)),
        tally: longest(&|row| tally_text(&row.tally, style)),
    };
    let mut out = String::new();
    for row in rows {
        write(row, &columns, now, style, &mut out);
    }
    out
}

/// How wide the longest of each is.
struct Columns {
    status: usize,
    id: usize,
    when: usize,
    tally: usize,
}

/// One run: on one line if it has room for all of it, else on as many as it takes, the others indented.
fn write(row: &Shown, columns: &Columns, now: i64, style: Style, out: &mut String) {
    let status = report_status(row.status);
    let hue = Ink::Hue(status.hue());
    let mut flow = Flow {
        style,
        line: style.line(),
        out,
    };
    let head = style
        .line()
        .push(hue, status.glyph(style.unicode))
        .push(hue, &format!(" {}", row.word()));
    flow.piece(&head, columns.status);
    let id = style.line().push(Ink::Strong, &row.row.id);
    flow.piece(&id, columns.id);
    let started = style.line().plain(&when::short(row.row.started, now));
    flow.piece(&started, columns.when);
    let took = match row.status {
        RunStatus::Running => length((now - row.row.started).max(0).unsigned_abs()),
        // When it ended nobody knows.
        RunStatus::Ended(Outcome::Interrupted) if row.row.outcome.is_none() => "?".to_owned(),
        RunStatus::Ended(_) => length(row.row.micros),
    };
    flow.piece(&style.line().plain(&format!("{took:>6}")), 6);
    flow.piece(&tally(&row.tally, style), columns.tally);
    let room = flow.room();
    let wanted = width(&row.about(usize::MAX, style));
    if room < wanted.min(LEAST) {
        flow.next();
    }
    let labels = row.labels();
    let labels = report::printable(&labels, style.unicode);
    // They stand beside it where that leaves room enough.
    let beside = match width(&labels) {
        0 => 0,
        labels => labels + 2,
    };
    let room = flow.room();
    let room = match room.checked_sub(beside) {
        Some(left) if left >= wanted.min(LEAST) => left,
        _ => room,
    };
    let about = row.about(room, style);
    flow.piece(&style.line().plain(&about), 0);
    if !labels.is_empty() {
        let ellipsis = style.symbols().ellipsis;
        let labels = cut_end(&labels, style.width.saturating_sub(2), ellipsis);
        flow.piece(&style.line().push(Ink::Faint, &labels), 0);
    }
    flow.end();
}

/// `✗2 ✓117`: the bad ones first.
fn tally(tally: &Tally, style: Style) -> Line {
    let mut line = style.line();
    let mut counts: Vec<_> = tally.iter().collect();
    counts.reverse();
    for (outcome, count) in counts {
        let status = report::Status::Ended(outcome);
        if !line.is_empty() {
            line = line.plain(" ");
        }
        let text = format!("{}{count}", status.glyph(style.unicode));
        line = line.push(Ink::Hue(status.hue()), &text);
    }
    line
}

fn tally_text(counts: &Tally, style: Style) -> String {
    let plain = Style {
        color: report::Color::Never,
        ..style
    };
    let mut text = String::new();
    tally(counts, plain).write_open(&mut text);
    text
}

/// Pieces on a line, two spaces apart, and on the next where the width ends.
struct Flow<'o> {
    style: Style,
    line: Line,
    out: &'o mut String,
}

impl Flow<'_> {
    fn room(&self) -> usize {
        let used = self.line.width();
        let gap = if used > 2 { 2 } else { 0 };
        self.style.width.saturating_sub(used + gap)
    }

    /// Adds a piece, and fills up to this width where more comes on the same line.
    fn piece(&mut self, piece: &Line, column: usize) {
        if piece.width() > self.room() && self.line.width() > 2 {
            self.next();
        }
        if self.line.width() > 2 {
            self.line.add(Ink::Plain, "  ");
        }
        let end = self.line.width() + column;
        self.line.append(piece);
        if end <= self.style.width {
            self.line.pad_to(end);
        }
    }

    fn next(&mut self) {
        self.line.write(self.out);
        self.line = self.style.line().plain("  ");
    }

    fn end(self) {
        self.line.write(self.out);
    }
}
