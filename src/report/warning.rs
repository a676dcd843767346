//! What is no failure, but ought to be looked at: conditions that never had an answer, subscriptions that were not
//! open all the time.

use crate::event::{Fact, Location, Missing, Name, NeverKnown, SubscriptionChange};
use std::sync::Arc;

/// Something to look at, and where it is written.
#[derive(Clone, Debug)]
pub struct Warning {
    /// Where.
    pub place: Arc<Location>,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    NeverKnown(NeverKnown),
    /// How often a connection was lost, and what was said the last time.
    Lost {
        times: u32,
        why: Name,
    },
}

impl Warning {
    /// Adds what this fact warns of. Several losses of one subscription are one warning.
    pub(super) fn add(warnings: &mut Vec<Self>, fact: &Fact) {
        if let Fact::NeverKnown(one) = fact {
            warnings.push(Self {
                place: Arc::clone(&one.place),
                kind: Kind::NeverKnown((**one).clone()),
            });
        }
        let Fact::SubscriptionChanged {
            place,
            change: SubscriptionChange::Lost { why: now },
            ..
        } = fact
        else {
            return;
        };
        let now = Name::from(&*now.message);
        let known = warnings.iter_mut().find(|one| one.place.path == place.path);
        if let Some(Self {
            kind: Kind::Lost { times, why },
            ..
        }) = known
        {
            *times += 1;
            *why = now;
        } else {
            warnings.push(Self {
                place: Arc::clone(place),
                kind: Kind::Lost { times: 1, why: now },
            });
        }
    }

    /// Where it is written: file, line and column.
    pub fn at(&self) -> String {
        let Location { file, span, .. } = &*self.place;
        format!("{file}:{}:{}", span.start.line, span.start.column)
    }

    /// What ought to be looked at.
    pub fn text(&self) -> String {
        match &self.kind {
            Kind::NeverKnown(one) => was_unknown(one),
            Kind::Lost { times: 1, why } => {
                format!("the subscription was lost once and reopened: {why}")
            }
            Kind::Lost { times, why } => {
                format!(
                    "the subscription was lost {times} times and reopened, the last time: {why}"
                )
            }
        }
    }
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.at(), self.text())
    }
}

/// How often a condition was asked, and why there was no answer.
pub(super) fn was_unknown(one: &NeverKnown) -> String {
    let times = match one.asked {
        1 => "when it was asked".to_owned(),
        times => format!("all {times} times"),
    };
    let missing: Vec<String> = one.missing.iter().map(missing).collect();
    let why = if missing.is_empty() {
        "what it asks about is null".to_owned()
    } else {
        missing.join(", ")
    };
    format!("{} was unknown {times}: {why}", one.source)
}

/// What to say of a member that is not there: `res.bdy is missing; nearest: body`.
pub fn missing(missing: &Missing) -> String {
    let path = &missing.path;
    match (&missing.nearest, &missing.hint) {
        (Some(nearest), _) => format!("{path} is missing; nearest: {nearest}"),
        (None, Some(hint)) => format!("{path} is missing: {hint}"),
        (None, None) => format!("{path} is missing"),
    }
}
