use super::printer::{Printer, Progress};
use crate::cli::exit::Exit;
use crate::cli::signals::Ending;
use crate::engine::{Adhoc, Handle};
use crate::event::{Attempted, Event, Fact, Json, Name, Outcome, Sink};
use crate::report::{Ended, Live};
use crate::script::Value;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What the run of an ad hoc expression has told.
#[derive(Default)]
pub(super) struct Observed {
    pub(super) variables: Vec<(Name, Value)>,
    /// The last answer or message.
    pub(super) res: Option<Arc<Json>>,
    ended: Option<Ended>,
    live: Live,
    progress: Option<Progress>,
}

impl Observed {
    /// Tells of the waiting while it lasts.
    pub(super) fn new(printer: &Printer, adhoc: &Adhoc) -> Self {
        let subscribes = adhoc.ask.as_ref().is_some_and(|ask| ask.subscribe);
        let waits = adhoc.until.is_some() || subscribes;
        Self {
            progress: waits.then(|| printer.progress()),
            ..Self::default()
        }
    }

    /// Says how the run has ended. `None`: the expression is still to be evaluated.
    pub(super) fn end(&mut self, adhoc: &Adhoc, printer: &Printer) -> Option<Exit> {
        let ended = self.ended.take()?;
        let is_waiting = adhoc.until.is_some();
        match ended.outcome {
            outcome if outcome.is_good() && !is_waiting => None,
            outcome if outcome.is_good() => Some(printer.held(&ended)),
            Outcome::TimedOut if is_waiting => {
                printer.ended(ended, adhoc.timeout, true);
                Some(Exit::Failed)
            }
            _ => {
                printer.ended(ended, adhoc.timeout, false);
                Some(Exit::Error)
            }
        }
    }

    fn hear(&mut self, event: &Event) {
        match &event.fact {
            Fact::VariableSaved {
                name, value, types, ..
            } => {
                let value = Value::from_typed(value.clone(), types);
                self.variables.push((Name::clone(name), value));
            }
            Fact::InstructionFinished { result, .. } => {
                if let Attempted::Reply(reply) = result {
                    self.res = Some(Arc::clone(&reply.value));
                }
            }
            Fact::MessageReceived { value, .. } => self.res = Some(Arc::clone(value)),
            Fact::SubscriptionOpened { .. } => {
                if let Some(progress) = &mut self.progress {
                    progress.say("subscribed");
                }
            }
            Fact::SubscriptionChanged { change, .. } => {
                if let Some(progress) = &mut self.progress {
                    progress.say(change.word());
                }
            }
            Fact::RunStarted(_)
            | Fact::ExecutionStarted(_)
            | Fact::StateEntered { .. }
            | Fact::InstructionStarted { .. }
            | Fact::InstructionSkipped { .. }
            | Fact::ExpectationChecked { .. }
            | Fact::PollAnswered { .. }
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
            | Fact::RunSealed { .. } => {}
        }
        // An answer is told of once it has been judged.
        let checked = matches!(
            event.fact,
            Fact::ConditionChecked { .. }
                | Fact::PollAnswered {
                    result: Attempted::Failure(_),
                    ..
                }
        );
        if let Some(ended) = self.live.apply(event) {
            self.ended = Some(ended);
        } else if checked {
            self.draw(event.at);
        }
    }

    fn draw(&mut self, now: i64) {
        let Self { progress, live, .. } = self;
        if let (Some(progress), Some(running)) = (progress, live.running.values().next()) {
            progress.draw(running, now);
        }
    }
}

impl Sink for Observed {
    fn accept(&mut self, events: &[Event]) -> io::Result<()> {
        for event in events {
            self.hear(event);
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        if let Some(progress) = &mut self.progress {
            progress.clear();
        }
        Ok(())
    }
}

/// Cancels the run at the first signal, and completes at the second.
pub(super) async fn interrupted(
    signals: io::Result<Ending>,
    handle: Handle,
    observed: &Mutex<Observed>,
) {
    let Ok(mut signals) = signals else {
        // Without handlers the default action ends the process, which is all that is left to do.
        return std::future::pending().await;
    };
    let name = signals.next().await;
    let progress = observed
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .progress
        .take();
    if let Some(mut progress) = progress {
        progress.clear();
    }
    handle.cancel(&format!("interrupted by {name}"));
    signals.next().await;
}

/// Lets the time left run down.
pub(super) async fn redraw(observed: Arc<Mutex<Observed>>) {
    let mut every = tokio::time::interval(Duration::from_millis(250));
    loop {
        every.tick().await;
        let mut observed = observed.lock().unwrap_or_else(PoisonError::into_inner);
        let is_live = observed.progress.as_ref().is_some_and(Progress::is_live);
        if is_live {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            observed.draw(now.map_or(0, |since| since.as_micros() as i64));
        }
    }
}
