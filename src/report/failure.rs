//! One failure in words: where, what, and how to mend it. Every display of a failure uses this.

use super::command;
use super::difference::{MAX_LINES, difference};
use super::operand::{Told, told};
use super::snippet::{Mark, Snippet};
use super::status::Status;
use super::style::{Ink, Line, Style};
use super::text::{cut_middle, shown, width, wrap};
use super::value::{bare, compact, count, length};
use crate::event::{
    ConditionState, ErrorKind, Explanation, Failure, Headline, Name, Outcome, Place, Pos, Span,
};

/// Which execution failed.
#[derive(Clone, Debug)]
pub struct About {
    /// The task.
    pub task: Name,
    /// Which of its cases.
    pub case: Option<Name>,
    /// How it ended.
    pub outcome: Outcome,
    /// Which attempt of the whole task this was, from 1.
    pub attempt: u32,
    /// How many attempts the task has.
    pub attempts: u32,
    /// What failed in `defer`s and `cleanup`.
    pub cleanup: Vec<Headline>,
    /// The command that runs it again.
    pub again: Option<String>,
}

/// The texts of definitions, each with the name that places give it.
#[derive(Clone, Debug, Default)]
pub struct Sources(pub Vec<(Name, Name)>);

impl Sources {
    /// The text of this file.
    #[must_use]
    pub fn text(&self, file: &str) -> Option<&str> {
        let found = self.0.iter().find(|(name, _)| &**name == file)?;
        Some(&found.1)
    }
}

/// The whole failure as text, each line no wider than the style allows and ended by a line break.
#[must_use]
pub fn failure(headline: &Headline, about: &About, sources: &Sources, style: Style) -> String {
    let parts = parts(headline);
    let digits = parts
        .iter()
        .map(|part| part.last_line().to_string().len())
        .max()
        .unwrap_or(0)
        .max(2);
    let mut writer = Writer {
        style,
        sources,
        digits,
        out: String::new(),
    };
    writer.title(headline, about);
    let several = parts.len() > 1;
    for part in &parts {
        writer.part(part, several);
    }
    writer.ending(headline, about);
    writer.out
}

/// What was said of one place: an expectation, or a condition that was waited for.
struct Part<'h> {
    place: Option<&'h Place>,
    explanations: Vec<(&'h Place, &'h Explanation)>,
    condition: Option<&'h ConditionState>,
}

impl Part<'_> {
    /// The last line of the file that will be shown.
    fn last_line(&self) -> u32 {
        let places = self.place.into_iter();
        let explained = self.explanations.iter().flat_map(|(place, explanation)| {
            let operands = explanation.operands.iter().map(|operand| operand.span);
            operands.chain([place.span])
        });
        places
            .map(|place| place.span)
            .chain(explained)
            .map(|span| span.start.line.max(span.end.line))
            .max()
            .unwrap_or(0)
    }

    /// Where it is written: the first character of the first expression, if there is one.
    fn anchor(&self) -> Option<(&str, Pos)> {
        let explained = self.explanations.first().map(|(place, explanation)| {
            let operands = explanation
                .operands
                .iter()
                .map(|operand| operand.span.start);
            let first = operands.filter(|start| start.line > 0).min();
            (&*place.file, first.unwrap_or(place.span.start))
        });
        explained.or_else(|| self.place.map(|place| (&*place.file, place.span.start)))
    }
}

/// The parts of a failure: those of one file together, but each condition by itself.
fn parts(headline: &Headline) -> Vec<Part<'_>> {
    let mut parts: Vec<Part<'_>> = headline
        .conditions
        .iter()
        .map(|condition| Part {
            place: Some(&condition.place),
            explanations: condition
                .explanations
                .iter()
                .map(|explanation| (&*condition.place, explanation))
                .collect(),
            condition: Some(condition),
        })
        .collect();
    let told_already = |explanation: &Explanation| {
        let mut told = headline
            .conditions
            .iter()
            .flat_map(|state| &state.explanations);
        told.any(|other| other == explanation)
    };
    let mut own: Vec<Part<'_>> = Vec::new();
    for (place, explanation) in &headline.explanations {
        if told_already(explanation) {
            continue;
        }
        let same_file =
            |part: &&mut Part<'_>| part.place.is_some_and(|other| other.file == place.file);
        match own.iter_mut().find(same_file) {
            Some(part) => part.explanations.push((place, explanation)),
            None => own.push(Part {
                place: Some(place),
                explanations: vec![(place, explanation)],
                condition: None,
            }),
        }
    }
    if own.is_empty() && parts.is_empty() {
        own.push(Part {
            place: headline.place.as_deref(),
            explanations: Vec::new(),
            condition: None,
        });
    }
    own.append(&mut parts);
    own
}

