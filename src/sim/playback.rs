//! A recording being played: who asks what it holds, who asks for more.
//!
//! Nothing happens earlier in its visit than it did in the recording, so that what raced then races alike
//! now. What the recording does not answer stays unanswered for as long as the recorded visit lasted: it
//! may have been under way, and lost a race. After that nobody knows what would have come, and the
//! execution has left the recording.

use super::clock::Brought;
use super::recording::{
    OpeningKey, RecordedAnswer, RecordedMessage, RecordedOpening, RecordedReply, Recording,
    RequestKey, Stage,
};
use super::request_match::is_same_request;
use crate::event::{Attempted, Fact, FrameId, Json, Location, Name};
use crate::machine::program::{Action, From, Machine, Step, Strategy, StrategyKind};
use crate::machine::{ScopeId, Site};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Where an execution asked for something that its recording does not hold.
#[derive(Clone, Debug, PartialEq)]
pub struct LeftAt {
    /// What asked.
    pub place: Arc<Location>,
    /// The state it asked in; `None`: before the first, or in cleanup.
    pub state: Option<Name>,
    /// The visit of that state, from 1.
    pub visit: u32,
    /// The attempt, or the number of the message, from 1.
    pub attempt: u32,
    /// What was asked for.
    pub asked: Mismatch,
}

/// What a recording was asked for in vain.
#[derive(Clone, Debug, PartialEq)]
pub enum Mismatch {
    /// An answer, or a subscription, that was not asked for there.
    Unrecorded,
    /// The answer to another request than the one that was recorded there.
    Other {
        /// The request of the recording.
        recorded: Arc<Json>,
        /// The request of now.
        now: Arc<Json>,
    },
    /// A message behind the last one.
    Message,
}

impl std::fmt::Display for LeftAt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            place,
            visit,
            attempt,
            ..
        } = self;
        let path = &place.path;
        write!(f, "the recording ends at `{path}`")?;
        if *visit > 0 {
            write!(f, ", visit {visit}")?;
        }
        match &self.asked {
            Mismatch::Unrecorded => write!(f, ", attempt {attempt}: it holds no answer to this"),
            Mismatch::Message => write!(f, ": it holds no message {attempt}"),
            Mismatch::Other { .. } => {
                write!(f, ", attempt {attempt}: it answers another request")
            }
        }
    }
}

/// Who listens where: a strategy, and the subscription that feeds it.
struct Listener {
    state: Name,
    /// The path of the strategy.
    strategy: Name,
    source: SubscriptionOrigin,
}

#[derive(PartialEq)]
enum SubscriptionOrigin {
    /// The path of its own subscription.
    Own(Name),
    /// The name of a `listen` entry.
    Listen(Name),
}

/// A subscription that is open in the replay.
struct Open {
    scope: ScopeId,
    frame: FrameId,
    place: Arc<Location>,
    messages: u32,
    /// When the last of them arrives.
    last: u64,
    /// Whether its end is recorded: nothing comes behind it.
    ends: bool,
}

/// A request that the recording does not answer.
struct Unanswered {
    /// When nothing is known any more, in microseconds.
    horizon: u64,
    at: LeftAt,
}

#[derive(Default)]
pub(super) struct Playback {
    recording: Recording,
    listeners: Vec<Listener>,
    /// By the path of a `listen` entry, its name.
    listens: HashMap<Name, Name>,
    secrets: Vec<Name>,
    phases: BTreeMap<FrameId, Phase>,
    unanswered: BTreeMap<u64, Unanswered>,
    next: u64,
    open: Vec<Open>,
    /// Secrets that were read masked.
    pub(super) masked: Vec<Name>,
}

/// What a frame is at.
#[derive(Clone, Default)]
struct Phase {
    stage: Stage,
    /// When it began, and when the recorded one would be over, in microseconds.
    base: u64,
    horizon: u64,
}

/// What a recording says to a request.
pub(super) enum PlayedAnswer {
    /// This, at that moment.
    Answer { at: u64, result: Attempted },
    /// Nothing; ask again with this number that it is no longer waited for.
    Nothing(u64),
}

/// What a subscription brings, with the moment at which it comes.
pub(super) type Arrival = (u64, Brought);

