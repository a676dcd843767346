use crate::event::{Attempted, Event, Fact, Json};

/// What an event takes beside what it brings, about, in bytes.
const EVENT: u64 = 512;
/// The values of a payload take, about, so many times its bytes.
const VALUES: u64 = 8;

/// The memory that an event takes, about, in bytes: quick to tell, however large it is.
pub(super) fn weight(event: &Event) -> u64 {
    EVENT + of_fact(&event.fact)
}

fn of_fact(fact: &Fact) -> u64 {
    match fact {
        Fact::InstructionFinished { result, .. } | Fact::PollAnswered { result, .. } => {
            match result {
                Attempted::Reply(reply) => reply.received.saturating_mul(VALUES),
                Attempted::Failure(failure) => failure.message.len() as u64,
            }
        }
        Fact::InstructionStarted { request, .. } => of_json(request),
        Fact::MessageReceived { value, .. } => of_json(value),
        Fact::VariableSaved { value, .. } => of_json(value),
        Fact::SignalSent { data, .. } => of_json(data),
        Fact::Deferred { item, .. } => item.as_ref().map_or(0, of_json),
        Fact::ConditionChecked { seen, .. } => seen.as_ref().map_or(0, |seen| of_json(&seen.1)),
        Fact::Log { text, .. } => text.len() as u64,
        Fact::ExecutionStarted(started) => {
            let source = started.source.as_ref().map_or(0, |text| text.len());
            let files = started.files.iter().map(|(_, text)| text.len());
            (source + files.sum::<usize>()) as u64
        }
        Fact::ExecutionFinished {
            headline, outputs, ..
        } => {
            let result = (headline.as_ref()).and_then(|headline| headline.result.as_ref());
            of_json(outputs) + result.map_or(0, |result| of_json(result))
        }
        Fact::RunStarted(_)
        | Fact::FrameOpened(_)
        | Fact::FrameClosed { .. }
        | Fact::StateEntered { .. }
        | Fact::InstructionSkipped { .. }
        | Fact::ExpectationChecked { .. }
        | Fact::SubscriptionOpened { .. }
        | Fact::SubscriptionChanged { .. }
        | Fact::WaitStarted { .. }
        | Fact::TransitionTaken { .. }
        | Fact::Stayed { .. }
        | Fact::TimedOut { .. }
        | Fact::CleanupStarted { .. }
        | Fact::CleanupSkipped { .. }
        | Fact::CleanupFinished { .. }
        | Fact::NeverKnown(_)
        | Fact::EngineBusy { .. }
        | Fact::RunFinished { .. }
        | Fact::RunSealed { .. } => 0,
    }
}

fn of_json(value: &Json) -> u64 {
    let below = match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => 0,
        Json::String(text) => text.len() as u64,
        Json::Array(items) => items.iter().map(of_json).sum(),
        Json::Object(members) => {
            let member = |(name, value): (&String, &Json)| name.len() as u64 + of_json(value);
            members.iter().map(member).sum()
        }
    };
    size_of::<Json>() as u64 + below
}