struct Writer<'s> {
    style: Style,
    sources: &'s Sources,
    digits: usize,
    out: String,
}

/// The columns of a note's label, `values: `.
const LABEL: usize = 9;
/// The bytes of one value in a note.
const VALUE_BYTES: usize = 400;
/// The lines of a message.
const MESSAGE_LINES: usize = 20;

impl Writer<'_> {
    fn title(&mut self, headline: &Headline, about: &About) {
        let style = self.style;
        let symbols = style.symbols();
        // A task that timed out has failed too; its sign of its own stands in the list of tasks.
        let status = match about.outcome {
            Outcome::TimedOut => Status::Ended(Outcome::Failed),
            outcome => Status::Ended(outcome),
        };
        let hue = Ink::Hue(status.hue());
        let dot = format!(" {} ", symbols.dot);
        // A third of the line for each name, so that the message has its place too.
        let third = (style.width / 3).max(8);
        let name = |text: &str| {
            let text = shown(text, style.unicode);
            cut_middle(&text, third, symbols.ellipsis).into_owned()
        };
        let mut line = style
            .line()
            .push(hue, status.glyph(style.unicode))
            .plain(" ")
            .push(Ink::Strong, &name(&about.task));
        if let Some(case) = &about.case {
            line = line.push(Ink::Faint, &dot).plain(&name(case));
        }
        if let Some(state) = &headline.state {
            line = line
                .push(Ink::Faint, &dot)
                .plain(&format!("state {}", name(state)));
        }
        let mut message = what(headline);
        if about.attempts > 1 {
            message = format!(
                "{message}{dot}attempt {} of {}",
                about.attempt, about.attempts
            );
        }
        if line.width() > style.width {
            line.write(&mut self.out);
            line = style.line().plain("  ");
        } else if line.width() + width(&dot) + 16 > style.width {
            line.write(&mut self.out);
            line = style.line().plain("  ");
        } else {
            line = line.push(Ink::Faint, &dot);
        }
        self.wrapped(line, 2, hue, &message, MESSAGE_LINES);
    }

    /// Writes a longer text behind what a line holds already, further lines indented. Line breaks of the
    /// text are kept.
    fn wrapped(&mut self, mut line: Line, indent: usize, ink: Ink, text: &str, most: usize) {
        let style = self.style;
        let rest = style.width.saturating_sub(indent).max(8);
        let mut lines = 0;
        let mut more = 0;
        for paragraph in text.trim_end().split('\n') {
            let paragraph = shown(paragraph.trim_end_matches('\r'), style.unicode);
            let first = if line.is_empty() {
                rest
            } else {
                style.width.saturating_sub(line.width())
            };
            for piece in wrap(&paragraph, first, rest) {
                if lines == most {
                    more += 1;
                    continue;
                }
                if line.is_empty() {
                    line = style.line().plain(&" ".repeat(indent));
                }
                line.push(ink, piece).write(&mut self.out);
                line = style.line();
                lines += 1;
            }
        }
        if more > 0 {
            let text = format!("{}+{more} more", " ".repeat(indent));
            style.line().push(Ink::Faint, &text).write(&mut self.out);
        }
    }

    fn part(&mut self, part: &Part<'_>, several: bool) {
        let style = self.style;
        if let Some((file, pos)) = part.anchor() {
            let lead = format!("{}--> ", " ".repeat(self.digits + 1));
            let at = format!(":{}:{}", pos.line, pos.column);
            let file = shown(file, style.unicode);
            let room = style.width.saturating_sub(width(&lead) + width(&at));
            let file = cut_middle(&file, room, style.symbols().ellipsis).into_owned();
            let mut line = style.line().push(Ink::Faint, &lead).plain(&file);
            if pos.line > 0 {
                line = line.plain(&at);
            }
            if let Some(condition) = part.condition.filter(|_| several) {
                let dot = style.symbols().dot;
                let to = condition.to.as_ref().map(|to| format!(" {dot} to {to}"));
                let text = format!("{} {dot} {}", to.unwrap_or_default(), tried(condition));
                if line.width() + width(&shown(&text, style.unicode)) <= style.width {
                    line = line.push(Ink::Faint, &text);
                }
            }
            line.write(&mut self.out);
        }
        let found: Vec<(&Place, &Explanation, Vec<Told>)> = part
            .explanations
            .iter()
            .map(|(place, explanation)| (*place, *explanation, told(explanation, style)))
            .collect();
        self.snippet(part, &found);
        self.told_notes(&found);
        if let Some(condition) = part.condition {
            self.condition_notes(condition);
        }
    }

    /// The lines of the file, or where its text is unknown, the expressions alone.
    fn snippet(&mut self, part: &Part<'_>, found: &[(&Place, &Explanation, Vec<Told>)]) {
        let style = self.style;
        let text = part.place.and_then(|place| self.sources.text(&place.file));
        let lines = text.map_or(0, |text| text.lines().count()) as u32;
        let is_in = |span: Span| (1..=lines).contains(&span.start.line);
        if let Some(text) = text
            && let Some(place) = part.place
            && is_in(place.span)
            && found
                .iter()
                .all(|(_, _, told)| told.iter().all(|one| is_in(one.span)))
        {
            let mut marks: Vec<Mark> = found
                .iter()
                .flat_map(|(place, explanation, told)| marks(place, explanation, told))
                .collect();
            if marks.is_empty() {
                marks.push(Mark {
                    span: first_line(place.span),
                    decisive: true,
                    label: part.condition.map(silence).unwrap_or_default().to_owned(),
                });
            }
            let first = marks.iter().map(|mark| mark.span.start.line).min();
            let also = first.and_then(|line| state_line(text, place, line));
            Snippet {
                text,
                also: also.into_iter().collect(),
                marks,
                digits: self.digits,
                numbered: true,
            }
            .write(style, &mut self.out);
            return;
        }
        for (_, explanation, told) in found {
            Snippet {
                text: &explanation.source,
                also: Vec::new(),
                marks: loose_marks(explanation, told),
                digits: self.digits,
                numbered: false,
            }
            .write(style, &mut self.out);
        }
    }

    /// What carets cannot say: what lies inside an operand, what is missing, and how two values differ.
    fn told_notes(&mut self, found: &[(&Place, &Explanation, Vec<Told>)]) {
        let mut inside: Vec<String> = Vec::new();
        for (name, value) in found
            .iter()
            .flat_map(|(_, _, told)| told)
            .flat_map(|one| &one.inside)
        {
            let value = compact(value, VALUE_BYTES, self.style.symbols().ellipsis);
            let text = format!("{name} = {value}");
            if !inside.contains(&text) {
                inside.push(text);
            }
        }
        for text in &inside {
            self.note("where", text);
        }
        let mut named = Vec::new();
        for missing in found
            .iter()
            .flat_map(|(_, explanation, _)| &explanation.missing)
        {
            if named.contains(&&missing.path) {
                continue;
            }
            named.push(&missing.path);
            let hint = missing.nearest.as_ref();
            let hint = hint.map(|nearest| format!(" (did you mean {nearest}?)"));
            self.note(
                "missing",
                &format!("{}{}", missing.path, hint.unwrap_or_default()),
            );
        }
        for (left, right) in found
            .iter()
            .flat_map(|(_, _, told)| told)
            .filter_map(|one| one.sides.as_ref())
        {
            let room = self.style.width.saturating_sub(self.digits + 4 + LABEL);
            let lines = difference(left, right, room, self.style);
            for (at, line) in lines.iter().enumerate() {
                let mut full = self.label(if at == 0 { "diff" } else { "" });
                full.append(line);
                full.write(&mut self.out);
            }
        }
    }

    fn condition_notes(&mut self, condition: &ConditionState) {
        let symbols = self.style.symbols();
        if !condition.values.is_empty() {
            let mut values: Vec<String> = condition
                .values
                .iter()
                .map(|(value, count)| {
                    let value = bare(value, 80, symbols.ellipsis);
                    format!("{value} {}{count}", symbols.times)
                })
                .collect();
            if condition.more_values > 0 {
                values.push(format!("+{} more", condition.more_values));
            }
            let mut text = values.join(", ");
            if condition.attempts > 1 && condition.unchanged_micros > 0 {
                text.push_str("; unchanged for ");
                text.push_str(&length(condition.unchanged_micros));
            }
            self.note("values", &text);
        }
        if let Some(last) = &condition.last {
            self.note("last", last);
        }
        if let Some(trouble) = &condition.trouble {
            self.note("not yet", &trouble.message);
            self.maybe_note("help", trouble.hint.as_deref());
        }
        let again = condition.again.as_deref();
        let again = again.or_else(|| condition.trouble.as_ref()?.again.as_deref());
        if let Some(again) = again {
            self.command(again);
        }
    }

    /// What belongs to the failure as a whole.
    fn ending(&mut self, headline: &Headline, about: &About) {
        let failure = &headline.failure;
        for call in headline.calls.iter().rev() {
            self.note("called", &at(call));
        }
        if failure.kind == ErrorKind::Timeout && what(headline) != failure.message {
            self.note("limit", &failure.message);
        }
        if let Some(what) = headline.what.as_deref()
            && !headline
                .last
                .as_deref()
                .is_some_and(|last| last.contains(what))
        {
            self.note("step", what);
        }
        let in_condition = |text: &str| {
            let mut conditions = headline.conditions.iter();
            conditions
                .any(|one| one.last.as_deref() == Some(text) || one.again.as_deref() == Some(text))
        };
        if let Some(last) = headline.last.as_deref().filter(|last| !in_condition(last)) {
            self.note("last", last);
        }
        if let Some(again) = failure
            .again
            .as_deref()
            .filter(|again| !in_condition(again))
        {
            self.command(again);
        }
        self.maybe_note("help", failure.hint.as_deref());
        for cleanup in about.cleanup.iter().filter(|cleanup| *cleanup != headline) {
            self.cleanup(cleanup);
        }
        if let Some(again) = &about.again {
            self.folded("again", again);
        }
    }

    fn cleanup(&mut self, headline: &Headline) {
        let Failure { message, hint, .. } = &headline.failure;
        let mut text = match &headline.what {
            Some(what) if !message.contains(&**what) => format!("{what}: {message}"),
            _ => message.clone(),
        };
        if let Some(place) = &headline.place {
            text.push_str(&format!(" ({})", at(place)));
        }
        self.note("cleanup", &text);
        self.maybe_note("help", hint.as_deref());
        if let Some(again) = &headline.failure.again {
            self.command(again);
        }
    }

    /// `    = label:   `, or as many spaces.
    fn label(&self, label: &str) -> Line {
        let lead = " ".repeat(self.digits + 2);
        let mut line = self.style.line();
        if !label.is_empty() {
            line = line
                .push(Ink::Faint, &format!("{lead}= "))
                .plain(&format!("{label}:"));
        }
        line.pad_to(self.digits + 4 + LABEL);
        line
    }

    fn note(&mut self, label: &str, text: &str) {
        let line = self.label(label);
        let indent = line.width();
        self.wrapped(line, indent, Ink::Plain, text, MESSAGE_LINES);
    }

    fn maybe_note(&mut self, label: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.note(label, text);
        }
    }

    /// A command that repeats a request, under its own name: `= curl:    curl -sS …`.
    fn command(&mut self, command: &str) {
        let name = command.split(' ').next().unwrap_or_default();
        let plain = name.len() < LABEL - 1 && name.chars().all(|c| c.is_ascii_alphanumeric());
        self.folded(
            if plain && !name.is_empty() {
                name
            } else {
                "repeat"
            },
            command,
        );
    }

    fn folded(&mut self, label: &str, text: &str) {
        let style = self.style;
        let mut line = self.label(label);
        let indent = line.width();
        let first = style.width.saturating_sub(indent);
        let folded = command::fold(text, first, indent, style.width, style.unicode);
        for piece in &folded {
            if line.is_empty() && !piece.flush {
                line = style.line().plain(&" ".repeat(indent));
            }
            line.plain(&piece.text).write(&mut self.out);
            line = style.line();
        }
    }
}

