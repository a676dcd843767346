//! One event in one line: the only place that says one in words.

use super::status::Status;
use super::value::{compact, count, length};
use super::warning::was_unknown;
use crate::event::{
    Attempted, ConditionVerdict, ExecutionStarted, Explanation, Fact, FrameEnd, Headline, Json,
    Location, Name, Outcome, SubscriptionChange, TimeoutScope,
};

/// An event in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EventLine {
    /// How it stands, where it is good or bad.
    pub(crate) status: Option<Status>,
    /// One line.
    pub(crate) text: String,
}

/// The bytes of a value in a line.
const VALUE_BYTES: usize = 160;

const GOOD: Option<Status> = Some(Status::Ended(Outcome::Passed));
const BAD: Option<Status> = Some(Status::Ended(Outcome::Failed));
const BROKEN: Option<Status> = Some(Status::Ended(Outcome::Error));
const NOT_YET: Option<Status> = Some(Status::Waiting);
const LEFT_OUT: Option<Status> = Some(Status::Ended(Outcome::Skipped));

/// The event in one line.
pub(crate) fn event_line(fact: &Fact) -> EventLine {
    let (status, text) = told(fact);
    // What a system answers may hold anything.
    let text = text.lines().next().unwrap_or_default().trim_end();
    EventLine {
        status,
        text: text.to_owned(),
    }
}

fn told(fact: &Fact) -> (Option<Status>, String) {
    match fact {
        Fact::RunStarted(started) => {
            let tasks = count(started.tasks.into(), "task");
            (None, format!("the run of {tasks} begins"))
        }
        Fact::RunFinished {
            outcome, micros, ..
        } => run_finished(*outcome, *micros),
        Fact::EngineBusy { cause, micros } => (BAD, cause.sentence(*micros)),
        Fact::RunSealed { events, .. } => (
            None,
            format!("the journal holds {}", count(*events, "event")),
        ),
        Fact::ExecutionStarted(started) => (None, begun(started)),
        Fact::ExecutionFinished {
            outcome, headline, ..
        } => finished(*outcome, headline.as_deref()),
        Fact::StateEntered { state, visit } => (None, format!("enters {state}, visit {visit}")),
        Fact::InstructionStarted { what, attempt, .. } => {
            (Some(Status::Running), numbered(what, *attempt))
        }
        Fact::InstructionFinished {
            attempt, result, ..
        } => {
            let (status, text) = answered(result);
            (status, numbered(&text, *attempt))
        }
        Fact::InstructionSkipped { place } => left_out("its `if` did not hold", place),
        Fact::ExpectationChecked {
            place,
            held,
            explanation,
        } => expected(place, *held, explanation.as_deref()),
        Fact::VariableSaved {
            name,
            value,
            undone,
            ..
        } => saved(name, value, *undone),
        Fact::PollAnswered {
            attempt, result, ..
        } => polled(*attempt, result),
        Fact::ConditionChecked {
            verdict,
            explanation,
            seen,
            ..
        } => checked(*verdict, explanation.as_deref(), seen.as_deref()),
        Fact::NeverKnown(one) => {
            let text = format!("{} ({})", was_unknown(one), at(&one.place));
            (BAD, text)
        }
        Fact::WaitStarted { limit_micros } => (NOT_YET, waits(*limit_micros)),
        Fact::TransitionTaken {
            to,
            place,
            also_ready,
            ..
        } => (GOOD, taken(to, place, also_ready)),
        Fact::Stayed {
            state,
            place,
            times,
            ..
        } => (
            GOOD,
            format!("stays in {state}, time {times} ({})", at(place)),
        ),
        Fact::TimedOut {
            scope,
            limit_micros,
            ..
        } => expired(*scope, *limit_micros),
        Fact::SubscriptionOpened { source, .. } => {
            (GOOD, format!("is subscribed: {}", short(source)))
        }
        Fact::SubscriptionChanged {
            place,
            messages,
            change,
        } => changed(place, *messages, change),
        Fact::MessageReceived { number, value, .. } => {
            (None, format!("message {number}: {}", short(value)))
        }
        Fact::Log { text, .. } => (None, format!("log: {text}")),
        Fact::SignalSent { name, data, .. } => (None, format!("signal {name}: {}", short(data))),
        Fact::Deferred { place, .. } => (None, format!("a `defer` is armed ({})", at(place))),
        Fact::CleanupStarted { deferred } => {
            let armed = count((*deferred).into(), "armed `defer`");
            (None, format!("cleanup begins, {armed}"))
        }
        Fact::CleanupSkipped { place, variable } => {
            left_out(&format!("`{variable}` was never saved"), place)
        }
        Fact::CleanupFinished { failures } => cleaned(failures),
        Fact::FrameOpened(opened) => (None, format!("{} begins", opened.name)),
        Fact::FrameClosed { end, state } => closed(*end, state.as_deref()),
    }
}

fn waits(limit: Option<u64>) -> String {
    let most = limit.map(|limit| format!(", at most {}", length(limit)));
    format!("waits{}", most.unwrap_or_default())
}

fn expired(scope: TimeoutScope, limit: u64) -> (Option<Status>, String) {
    let limit = length(limit);
    let text = format!("the {}'s limit of {limit} has expired", scope.word());
    (Some(Status::Ended(Outcome::TimedOut)), text)
}

