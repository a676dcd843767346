//! Events as a list, one a line. Polls and messages that brought the same time and again are one line, with
//! their count.

use super::event_line::{EventLine, event_line};
use super::frames::Frames;
use super::status::Status;
use super::style::{Ink, Line, Style};
use super::value::length;
use crate::event::{Attempted, Event, Fact, Name};

/// The events, each with its time since `from`, in microseconds since the Unix epoch. `frames`: those that were opened
/// before them.
pub(crate) fn lines<'e>(
    events: impl IntoIterator<Item = &'e Event>,
    frames: Frames,
    from: i64,
    style: Style,
) -> Vec<Line> {
    let mut lines = Vec::new();
    for round in rounds(events, frames) {
        for (at, told) in round.steps.iter().enumerate() {
            let since = length((told.at - from).max(0).unsigned_abs());
            let mut line = style.line().push(Ink::Faint, &format!("{since:>7}  "));
            match told.step.status {
                Some(status) => {
                    let hue = Ink::Hue(status.hue());
                    line = line.push(hue, status.glyph(style.unicode)).plain(" ");
                }
                None => line = line.plain("  "),
            }
            if at == 0 && round.times > 1 {
                let times = format!("{}{} ", style.symbols().times, round.times);
                line = line.push(Ink::Hue(Status::Waiting.hue()), &times);
            }
            if let Some(frame) = &told.frame {
                line = line.push(Ink::Faint, &format!("{frame}: "));
            }
            lines.push(line.plain(&told.step.text));
        }
    }
    lines
}

/// A line of the list.
#[derive(Debug)]
struct Told {
    at: i64,
    /// The region in which it happened.
    frame: Option<Name>,
    step: EventLine,
}

/// A poll or message with what its conditions said, or any other event by itself.
#[derive(Debug)]
struct Round {
    key: Option<String>,
    steps: Vec<Told>,
    times: u32,
}

fn rounds<'e>(events: impl IntoIterator<Item = &'e Event>, mut frames: Frames) -> Vec<Round> {
    let mut rounds: Vec<Round> = Vec::new();
    for event in events {
        frames.apply(event);
        let told = Told {
            at: event.at,
            frame: frames.of(event),
            step: event_line(&event.fact),
        };
        if let Some(key) = repeats(&event.fact) {
            let key = format!("{} {key}", event.frame);
            merge(&mut rounds);
            rounds.push(Round {
                key: Some(key),
                steps: vec![told],
                times: 1,
            });
            continue;
        }
        let checked = matches!(event.fact, Fact::ConditionChecked { .. });
        match rounds.last_mut() {
            Some(Round {
                key: Some(key),
                steps,
                ..
            }) if checked && steps.first().is_some_and(|first| first.frame == told.frame) => {
                key.push_str(&told.step.text);
                steps.push(told);
            }
            _ => {
                merge(&mut rounds);
                rounds.push(Round {
                    key: None,
                    steps: vec![told],
                    times: 1,
                });
            }
        }
    }
    merge(&mut rounds);
    rounds
}

/// The last round is whole: if it says the same as the one before, they are one, the later.
fn merge(rounds: &mut Vec<Round>) {
    if let [.., before, last] = &rounds[..]
        && last.key.is_some()
        && before.key == last.key
    {
        let times = before.times;
        let at = rounds.len() - 2;
        rounds.remove(at);
        rounds[at].times += times;
    }
}

/// What makes a poll or message the same as another: its answer, without the time that it took.
fn repeats(fact: &Fact) -> Option<String> {
    match fact {
        Fact::PollAnswered { result, .. } => Some(match result {
            Attempted::Reply(reply) => {
                let summary = &*reply.summary;
                summary
                    .rsplit_once(" in ")
                    .map_or(summary, |(what, _)| what)
                    .to_owned()
            }
            Attempted::Failure(failure) => failure.message.clone(),
        }),
        Fact::MessageReceived { value, .. } => Some(value.to_string()),
        Fact::RunStarted(_)
        | Fact::ExecutionStarted(_)
        | Fact::StateEntered { .. }
        | Fact::InstructionStarted { .. }
        | Fact::InstructionFinished { .. }
        | Fact::InstructionSkipped { .. }
        | Fact::ExpectationChecked { .. }
        | Fact::VariableSaved { .. }
        | Fact::SubscriptionOpened { .. }
        | Fact::SubscriptionChanged { .. }
        | Fact::ConditionChecked { .. }
        | Fact::WaitStarted { .. }
        | Fact::TransitionTaken { .. }
        | Fact::Stayed { .. }
        | Fact::TimedOut { .. }
        | Fact::Deferred { .. }
        | Fact::CleanupStarted { .. }
        | Fact::CleanupSkipped { .. }
        | Fact::CleanupFinished { .. }
        | Fact::NeverKnown(_)
        | Fact::Log { .. }
        | Fact::SignalSent { .. }
        | Fact::FrameOpened(_)
        | Fact::FrameClosed { .. }
        | Fact::ExecutionFinished { .. }
        | Fact::EngineBusy { .. }
        | Fact::RunFinished { .. }
        | Fact::RunSealed { .. } => None,
    }
}