impl Playback {
    pub(super) fn new(recording: Recording, machine: &Machine) -> Self {
        Self {
            listeners: listeners(machine),
            listens: listens(machine),
            secrets: machine.secrets.to_vec(),
            recording,
            ..Self::default()
        }
    }

    /// Follows a frame from visit to visit.
    pub(super) fn observe(&mut self, frame: FrameId, fact: &Fact, now: u64) {
        if let Some(stage) = Stage::begun_by(fact) {
            let phase = self.begun(frame, stage, now);
            self.phases.insert(frame, phase);
        }
    }

    fn begun(&self, frame: FrameId, stage: Stage, now: u64) -> Phase {
        let key = (frame, stage);
        let length = self.recording.lengths.get(&key).copied().unwrap_or(0);
        Phase {
            stage: key.1,
            base: now,
            horizon: now.saturating_add(length),
        }
    }

    /// What the frame is at: the beginning, before it has told of anything.
    fn phase(&mut self, frame: FrameId, now: u64) -> &Phase {
        if !self.phases.contains_key(&frame) {
            // The task begins with the clock; another frame when it first asks for something.
            let began = if frame == crate::event::ROOT { 0 } else { now };
            let phase = self.begun(frame, Stage::Beginning, began);
            self.phases.insert(frame, phase);
        }
        &self.phases[&frame]
    }

    pub(super) fn ask(&mut self, site: Site<'_>, request: &Arc<Json>, now: u64) -> PlayedAnswer {
        let Phase { stage, base, .. } = self.phase(site.frame, now).clone();
        let key = RequestKey {
            frame: site.frame,
            path: Name::clone(&site.place.path),
            visit: stage.visit(),
            attempt: site.attempt,
        };
        let queue = self.recording.answers.entry(key).or_default();
        let same = |answer: &RecordedAnswer| {
            let known = answer.request.as_ref();
            known.is_none_or(|known| is_same_request(known, request))
        };
        let Some(found) = queue.iter().position(same) else {
            let other = queue.front().and_then(|answer| answer.request.clone());
            return self.unanswered(site, other, request, now);
        };
        match queue.remove(found).and_then(|answer| answer.came) {
            // It was cancelled then, and may be so now.
            None => self.unanswered(site, None, request, now),
            Some(RecordedReply {
                offset,
                micros,
                result,
            }) => PlayedAnswer::Answer {
                at: (now + micros).max(base + offset),
                result: self.stand_in(result),
            },
        }
    }

    /// Opens a subscription: the moment at which it is open, and what will arrive.
    pub(super) fn open(
        &mut self,
        site: Site<'_>,
        source: &Arc<Json>,
        now: u64,
    ) -> Result<(u64, Vec<Arrival>), u64> {
        let Phase { stage, base, .. } = self.phase(site.frame, now).clone();
        let key = OpeningKey {
            frame: site.frame,
            path: Name::clone(&site.place.path),
            visit: stage.visit(),
        };
        let openings = self.recording.openings.entry(key).or_default();
        let found = openings
            .iter()
            .position(|opening| is_same_request(&opening.source, source));
        let Some(opening) = found.and_then(|found| openings.remove(found)) else {
            let other = openings.front().map(|opening| Arc::clone(&opening.source));
            return Err(match self.unanswered(site, other, source, now) {
                PlayedAnswer::Nothing(number) => number,
                PlayedAnswer::Answer { .. } => unreachable!("nothing is no answer"),
            });
        };
        let opened = now.max(base + opening.offset);
        let arrivals = self.arrivals(site, &opening, opened);
        let ends = arrivals.iter().any(|(_, brought)| brought.is_over());
        let is_message = |brought: &Brought| matches!(brought, Brought::Message(_));
        let messages = arrivals.iter().filter(|(_, one)| is_message(one)).count();
        self.open.push(Open {
            scope: site.scope,
            frame: site.frame,
            place: Arc::clone(site.place),
            messages: u32::try_from(messages).unwrap_or(u32::MAX),
            ends,
            last: arrivals.iter().map(|(at, _)| *at).max().unwrap_or(0),
        });
        Ok((opened, arrivals))
    }

    pub(super) fn close(&mut self, scope: ScopeId) {
        self.open.retain(|open| open.scope != scope);
    }

    /// A request that is no longer waited for.
    pub(super) fn forget(&mut self, number: u64) {
        self.unanswered.remove(&number);
    }