/// What happened, in one sentence.
pub(crate) fn what(headline: &Headline) -> String {
    let failure = &headline.failure;
    if failure.kind != ErrorKind::Timeout || headline.micros == 0 {
        return failure.message.clone();
    }
    let messages = headline
        .conditions
        .iter()
        .all(|one| &*one.strategy == "subscribe")
        && !headline.conditions.is_empty();
    let noun = if messages { "message" } else { "attempt" };
    let tries = if headline.attempts == 0 && !messages {
        String::new()
    } else {
        format!(", {}", count(headline.attempts.into(), noun))
    };
    format!("timed out after {}{tries}", length(headline.micros))
}

/// The strategy of a condition and how often it was tried.
fn tried(condition: &ConditionState) -> String {
    let noun = match &*condition.strategy {
        "subscribe" => "message",
        "wait" => return "wait".to_owned(),
        _ => "attempt",
    };
    format!(
        "{}, {}",
        condition.strategy,
        count(condition.attempts.into(), noun)
    )
}

/// What to say under a condition that no result explains.
fn silence(condition: &ConditionState) -> &'static str {
    match (&*condition.strategy, condition.attempts) {
        ("subscribe", 0) => "no message came",
        ("poll", 0) => "no attempt was finished",
        ("wait", _) => "was still waiting",
        _ if condition.trouble.is_some() => "no answer that it could judge",
        _ => "not yet",
    }
}

