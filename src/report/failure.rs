//! One failure in words: where, what, and how to mend it. Every display of a failure uses this.

mod page;
mod source;

use super::difference::difference;
use super::operand::{Told, told, told_in_full};
use super::status::Status;
use super::style::{Ink, Line, Style, text_of};
use super::text::{append, cut_middle, printable, width};
use super::value::{bare, compact, count, length};
use crate::event::{
    ConditionState, ConditionStrategy, ErrorKind, Explanation, Failure, Headline, Json, Location,
    Name, Outcome, Parts, Pos, Span, named,
};
use page::{LABEL, Page};
use source::PlacedExplanation;

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
    /// What it was to show.
    pub requirements: Vec<Name>,
    /// What failed in `defer`s and `cleanup`.
    pub cleanup: Vec<Headline>,
    /// The last lines that it logged.
    pub logs: Vec<String>,
    /// The command that runs it again.
    pub again: Option<String>,
    /// The id of the trace that its requests are part of, if it has sent any.
    pub trace: Option<String>,
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
    text_of(&lines(headline, about, sources, style))
}

/// The same, line by line.
pub(crate) fn lines(
    headline: &Headline,
    about: &About,
    sources: &Sources,
    style: Style,
) -> Vec<Line> {
    let parts = parts(headline);
    let digits = parts
        .iter()
        .map(|part| part.last_line().to_string().len())
        .max()
        .unwrap_or(0)
        .max(2);
    let mut page = Page {
        style,
        sources,
        digits,
        out: Vec::new(),
    };
    page.title(headline, about);
    let several = parts.len() > 1;
    for part in &parts {
        page.part(part, several);
    }
    page.ending(headline, about);
    if let Some(before) = &headline.before {
        page.before(before);
    }
    page.last(about);
    page.out
}

/// An expression with the values of all its operands below it, each line no wider than the style allows and
/// ended by a line break.
#[must_use]
pub fn explained(explanation: &Explanation, style: Style) -> String {
    let mut page = Page {
        style,
        sources: &Sources::default(),
        digits: 1,
        out: Vec::new(),
    };
    let place = Location {
        file: Name::default(),
        path: Name::default(),
        span: Span::default(),
    };
    let found = [PlacedExplanation {
        place: &place,
        explanation,
        told: told_in_full(explanation, style),
    }];
    page.snippet(
        &Section {
            place: None,
            explanations: Vec::new(),
            condition: None,
        },
        &found,
    );
    page.told_notes(&found);
    text_of(&page.out)
}

/// What was said of one place: an expectation, or a condition that was waited for.
struct Section<'h> {
    place: Option<&'h Location>,
    explanations: Vec<(&'h Location, &'h Explanation)>,
    condition: Option<&'h ConditionState>,
}

impl<'h> Section<'h> {
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
    fn anchor(&self) -> Option<(&'h str, Pos)> {
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
fn parts(headline: &Headline) -> Vec<Section<'_>> {
    let mut parts: Vec<Section<'_>> = headline
        .conditions
        .iter()
        .map(|condition| Section {
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
    let mut own: Vec<Section<'_>> = Vec::new();
    for (place, explanation) in &headline.explanations {
        if told_already(explanation) {
            continue;
        }
        let same_file =
            |part: &&mut Section<'_>| part.place.is_some_and(|other| other.file == place.file);
        match own.iter_mut().find(same_file) {
            Some(part) => part.explanations.push((place, explanation)),
            None => own.push(Section {
                place: Some(place),
                explanations: vec![(place, explanation)],
                condition: None,
            }),
        }
    }
    if own.is_empty() && parts.is_empty() {
        own.push(Section {
            place: headline.place.as_deref(),
            explanations: Vec::new(),
            condition: None,
        });
    }
    own.append(&mut parts);
    own
}

/// The bytes of one value in a note.
const VALUE_BYTES: usize = 400;

impl Page<'_> {
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
            let text = printable(text, style.unicode);
            cut_middle(&text, third, symbols.ellipsis).into_owned()
        };
        let whole = match &about.case {
            None => name(&about.task),
            // Two names, and room for both.
            Some(case) => {
                let whole = named(&about.task, Some(case));
                let whole = printable(&whole, style.unicode);
                cut_middle(&whole, 2 * third, symbols.ellipsis).into_owned()
            }
        };
        let mut line = style
            .line()
            .push(hue, status.glyph(style.unicode))
            .plain(" ")
            .push(Ink::Strong, &whole);
        if let Some(region) = &headline.region {
            line = line
                .push(Ink::Faint, &dot)
                .plain(&format!("region {}", name(region)));
        }
        if let Some(state) = &headline.state {
            line = line
                .push(Ink::Faint, &dot)
                .plain(&format!("state {}", name(state)));
        }
        let mut message = what(headline);
        if about.cleanup.contains(headline) {
            message = format!("cleanup failed: {message}");
        }
        if about.attempts > 1 {
            message = format!(
                "{message} (attempt {} of {})",
                about.attempt, about.attempts
            );
        }
        if line.width() + width(&dot) + 16 > style.width {
            line.write(&mut self.out);
            line = style.line().plain("  ");
        } else {
            line = line.push(Ink::Faint, &dot);
        }
        self.wrapped(line, 2, hue, &message);
    }