    /// Where the execution leaves the recording if nothing happens before this moment (`None`: ever).
    pub(super) fn left_before(&self, next: Option<u64>) -> Option<LeftAt> {
        let beyond = |horizon: u64| next.is_none_or(|next| next > horizon);
        let first = self
            .unanswered
            .iter()
            .min_by_key(|(number, unanswered)| (unanswered.horizon, **number))
            .filter(|(_, unanswered)| beyond(unanswered.horizon));
        if let Some((_, unanswered)) = first {
            return Some(unanswered.at.clone());
        }
        let mut phases = self.phases.iter();
        phases.find_map(|(frame, phase)| self.heard_out(*frame, phase, beyond))
    }

    /// The subscription that the state waits for, at the message after its last one.
    fn heard_out(
        &self,
        frame: FrameId,
        phase: &Phase,
        beyond: impl Fn(u64) -> bool,
    ) -> Option<LeftAt> {
        let Stage::Visit(state, visit) = &phase.stage else {
            return None;
        };
        // What the task listens to, every frame may wait for.
        let is_heard = |open: &Open| open.frame == frame || open.scope == ScopeId::EXECUTION;
        let ear_of = |open: &&Open| {
            self.listeners.iter().any(|listener| {
                listener.state == *state
                    && match &listener.source {
                        SubscriptionOrigin::Own(path) => open.place.path == *path,
                        SubscriptionOrigin::Listen(name) => {
                            self.listens.get(&open.place.path) == Some(name)
                        }
                    }
            })
        };
        let mut open = self.open.iter();
        let open = open.find(|open| !open.ends && is_heard(open) && ear_of(open))?;
        // A machine that is faster than it was waits longer for what comes in its own time.
        if !beyond(phase.horizon.max(open.last)) {
            return None;
        }
        Some(LeftAt {
            place: Arc::clone(&open.place),
            state: Some(Name::clone(state)),
            visit: *visit,
            attempt: open.messages + 1,
            asked: Mismatch::Message,
        })
    }

    fn unanswered(
        &mut self,
        site: Site<'_>,
        other: Option<Arc<Json>>,
        request: &Arc<Json>,
        now: u64,
    ) -> PlayedAnswer {
        let phase = self.phase(site.frame, now).clone();
        // What was asked for in another way has no answer at any time.
        let (horizon, asked) = match other {
            None => (phase.horizon, Mismatch::Unrecorded),
            Some(recorded) => (
                now,
                Mismatch::Other {
                    recorded,
                    now: Arc::clone(request),
                },
            ),
        };
        let state = match &phase.stage {
            Stage::Visit(state, _) => Some(Name::clone(state)),
            Stage::Beginning | Stage::Cleanup => None,
        };
        let at = LeftAt {
            place: Arc::clone(site.place),
            state,
            visit: phase.stage.visit(),
            attempt: site.attempt,
            asked,
        };
        self.next += 1;
        self.unanswered
            .insert(self.next, Unanswered { horizon, at });
        PlayedAnswer::Nothing(self.next)
    }

    fn arrivals(&mut self, site: Site<'_>, opening: &RecordedOpening, opened: u64) -> Vec<Arrival> {
        let Phase { stage, base, .. } = self.phase(site.frame, opened).clone();
        let visit = stage.visit();
        let here = |frame: FrameId, of: u32| frame == site.frame && of == visit;
        let mut heard: BTreeMap<u64, (u64, Arc<Json>)> = BTreeMap::new();
        let mut changes: Vec<Arrival> = Vec::new();
        let recorded = self.recording.changes.get(&site.place.path);
        let recorded = || recorded.into_iter().flatten();
        match self.listens.get(&site.place.path) {
            None => {
                let own = SubscriptionOrigin::Own(Name::clone(&site.place.path));
                for one in self.heard_by(&own).filter(|one| here(one.frame, one.visit)) {
                    let at = (base + one.offset).max(opened);
                    heard.insert(one.number, (at, Arc::clone(&one.value)));
                }
                for one in recorded().filter(|one| here(one.frame, one.visit)) {
                    let at = (base + one.offset).max(opened);
                    changes.push((at, Brought::Change(one.change.clone())));
                }
            }
            // It lives on from visit to visit, until the same name is opened again.
            Some(name) => {
                let until = self.opened_again(name, opening.at);
                for one in self.heard_by(&SubscriptionOrigin::Listen(Name::clone(name))) {
                    if one.at >= opening.at && one.at < until {
                        let at = (opened + (one.at - opening.at)).max(opened);
                        heard
                            .entry(one.number)
                            .or_insert((at, Arc::clone(&one.value)));
                    }
                }
                for one in recorded().filter(|one| one.at >= opening.at && one.at < until) {
                    let at = opened + (one.at - opening.at);
                    changes.push((at, Brought::Change(one.change.clone())));
                }
            }
        }
        let mut arrivals: Vec<Arrival> = heard
            .into_values()
            .map(|(at, value)| {
                let value = self.unmasked(Json::clone(&value));
                (at, Brought::Message(value))
            })
            .collect();
        arrivals.extend(changes);
        // Messages first, where a change came at the same time: it was seen behind them.
        arrivals.sort_by_key(|(at, _)| *at);
        arrivals
    }