fn left_out(why: &str, place: &Location) -> (Option<Status>, String) {
    (LEFT_OUT, format!("left out, {why} ({})", at(place)))
}

fn closed(end: FrameEnd, state: Option<&str>) -> (Option<Status>, String) {
    let status = match end {
        FrameEnd::Done => GOOD,
        FrameEnd::Failed => BAD,
        FrameEnd::Cancelled | FrameEnd::Skipped => LEFT_OUT,
    };
    let at = state.map(|state| format!(" in {state}"));
    (status, format!("{}{}", end.word(), at.unwrap_or_default()))
}

fn run_finished(outcome: Outcome, micros: u64) -> (Option<Status>, String) {
    let text = format!("the run has {} in {}", ended(outcome), length(micros));
    (Some(Status::Ended(outcome)), text)
}

fn changed(
    place: &Location,
    messages: u64,
    change: &SubscriptionChange,
) -> (Option<Status>, String) {
    let status = match change {
        SubscriptionChange::Lost { .. } | SubscriptionChange::Broken { .. } => BAD,
        SubscriptionChange::Reopened => GOOD,
        SubscriptionChange::Ended => None,
    };
    let after = count(messages, "message");
    let why = change.why().map(|why| format!(": {why}"));
    let text = format!(
        "the subscription {} after {after} ({}){}",
        change.sentence(),
        at(place),
        why.unwrap_or_default()
    );
    (status, text)
}

fn saved(name: &str, value: &Json, undone: bool) -> (Option<Status>, String) {
    if undone {
        return (
            LEFT_OUT,
            format!("{name} is what it was before this attempt"),
        );
    }
    (None, format!("{name} = {}", short(value)))
}

fn cleaned(failures: &[Headline]) -> (Option<Status>, String) {
    match failures.first() {
        None => (GOOD, "cleanup is done".to_owned()),
        Some(first) => (BROKEN, format!("cleanup failed: {}", first.failure)),
    }
}

fn begun(started: &ExecutionStarted) -> String {
    let again = match started.attempts {
        0..=1 => String::new(),
        attempts => format!(", attempt {} of {attempts}", started.attempt),
    };
    format!("{} begins{again}", started.name())
}

fn finished(outcome: Outcome, headline: Option<&Headline>) -> (Option<Status>, String) {
    let why = headline.map(|why| format!(": {}", why.failure));
    let text = format!("it has {}{}", ended(outcome), why.unwrap_or_default());
    (Some(Status::Ended(outcome)), text)
}

fn expected(
    place: &Location,
    held: bool,
    explanation: Option<&Explanation>,
) -> (Option<Status>, String) {
    match explanation {
        _ if held => (GOOD, format!("its expectation holds ({})", at(place))),
        Some(why) => (BAD, format!("expected {} ({})", why.source, at(place))),
        None => (BAD, format!("its expectation is false ({})", at(place))),
    }
}

fn polled(attempt: u32, result: &Attempted) -> (Option<Status>, String) {
    match result {
        Attempted::Failure(trouble) => {
            let text = format!("poll #{attempt}: not yet: {}", trouble.message);
            (NOT_YET, text)
        }
        Attempted::Reply(_) => (None, format!("poll #{attempt}: {}", answered(result).1)),
    }
}

fn checked(
    verdict: ConditionVerdict,
    explanation: Option<&Explanation>,
    seen: Option<&(Name, Json)>,
) -> (Option<Status>, String) {
    let (status, word) = match verdict {
        ConditionVerdict::NotYet => (NOT_YET, "not yet"),
        ConditionVerdict::Unknown => (NOT_YET, "unknown"),
        ConditionVerdict::Fulfilled => (GOOD, "fulfilled"),
        ConditionVerdict::Failed => (BAD, "failed"),
    };
    let why = match (seen, explanation) {
        (Some((operand, value)), _) => format!(": {operand}={}", short(value)),
        (None, Some(why)) => format!(": {}", why.source),
        (None, None) => String::new(),
    };
    (status, format!("{word}{why}"))
}

fn taken(to: &str, place: &Location, also_ready: &[Name]) -> String {
    let also = match also_ready {
        [] => String::new(),
        others => format!("; ready too: {}", others.join(", ")),
    };
    format!("→ {to} ({}){also}", at(place))
}

/// The word after "it has".
fn ended(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Flaky => "passed on a retry",
        Outcome::Known => "failed, as is known of it",
        Outcome::Skipped => "been skipped",
        Outcome::Error => "ended in an error",
        Outcome::Cancelled => "been cancelled",
        Outcome::Interrupted => "been interrupted",
        other => other.word(),
    }
}

fn answered(result: &Attempted) -> (Option<Status>, String) {
    match result {
        Attempted::Reply(reply) if reply.summary.is_empty() => (GOOD, short(&reply.value)),
        Attempted::Reply(reply) => (GOOD, reply.summary.to_string()),
        Attempted::Failure(failure) => (BROKEN, format!("{}: {failure}", failure.kind.word())),
    }
}

fn numbered(text: &str, attempt: u32) -> String {
    match attempt {
        0..=1 => text.to_owned(),
        attempt => format!("{text} (attempt {attempt})"),
    }
}

fn short(value: &Json) -> String {
    compact(value, VALUE_BYTES, "…")
}

fn at(place: &Location) -> String {
    super::failure::at(place)
}