    fn part(&mut self, part: &Section<'_>, several: bool) {
        let style = self.style;
        if let Some((file, pos)) = part.anchor() {
            let lead = format!("{}--> ", " ".repeat(self.digits + 1));
            let at = format!(":{}:{}", pos.line, pos.column);
            let file = printable(file, style.unicode);
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
                if line.width() + width(&printable(&text, style.unicode)) <= style.width {
                    line = line.push(Ink::Faint, &text);
                }
            }
            line.write(&mut self.out);
        }
        let explanations = part.explanations.iter();
        let found: Vec<PlacedExplanation<'_>> = explanations
            .map(|(place, explanation)| PlacedExplanation {
                place,
                explanation,
                told: told(explanation, style),
            })
            .collect();
        self.snippet(part, &found);
        self.told_notes(&found);
        if let Some(condition) = part.condition {
            self.condition_notes(condition);
        }
    }

    /// What carets cannot say: what lies inside an operand, what is missing, and how two values differ.
    fn told_notes(&mut self, found: &[PlacedExplanation<'_>]) {
        let mut inside: Vec<String> = Vec::new();
        for (name, value) in found
            .iter()
            .flat_map(|one| &one.told)
            .flat_map(|one| &one.inside)
        {
            let value = compact(value, VALUE_BYTES, self.style.symbols().ellipsis);
            let text = format!("{name} = {value}");
            if !inside.contains(&text) {
                inside.push(text);
            }
        }
        if !inside.is_empty() {
            self.note("where", &inside.join(", "));
        }
        let mut named = Vec::new();
        for missing in found.iter().flat_map(|one| &one.explanation.missing) {
            if named.contains(&&missing.path) {
                continue;
            }
            named.push(&missing.path);
            self.note("unknown", &super::warning::missing(missing));
        }
        for (word, note) in found
            .iter()
            .flat_map(|one| &one.told)
            .filter_map(|one| one.aside.as_ref())
        {
            self.note(word, note);
        }
        let differing = found
            .iter()
            .flat_map(|one| &one.told)
            .filter_map(|one| Some((one.difference.as_ref()?, one.legend)));
        for (one, legend) in differing {
            let room = self.style.width.saturating_sub(self.digits + 4 + LABEL);
            let lines = difference(one, room, self.style);
            if let Some((left, right)) = legend {
                let text = if matches!(one.parts, Parts::Paths(_)) {
                    format!("{left} {} {right}", self.style.symbols().arrow)
                } else {
                    format!("- {left}, + {right}")
                };
                self.note("diff", &text);
            }
            for (at, line) in lines.iter().enumerate() {
                let is_first = at == 0 && legend.is_none();
                let mut full = self.label(if is_first { "diff" } else { "" });
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
            let of = condition.operand.as_ref();
            let mut text = of.map_or_else(String::new, |of| format!("{of}: "));
            text.push_str(&values.join(", "));
            if condition.attempts > 1 && condition.unchanged_micros > 0 {
                text.push_str("; unchanged for ");
                text.push_str(&length(condition.unchanged_micros));
            }
            self.note("values", &text);
        }
        self.maybe_note("source", condition.source.as_deref());
        self.maybe_note("last", condition.last.as_deref());
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
        self.maybe_note("in", headline.called.as_deref());
        for call in headline.calls.iter().rev() {
            self.note("called", &at(call));
        }
        if failure.kind == ErrorKind::Timeout && what(headline) != failure.message {
            self.note("limit", &failure.message);
        }
        self.step_notes(headline);
        let in_condition = |text: &str| {
            let mut conditions = headline.conditions.iter();
            conditions
                .any(|one| one.last.as_deref() == Some(text) || one.again.as_deref() == Some(text))
        };
        if let Some(last) = headline.last.as_deref().filter(|last| !in_condition(last)) {
            self.note("last", last);
        }
        self.body(headline);
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
    }

    /// The failure that was routed, and led to where this one happened.
    fn before(&mut self, before: &Headline) {
        let state = before.place_in_words().map(|state| format!(" in {state}"));
        let text = format!("{}{}", what(before), state.unwrap_or_default());
        self.note("before", &text);
        for part in &parts(before) {
            self.part(part, false);
        }
        self.step_notes(before);
    }

    /// What stands below everything else: of the execution, not of a failure.
    fn last(&mut self, about: &About) {
        for (at, line) in about.logs.iter().enumerate() {
            self.note(if at == 0 { "log" } else { "" }, line);
        }
        if !about.requirements.is_empty() {
            self.note("shows", &about.requirements.join(", "));
        }
        self.maybe_note("trace", about.trace.as_deref());
        if let Some(again) = &about.again {
            self.folded("again", again);
        }
    }

    /// Which instruction it was, and which item of its loop.
    fn step_notes(&mut self, headline: &Headline) {
        // What came back names the request too.
        if headline.is_named || headline.last.is_none() {
            self.maybe_note("step", headline.what.as_deref());
        }
        if let Some(item) = &headline.item {
            let (index, value) = &**item;
            let value = compact(value, VALUE_BYTES, self.style.symbols().ellipsis);
            self.note("item", &format!("item {index}: {value}"));
        }
    }

    /// What the answer said, in short: a server that refuses tells why, and so does a program that fails.
    fn body(&mut self, headline: &Headline) {
        let Some(result) = headline.result.as_ref().filter(|_| headline.last.is_some()) else {
            return;
        };
        for part in ["body", "stderr"] {
            let value = match result.get(part) {
                None | Some(Json::Null) => continue,
                Some(Json::String(text)) if text.trim().is_empty() => continue,
                Some(Json::String(text)) => &Json::String(text.trim().to_owned()),
                Some(value) => value,
            };
            self.note(part, &bare(value, 240, self.style.symbols().ellipsis));
        }
    }

    fn cleanup(&mut self, headline: &Headline) {
        let Failure { message, hint, .. } = &headline.failure;
        let mut text = match &headline.what {
            Some(what) if !message.contains(&**what) => format!("{what}: {message}"),
            _ => message.clone(),
        };
        if let Some(place) = &headline.place {
            append(&mut text, format_args!(" ({})", at(place)));
        }
        self.note("cleanup", &text);
        self.maybe_note("help", hint.as_deref());
        if let Some(again) = &headline.failure.again {
            self.command(again);
        }
    }
}

/// What happened, in one sentence.
pub(crate) fn what(headline: &Headline) -> String {
    let failure = &headline.failure;
    let is_repeated = headline.attempts > 1
        && matches!(
            failure.kind,
            ErrorKind::Expect | ErrorKind::Transport | ErrorKind::Protocol
        );
    if is_repeated {
        return format!("{}, after {} attempts", failure.message, headline.attempts);
    }
    if failure.kind != ErrorKind::Timeout || headline.micros == 0 {
        return failure.message.clone();
    }
    let messages = headline
        .conditions
        .iter()
        .all(|one| one.strategy == ConditionStrategy::Subscribe)
        && !headline.conditions.is_empty();
    let noun = if messages { "message" } else { "attempt" };
    let tries = if headline.attempts == 0 && !messages {
        String::new()
    } else {
        format!(", {}", count(headline.attempts.into(), noun))
    };
    format!("timed out after {}{tries}", length(headline.micros))
}

/// Where the thing that decided is written: the file, and the first character.
pub(crate) fn anchor(headline: &Headline) -> Option<(&str, Pos)> {
    let mut parts = parts(headline);
    let part = parts.drain(..).next()?;
    part.anchor()
}

/// The strategy of a condition and how often it was tried.
fn tried(condition: &ConditionState) -> String {
    let strategy = condition.strategy;
    let noun = match strategy {
        ConditionStrategy::Subscribe => "message",
        ConditionStrategy::Wait => return strategy.word().to_owned(),
        ConditionStrategy::Immediate | ConditionStrategy::Poll | ConditionStrategy::All => {
            "attempt"
        }
    };
    let tried = count(condition.attempts.into(), noun);
    let done = match condition.stayed {
        0 if condition.is_fulfilled => ", fulfilled".to_owned(),
        0 => String::new(),
        times => format!(", stayed {}", count(times.into(), "time")),
    };
    format!("{}, {tried}{done}", strategy.word())
}

/// `file:line:column`.
pub(crate) fn at(place: &Location) -> String {
    let start = place.span.start;
    format!("{}:{}:{}", place.file, start.line, start.column)
}

#[cfg(test)]
mod tests;