    fn heard_by(&self, source: &SubscriptionOrigin) -> impl Iterator<Item = &RecordedMessage> {
        self.listeners
            .iter()
            .filter(move |listener| listener.source == *source)
            .filter_map(|listener| self.recording.messages.get(&listener.strategy))
            .flatten()
    }

    /// When a `listen` entry of this name was opened next.
    fn opened_again(&self, name: &Name, after: u64) -> u64 {
        self.recording
            .openings
            .iter()
            .filter(|(key, _)| self.listens.get(&key.path) == Some(name))
            .flat_map(|(_, openings)| openings)
            .map(|opening| opening.at)
            .filter(|at| *at > after)
            .min()
            .unwrap_or(u64::MAX)
    }

    /// The result with something in the place of masked secrets that can be a secret again.
    fn stand_in(&mut self, result: Attempted) -> Attempted {
        match result {
            Attempted::Reply(mut reply) if !self.secrets.is_empty() => {
                reply.value = Arc::new(self.unmasked(Json::clone(&reply.value)));
                Attempted::Reply(reply)
            }
            other => other,
        }
    }

    fn unmasked(&mut self, mut value: Json) -> Json {
        for name in &self.secrets {
            if replaced(
                &mut value,
                &format!("${name}"),
                &format!("<masked ${name}>"),
            ) && !self.masked.contains(name)
            {
                self.masked.push(Name::clone(name));
            }
        }
        value
    }
}

fn replaced(value: &mut Json, from: &str, to: &str) -> bool {
    match value {
        Json::String(text) if text.contains(from) => {
            *text = text.replace(from, to);
            true
        }
        Json::Array(items) => items
            .iter_mut()
            .fold(false, |any, item| replaced(item, from, to) | any),
        Json::Object(members) => members
            .values_mut()
            .fold(false, |any, member| replaced(member, from, to) | any),
        _ => false,
    }
}

fn listeners(machine: &Machine) -> Vec<Listener> {
    let mut listeners = Vec::new();
    for called in &machine.called {
        listeners.extend(self::listeners(called));
    }
    machine.program.each_state(&mut |state| {
        let mut hear = |strategy: &Strategy| {
            let StrategyKind::Subscribe(subscription) = &strategy.kind else {
                return;
            };
            let source = match &subscription.from {
                From::Client { .. } => {
                    SubscriptionOrigin::Own(Name::clone(&subscription.place.path))
                }
                From::Listen(name) => SubscriptionOrigin::Listen(Name::clone(name)),
                From::Signal(_) => return,
            };
            listeners.push(Listener {
                state: Name::clone(&state.name),
                strategy: Name::clone(&strategy.place.path),
                source,
            });
        };
        for strategy in &state.strategies {
            strategy.each(&mut hear);
        }
    });
    listeners
}

fn listens(machine: &Machine) -> HashMap<Name, Name> {
    let mut found: HashMap<Name, Name> = HashMap::new();
    for called in &machine.called {
        found.extend(listens(called));
    }
    let mut add = |subscription: &crate::machine::program::Subscription| {
        if let Some(name) = &subscription.name {
            found.insert(Name::clone(&subscription.place.path), Name::clone(name));
        }
    };
    machine.listen.iter().for_each(&mut add);
    machine.each_step(&mut |step: &Step| {
        if let Action::Listen(subscriptions) = &step.action {
            subscriptions.iter().for_each(&mut add);
        }
    });
    found
}
