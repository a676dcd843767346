//! What is no failure, but ought to be looked at: conditions that never had an answer, subscriptions that were not
//! open all the time, an engine that was held up.

use crate::event::{BusyCause, Fact, Location, Missing, Name, NeverKnown, SubscriptionChange};
use std::sync::Arc;

/// So much of an execution's time, in microseconds, an engine may be held up without a warning.
const BUSY: u64 = 1_000_000;

/// Something to look at, and where it is written.
#[derive(Clone, Debug)]
pub struct Warning {
    /// Where, if it is about something that is written.
    pub place: Option<Arc<Location>>,
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
    /// How often the engine was held up, and for how many microseconds in all.
    Busy {
        cause: BusyCause,
        times: u32,
        micros: u64,
    },
}

impl Warning {
    /// Adds what this fact warns of. Several losses of one subscription are one warning.
    pub(super) fn add(warnings: &mut Vec<Self>, fact: &Fact) {
        if let Fact::NeverKnown(one) = fact {
            warnings.push(Self {
                place: Some(Arc::clone(&one.place)),
                kind: Kind::NeverKnown((**one).clone()),
            });
        }
        if let Fact::EngineBusy { cause, micros } = fact {
            Self::add_busy(warnings, *cause, *micros);
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
        let known = (warnings.iter_mut())
            .find(|one| (one.place.as_ref()).is_some_and(|known| known.path == place.path));
        if let Some(Self {
            kind: Kind::Lost { times, why },
            ..
        }) = known
        {
            *times += 1;
            *why = now;
        } else {
            warnings.push(Self {
                place: Some(Arc::clone(place)),
                kind: Kind::Lost { times: 1, why: now },
            });
        }
    }

    fn add_busy(warnings: &mut Vec<Self>, now: BusyCause, more: u64) {
        for one in &mut *warnings {
            if let Kind::Busy {
                cause,
                times,
                micros,
            } = &mut one.kind
                && *cause == now
            {
                *times += 1;
                *micros += more;
                return;
            }
        }
        let kind = Kind::Busy {
            cause: now,
            times: 1,
            micros: more,
        };
        warnings.push(Self { place: None, kind });
    }

    /// Those that are worth a line at the end of an execution.
    pub(super) fn that_matter(mut warnings: Vec<Self>) -> Vec<Self> {
        warnings.retain(|one| !matches!(one.kind, Kind::Busy { micros, .. } if micros < BUSY));
        warnings
    }

    /// Where it is written, file, line and column, if it is about something that is written.
    pub fn at(&self) -> Option<String> {
        let Location { file, span, .. } = &**self.place.as_ref()?;
        Some(format!("{file}:{}:{}", span.start.line, span.start.column))
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
            Kind::Busy {
                cause,
                times,
                micros,
            } => {
                let sentence = cause.sentence(*micros);
                let times = if *times == 1 {
                    String::new()
                } else {
                    format!(", {times} times together")
                };
                format!("{sentence}{times}: what was measured meanwhile may be late")
            }
        }
    }
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.at() {
            Some(at) => write!(f, "{at}: {}", self.text()),
            None => f.write_str(&self.text()),
        }
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
