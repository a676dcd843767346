//! Where a run writes how it stands, and the session reads it: a fold that both hold, so that neither waits
//! for the other longer than it takes to copy a line.

use super::mailbox::Mailbox;
use crate::engine::ServiceError;
use crate::event::{Attempted, Event, Fact, Json, Sink};
use crate::report::{Ended, Live};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The events of one execution that are kept for a replay.
const MAX_EVENTS: usize = 5_000;
/// The bytes of their payloads.
const MAX_BYTES: usize = 512 << 10;

/// How the run of one task stands. Cheap to clone; all clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    shared: Arc<Mutex<ProgressState>>,
    mailbox: Mailbox,
}

/// How a run stands, as the session reads it.
#[derive(Debug, Default)]
pub(super) struct ProgressState {
    /// What runs.
    pub(super) live: Live,
    /// The worst of what has come to its end: a task has one, or one for each case.
    worst: Option<Box<Ended>>,
    /// The last attempt that has ended and will be tried again.
    attempt: Option<Box<Ended>>,
    /// The events of the last attempt.
    pub(super) kept: KeptEvents,
    /// The run is over; or why it never began.
    pub(super) over: Option<Result<(), Arc<ServiceError>>>,
}

/// The events of one execution, as long as they are few enough to be kept.
#[derive(Clone, Debug, Default)]
pub(super) struct KeptEvents {
    pub(super) events: Vec<Event>,
    bytes: usize,
    /// There were more than are kept.
    pub(super) is_cut: bool,
}

impl Progress {
    pub(super) fn new(mailbox: Mailbox) -> Self {
        Self {
            shared: Arc::default(),
            mailbox,
        }
    }

    /// What stands there now.
    pub(super) fn read(&self) -> MutexGuard<'_, ProgressState> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The run is over.
    pub(super) fn over(&self, how: Result<(), ServiceError>) {
        self.read().over = Some(how.map_err(Arc::new));
        self.mailbox.wake();
    }
}

impl Sink for Progress {
    fn accept(&mut self, events: &[Event]) -> io::Result<()> {
        {
            let mut written = self.read();
            for event in events {
                written.kept.add(event);
                if let Some(ended) = written.live.apply(event) {
                    written.add(Box::new(ended));
                }
            }
        }
        self.mailbox.wake();
        Ok(())
    }
}

impl ProgressState {
    fn add(&mut self, ended: Box<Ended>) {
        if !ended.last_attempt {
            self.attempt = Some(ended);
            return;
        }
        if (self.attempt.as_ref()).is_some_and(|before| before.key() == ended.key()) {
            self.attempt = None;
        }
        // Of equals the first: it is seen as soon as it is there, and stays.
        if (self.worst.as_ref()).is_none_or(|worst| worst.outcome < ended.outcome) {
            self.worst = Some(ended);
        }
    }

    /// What the run came to, if anything of it has ended.
    pub(super) fn take_ended(&mut self) -> Option<Box<Ended>> {
        self.worst.take().or_else(|| self.attempt.take())
    }
}

impl KeptEvents {
    fn add(&mut self, event: &Event) {
        if let Fact::ExecutionStarted(_) = event.fact {
            // What was said of the run as a whole stays.
            self.events.retain(|event| event.execution.is_none());
            self.bytes = 0;
            self.is_cut = false;
        }
        if self.is_cut {
            return;
        }
        self.bytes += weight(&event.fact);
        if self.events.len() >= MAX_EVENTS || self.bytes > MAX_BYTES {
            // Half a recording is worse than none: it would seem to end where it was cut.
            *self = Self {
                is_cut: true,
                ..Self::default()
            };
            return;
        }
        self.events.push(event.clone());
    }
}

/// About how many bytes of payload a fact holds.
fn weight(fact: &Fact) -> usize {
    match fact {
        Fact::InstructionFinished { result, .. } | Fact::PollAnswered { result, .. } => {
            match result {
                Attempted::Reply(reply) => size(&reply.value),
                Attempted::Failure(_) => 0,
            }
        }
        Fact::InstructionStarted { request, .. } => size(request),
        Fact::MessageReceived { value, .. } => size(value),
        Fact::VariableSaved { value, .. } => size(value),
        Fact::Log { text, .. } => text.len(),
        // What a signal carries, outputs and definitions are kept once an execution, or are small.
        Fact::RunStarted(_)
        | Fact::ExecutionStarted(_)
        | Fact::StateEntered { .. }
        | Fact::InstructionSkipped { .. }
        | Fact::ExpectationChecked { .. }
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
        | Fact::SignalSent { .. }
        | Fact::FrameOpened(_)
        | Fact::FrameClosed { .. }
        | Fact::ExecutionFinished { .. }
        | Fact::EngineBusy { .. }
        | Fact::RunFinished { .. }
        | Fact::RunSealed { .. } => 0,
    }
}

fn size(json: &Json) -> usize {
    const EACH: usize = size_of::<Json>();
    match json {
        Json::String(text) => EACH + text.len(),
        Json::Array(items) => EACH + items.iter().map(size).sum::<usize>(),
        Json::Object(members) => {
            let members = members.iter().map(|(key, value)| key.len() + size(value));
            EACH + members.sum::<usize>()
        }
        _ => EACH,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(fact: Fact) -> Event {
        Event {
            run: "r".into(),
            seq: 1,
            at: 0,
            execution: Some(1),
            frame: crate::event::ROOT,
            fact,
        }
    }

    fn log(bytes: usize) -> Event {
        let place = crate::event::Location {
            file: "t".into(),
            path: "a".into(),
            span: crate::event::Span::default(),
        };
        event(Fact::Log {
            place: Arc::new(place),
            text: "x".repeat(bytes),
        })
    }

    #[test]
    fn a_recording_is_bounded_and_begins_anew_with_each_attempt() {
        let start = event(Fact::ExecutionStarted(Box::default()));
        let mut kept = KeptEvents::default();
        kept.add(&start);
        kept.add(&log(10));
        assert_eq!(kept.events.len(), 2);
        kept.add(&log(MAX_BYTES));
        assert!(kept.is_cut && kept.events.is_empty());
        kept.add(&log(1));
        assert!(kept.events.is_empty(), "cut for good");
        kept.add(&start);
        assert!(!kept.is_cut);
        for _ in 0..=MAX_EVENTS {
            kept.add(&log(1));
        }
        assert!(kept.is_cut);
    }
}
