//! The end of an execution: outputs, `defer`s and cleanup, the outcome.

use super::execution::Trouble;
use super::frame::Frame;
use super::program::KnownFailure;
use super::run::{Stop, Verdict};
use super::world::{ScopeId, World};
use crate::event::{ErrorKind, Fact, Failure, Json, Outcome};
use crate::script::Value;

impl<W: World> Frame<'_, W> {
    /// Turns the reason of the end into a verdict, after `defer`s and cleanup have run.
    pub(super) async fn wind_up(&self, stop: Stop) -> Verdict {
        // What a halt or the task's deadline interrupted is still open.
        let closed = self.leave().await;
        let has_outputs = !matches!(stop, Stop::CleanupOnly);
        let (mut outcome, mut headline) = match stop {
            Stop::Final if self.execution.attempt > 1 => (Outcome::Flaky, None),
            Stop::Final | Stop::CleanupOnly => (Outcome::Passed, None),
            Stop::Trouble(trouble) => (outcome_of(trouble.failure.kind), Some(trouble)),
            Stop::Expired(trouble) => (Outcome::TimedOut, Some(trouble)),
            Stop::Halted(reason) => {
                let failure = Failure::new(ErrorKind::Fail, reason);
                (
                    Outcome::Cancelled,
                    Some(self.trouble(failure, &self.state().place)),
                )
            }
        };
        if let (Err(lost), true) = (closed, outcome.is_good()) {
            (outcome, headline) = (Outcome::Error, Some(lost));
        }
        let outputs = if outcome.is_good() && has_outputs {
            self.output_values().map(|outputs| outputs.to_json())
        } else {
            Ok(Json::Null)
        };
        let outputs = outputs.unwrap_or_else(|trouble| {
            (outcome, headline) = (Outcome::Error, Some(trouble));
            Json::Null
        });
        if let Some(trouble) = &headline {
            let error = Self::error_value(trouble);
            self.inner().rare().error = Some(error);
        }
        if let Some(trouble) = &mut headline {
            trouble.before = (self.inner().rare.as_mut()).and_then(|rare| rare.routed.take());
        }
        let failed = Box::pin(self.clean_up()).await;
        let lost = self.world().close(ScopeId::EXECUTION).await.is_err();
        if outcome.is_good() {
            if let Some(trouble) = failed {
                (outcome, headline) = (Outcome::Error, Some(trouble));
            } else if lost {
                (outcome, headline) = (Outcome::Error, Some(self.lost()));
            }
        }
        if let Some(known) = self.machine().xfail.as_ref().filter(|_| has_outputs) {
            (outcome, headline) = self.with_known(known, outcome, headline);
        }
        self.finish(outcome, headline, outputs).await
    }

    /// The end of a task that is known to fail.
    fn with_known(
        &self,
        known: &KnownFailure,
        outcome: Outcome,
        headline: Option<Trouble>,
    ) -> (Outcome, Option<Trouble>) {
        match outcome {
            Outcome::Failed | Outcome::TimedOut => (Outcome::Known, headline),
            Outcome::Passed | Outcome::Flaky => {
                let message = "the task no longer fails: remove `xfail`";
                let failure = Failure::new(ErrorKind::Fail, message)
                    .hint(format!("it was known to fail: {}", known.reason));
                (Outcome::Failed, Some(self.trouble(failure, &known.place)))
            }
            Outcome::Known
            | Outcome::Skipped
            | Outcome::Error
            | Outcome::Cancelled
            | Outcome::Interrupted => (outcome, headline),
        }
    }

    /// The task's `outputs`; nothing, if it has none.
    pub(super) fn output_values(&self) -> Result<Value, Trouble> {
        let mut outputs: Vec<(&str, Value)> = Vec::new();
        for output in &self.machine().outputs {
            outputs.push((&output.name, self.assigned(output, self.env())?));
        }
        Ok(if outputs.is_empty() {
            Value::default()
        } else {
            Value::map(outputs)
        })
    }

    pub(super) async fn finish(
        &self,
        outcome: Outcome,
        headline: Option<Trouble>,
        outputs: Json,
    ) -> Verdict {
        let metrics = self.metrics();
        let never_known = self.record_never_known().await;
        self.record(Fact::ExecutionFinished {
            outcome,
            headline: headline.clone(),
            state: self.state_name(),
            outputs: outputs.clone(),
            metrics: Box::new(metrics.clone()),
        })
        .await;
        Verdict {
            outcome,
            headline,
            outputs,
            metrics,
            never_known,
        }
    }
}

/// How an error of this kind ends an execution that does not route it.
pub(crate) fn outcome_of(kind: ErrorKind) -> Outcome {
    match kind {
        ErrorKind::Expect | ErrorKind::Condition | ErrorKind::Fail | ErrorKind::Limit => {
            Outcome::Failed
        }
        ErrorKind::Timeout => Outcome::TimedOut,
        ErrorKind::Transport
        | ErrorKind::Protocol
        | ErrorKind::Script
        | ErrorKind::Resource
        | ErrorKind::Lost => Outcome::Error,
    }
}
