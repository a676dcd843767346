//! Strategies: what a state waits for.

use super::Compiler;
use super::conditions::Leaving;
use super::context::{Context, Reads};
use super::steps::optional;
use super::texts::chance_place;
use crate::definition::model::{self, Strategy as WrittenStrategy, Subscribe, Wait};
use crate::definition::nearest;
use crate::event::{Name, Span};
use crate::machine::program::{self, Length, Pauses, Poll, Read, StrategyKind, Subscription};
use std::time::Duration;

/// The pause between two polls.
const EVERY: Duration = Duration::from_millis(500);

impl<'a> Compiler<'a> {
    pub(super) fn strategy(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        strategy: &WrittenStrategy,
        leaving: &Leaving<'_>,
        path: &str,
    ) -> Option<StrategyKind> {
        match strategy {
            WrittenStrategy::Wait(Wait::For(length), _) => {
                let length = self.length(cx, reads, length, &format!("{path}.wait"))?;
                Some(StrategyKind::Wait(length))
            }
            WrittenStrategy::Wait(Wait::Until(text), _) => Some(StrategyKind::Until(self.guard(
                cx,
                reads,
                text,
                &format!("{path}.wait.until"),
            )?)),
            WrittenStrategy::Poll(poll, _) => self
                .poll(cx, reads, poll, &format!("{path}.poll"))
                .map(Box::new)
                .map(StrategyKind::Poll),
            WrittenStrategy::Subscribe(subscribe, span) => self
                .subscribe(
                    cx,
                    reads,
                    subscribe,
                    *span,
                    leaving,
                    &format!("{path}.subscribe"),
                )
                .map(StrategyKind::Subscribe),
        }
    }

    fn poll(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        poll: &model::Poll,
        path: &str,
    ) -> Option<Poll> {
        let every = match &poll.every {
            None => Some(Length::Literal(EVERY)),
            Some(length) => self.length(cx, reads, length, &format!("{path}.every")),
        };
        let max_every = optional(poll.max_every.as_ref(), |length| {
            self.length(cx, reads, length, &format!("{path}.max_every"))
        });
        let step = self.step(cx, &poll.instruction, path);
        reads.extend(step.iter().flat_map(|step| step.reads.iter().cloned()));
        Some(Poll {
            step: step?,
            pauses: Pauses {
                first: every?,
                backoff: poll.backoff.as_ref().map_or(1.0, |factor| factor.value),
                longest: max_every?,
                jitter: poll.jitter.as_ref().map_or(0.0, |share| share.value),
                chance: chance_place(path),
            },
        })
    }

    fn subscribe(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        subscribe: &Subscribe,
        span: Span,
        leaving: &Leaving<'_>,
        path: &str,
    ) -> Option<Subscription> {
        match subscribe {
            Subscribe::Listen(name) => {
                let mut names = self.listens.iter().map(|listen| listen.name.as_str());
                if !names.clone().any(|known| known == name.as_str()) {
                    let hint = nearest(name.as_str(), &mut names).map_or_else(
                        || "declare it under `listen:`, or write `{ CLIENT: source }`".to_owned(),
                        |known| format!("did you mean `{known}`?"),
                    );
                    let message = format!("there is no `listen` entry `{}`", name.as_str());
                    self.error(
                        "unknown-listen",
                        &cx.file.name,
                        name.span,
                        message,
                        "unknown name",
                        Some(hint),
                    );
                    return None;
                }
                let place = cx.place(span, path);
                Some(Subscription {
                    name: None,
                    from: program::From::Listen(Name::clone(&name.value)),
                    place,
                    // An entry may be opened by an instruction of this very state.
                    early: false,
                    record_policy: self.listen_record_policy(name.as_str()),
                })
            }
            Subscribe::Source { client, source } => {
                let mut seen = Reads::new();
                let mut subscription = self.source(cx, &mut seen, None, client, source, path)?;
                let late = seen.iter().find(|read| leaving.saved.contains(&read.name));
                if let Some(Read { name, span: at, .. }) = late {
                    subscription.early = false;
                    let message = format!(
                        "this subscription opens after the instructions, since `{name}` is saved by them: it can miss messages"
                    );
                    let hint = Some(
                        "open it with a `listen` instruction as soon as the value is known"
                            .to_owned(),
                    );
                    self.warning(
                        "late-subscription",
                        &cx.file.name,
                        *at,
                        message,
                        "saved by this state's instructions",
                        hint,
                    );
                }
                reads.extend(seen);
                Some(subscription)
            }
        }
    }
}

/// A time that has passed yields no `res`, nor do several conditions together.
pub(super) fn yields_result(strategy: &StrategyKind) -> bool {
    matches!(strategy, StrategyKind::Poll(_) | StrategyKind::Subscribe(_))
}

pub(super) fn strategy_span(strategy: &WrittenStrategy) -> Span {
    match strategy {
        WrittenStrategy::Wait(_, span)
        | WrittenStrategy::Poll(_, span)
        | WrittenStrategy::Subscribe(_, span) => *span,
    }
}
