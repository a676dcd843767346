//! The lines of the file in a failure: which are shown, and what is marked on them.

use super::page::Page;
use super::{Section, Told};
use crate::event::{ConditionState, ConditionStrategy, Explanation, Location, Pos, Span};
use crate::report::snippet::{Mark, Snippet};
use crate::report::value::compact;

/// An explanation with its place, and what of it is told.
pub(super) struct PlacedExplanation<'h> {
    pub(super) place: &'h Location,
    pub(super) explanation: &'h Explanation,
    pub(super) told: Vec<Told>,
}

impl Page<'_> {
    /// The lines of the file, or where its text is unknown, the expressions alone.
    pub(super) fn snippet(&mut self, part: &Section<'_>, found: &[PlacedExplanation<'_>]) {
        let style = self.style;
        let text = part.place.and_then(|place| self.sources.text(&place.file));
        let lines = text.map_or(0, |text| text.lines().count()) as u32;
        let is_in = |span: Span| (1..=lines).contains(&span.start.line);
        if let Some(text) = text
            && let Some(place) = part.place
            && is_in(place.span)
            && found
                .iter()
                .all(|one| one.told.iter().all(|one| is_in(one.span)))
        {
            let mut marks: Vec<Mark> = found.iter().flat_map(marks).collect();
            if marks.is_empty() {
                marks.push(Mark {
                    span: first_line(place.span),
                    decisive: true,
                    label: part.condition.map(silence).unwrap_or_default().to_owned(),
                });
            }
            let first = marks.iter().map(|mark| mark.span.start.line).min();
            let mut also = block_lines(text, found);
            also.extend(first.and_then(|line| state_line(text, place, line)));
            Snippet {
                text,
                also,
                marks,
                digits: self.digits,
                numbered: true,
            }
            .write(style, &mut self.out);
            return;
        }
        for one in found {
            Snippet {
                text: &one.explanation.source,
                also: Vec::new(),
                marks: loose_marks(one.explanation, &one.told),
                digits: self.digits,
                numbered: false,
            }
            .write(style, &mut self.out);
        }
    }
}

/// What to say under a condition that no result explains.
fn silence(condition: &ConditionState) -> &'static str {
    if condition.is_fulfilled {
        return "fulfilled";
    }
    match (condition.strategy, condition.attempts) {
        (ConditionStrategy::Subscribe, 0) => "no message came",
        (ConditionStrategy::Poll, 0) => "no attempt was finished",
        (ConditionStrategy::Wait, _) => "was still waiting",
        (
            ConditionStrategy::Immediate
            | ConditionStrategy::Poll
            | ConditionStrategy::Subscribe
            | ConditionStrategy::All,
            _,
        ) => {
            if condition.trouble.is_some() {
                "no answer that it could judge"
            } else {
                "not yet"
            }
        }
    }
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

fn marks(found: &PlacedExplanation<'_>) -> Vec<Mark> {
    if found.told.is_empty() {
        let value = found.explanation.value.as_ref();
        return vec![Mark {
            span: first_line(found.place.span),
            decisive: true,
            label: value.map_or_else(String::new, |value| compact(value, 80, "")),
        }];
    }
    let told = found.told.iter();
    told.map(|one| Mark {
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

/// The lines of an expression that stands in a block of its own (`when: |`), with the line that begins
/// the block.
fn block_lines(text: &str, found: &[PlacedExplanation<'_>]) -> Vec<u32> {
    const MOST: u32 = 8;
    let lines: Vec<&str> = text.lines().collect();
    let mut shown = Vec::new();
    for one in found {
        let spans = one.explanation.operands.iter().map(|operand| operand.span);
        let Some(whole) = spans.reduce(Span::to) else {
            continue;
        };
        let (first, last) = (whole.start.line, whole.end.line);
        let begins = |line: &u32| {
            let text = lines
                .get(*line as usize - 1)
                .map_or("", |line| line.trim_end());
            let text = text.trim_end_matches(['+', '-']);
            text.ends_with(": |")
                || text.ends_with(": >")
                || text.ends_with("- |")
                || text.ends_with("- >")
        };
        let head = (first.saturating_sub(MOST).max(1)..first)
            .rev()
            .find(begins);
        // Between the two lies nothing but the block.
        let head = head.filter(|head| {
            let inside = lines
                .get(*head as usize..first as usize)
                .unwrap_or_default();
            let outer = lines.get(*head as usize - 1).map_or(0, |line| indent(line));
            inside
                .iter()
                .all(|line| line.trim().is_empty() || indent(line) > outer)
        });
        let from = head.unwrap_or(first);
        if last >= from && last - from <= MOST {
            shown.extend(from..=last);
        } else {
            shown.extend(head);
        }
    }
    shown
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The line on which the state that holds this place begins.
fn state_line(text: &str, place: &Location, before: u32) -> Option<u32> {
    let at = place.path.rfind("states.")?;
    let name = place.path[at + "states.".len()..]
        .split(['.', '['])
        .next()?;
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