/// `file:line:column`.
pub(crate) fn at(place: &Place) -> String {
    let start = place.span.start;
    format!("{}:{}:{}", place.file, start.line, start.column)
}

fn first_line(span: Span) -> Span {
    if span.end.line <= span.start.line {
        return span;
    }
    Span {
        start: span.start,
        // The snippet cuts this at the end of the line.
        end: Pos {
            line: span.start.line,
            column: u32::MAX,
        },
    }
}

fn marks(place: &Place, explanation: &Explanation, told: &[Told]) -> Vec<Mark> {
    if told.is_empty() {
        let value = explanation.value.as_ref();
        return vec![Mark {
            span: first_line(place.span),
            decisive: true,
            label: value.map_or_else(String::new, |value| compact(value, 80, "")),
        }];
    }
    told.iter()
        .map(|one| Mark {
            span: one.span,
            decisive: one.decisive,
            label: one.label.clone(),
        })
        .collect()
}

/// The marks of an expression whose file is not at hand: places inside its own text.
fn loose_marks(explanation: &Explanation, told: &[Told]) -> Vec<Mark> {
    let source = &explanation.source;
    let mut from = 0;
    told.iter()
        .filter_map(|one| {
            // Offsets if the operand has no line of a file, else its text is looked for.
            let offset = one.span.start.column as usize;
            let here = (one.span.start.line == 0)
                .then_some(offset)
                .filter(|offset| {
                    source
                        .get(*offset..)
                        .is_some_and(|rest| rest.starts_with(&one.source))
                });
            let start = here.or_else(|| Some(from + source.get(from..)?.find(&one.source)?))?;
            from = start + one.source.len();
            Some(Mark {
                span: Span {
                    start: position(source, start),
                    end: position(source, from),
                },
                decisive: one.decisive,
                label: one.label.clone(),
            })
        })
        .collect()
}

/// The line and column of a byte offset.
fn position(text: &str, offset: usize) -> Pos {
    let before = &text[..offset];
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    Pos {
        line: before.matches('\n').count() as u32 + 1,
        column: before[start..].chars().count() as u32 + 1,
    }
}

/// The line on which the state that holds this place begins.
fn state_line(text: &str, place: &Place, before: u32) -> Option<u32> {
    let at = place.path.rfind("states.")?;
    let name = place.path[at + "states.".len()..]
        .split(['.', '['])
        .next()?;
    let indent = |line: &str| line.len() - line.trim_start().len();
    let lines: Vec<&str> = text.lines().take(before as usize).collect();
    let own = indent(lines.last()?);
    let found = lines.iter().rposition(|line| {
        let key = line.trim_start().trim_start_matches(['"', '\'']);
        let rest = key
            .strip_prefix(name)
            .map(|rest| rest.trim_start_matches(['"', '\'']));
        indent(line) <= own && rest.is_some_and(|rest| rest.starts_with(':'))
    })?;
    Some(found as u32 + 1)
}

#[cfg(test)]
mod tests;
