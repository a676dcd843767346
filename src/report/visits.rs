//! What happened in one state: its visits, each with its instructions, their results and its conditions.

use super::event_line::{EventLine, event_line};
use super::status::Status;
use super::style::{Ink, Style};
use super::value::length;
use crate::event::{Attempted, Event, ExecutionId, ExecutionStarted, Fact, Name};
use std::collections::{BTreeMap, VecDeque};

/// The visits of one state, in any number of executions: a fold over their events.
#[derive(Debug)]
pub struct Visits {
    state: Name,
    begun: BTreeMap<ExecutionId, (ExecutionStarted, i64)>,
    open: BTreeMap<ExecutionId, StateVisit>,
}

/// One stay in the state.
#[derive(Clone, Debug)]
pub struct StateVisit {
    /// The execution.
    pub execution: ExecutionId,
    /// Its task, with its case.
    pub task: String,
    /// When the execution began, microseconds since the Unix epoch.
    pub began: i64,
    /// The state.
    pub state: Name,
    /// Which visit of it this is, from 1.
    pub visit: u32,
    /// The number of the event that entered it.
    pub seq: u64,
    /// When it was entered.
    pub entered: i64,
    /// When it was left. `None`: it was not, so far as is known.
    pub left: Option<i64>,
    /// The state that was entered next.
    pub to: Option<Name>,
    /// What happened, in order.
    pub events: VecDeque<Event>,
    /// How many events are left out before the last [`MAX_EVENTS`].
    pub left_out: u64,
}

/// The events of one visit that are kept: the last ones, which decide.
pub const MAX_EVENTS: usize = 2_000;

impl Visits {
    /// The visits of this state.
    #[must_use]
    pub fn of(state: Name) -> Self {
        Self {
            state,
            begun: BTreeMap::new(),
            open: BTreeMap::new(),
        }
    }

    /// Takes in the next event, and hands out the visit that it ended.
    pub fn apply(&mut self, event: &Event) -> Option<StateVisit> {
        let id = event.execution?;
        match &event.fact {
            Fact::ExecutionStarted(started) => {
                let mut started = (**started).clone();
                started.source = None;
                started.files = Vec::new();
                self.begun.insert(id, (started, event.at));
                None
            }
            Fact::StateEntered { state, visit } => {
                let ended = self.leave(id, event.at);
                if *state == self.state {
                    self.enter(id, event, *visit);
                }
                ended
            }
            Fact::TransitionTaken { to, .. } => {
                let open = self.open.get_mut(&id)?;
                open.to = Some(Name::clone(to));
                open.keep(event);
                self.leave(id, event.at)
            }
            Fact::CleanupStarted { .. } => self.leave(id, event.at),
            Fact::ExecutionFinished { .. } => {
                self.begun.remove(&id);
                self.leave(id, event.at)
            }
            _ => {
                self.open.get_mut(&id)?.keep(event);
                None
            }
        }
    }

    /// The visits that have not ended.
    pub fn rest(&mut self) -> Vec<StateVisit> {
        std::mem::take(&mut self.open).into_values().collect()
    }

    fn enter(&mut self, id: ExecutionId, event: &Event, visit: u32) {
        let (task, began) = match self.begun.get(&id) {
            Some((started, at)) => (super::view::named(started), *at),
            None => (String::new(), event.at),
        };
        let visit = StateVisit {
            execution: id,
            task,
            began,
            state: Name::clone(&self.state),
            visit,
            seq: event.seq,
            entered: event.at,
            left: None,
            to: None,
            events: VecDeque::new(),
            left_out: 0,
        };
        self.open.insert(id, visit);
    }

    fn leave(&mut self, id: ExecutionId, at: i64) -> Option<StateVisit> {
        let mut visit = self.open.remove(&id)?;
        visit.left = Some(at);
        Some(visit)
    }
}

impl StateVisit {
    fn keep(&mut self, event: &Event) {
        if self.events.len() == MAX_EVENTS {
            self.events.pop_front();
            self.left_out += 1;
        }
        self.events.push_back(event.clone());
    }

    /// Writes it: a line that says which, and one for each thing that happened. Polls and messages that brought
    /// the same time and again are one, with their count.
    pub fn write(&self, style: Style, out: &mut String) {
        let dot = format!(" {} ", style.symbols().dot);
        let since = |at: i64, from: i64| length((at - from).max(0).unsigned_abs());
        let mut line = style
            .line()
            .push(Ink::Strong, &self.task)
            .push(Ink::Faint, &dot)
            .plain(&format!("{}, visit {}", self.state, self.visit))
            .push(Ink::Faint, &dot)
            .plain(&format!("after {}", since(self.entered, self.began)));
        line = match self.left {
            Some(left) => line.plain(&format!(" for {}", since(left, self.entered))),
            None => line.plain(", not left"),
        };
        if let Some(to) = &self.to {
            line = line.plain(&format!(" {} {to}", style.symbols().arrow));
        }
        line.push(Ink::Faint, &format!("{dot}event {}", self.seq))
            .write(out);
        if self.left_out > 0 {
            let text = format!("  … {} events before", self.left_out);
            style.line().push(Ink::Faint, &text).write(out);
        }
        for round in rounds(&self.events) {
            for (at, told) in round.steps.iter().enumerate() {
                let offset = format!("{:>7}  ", since(told.at, self.entered));
                let mut line = style.line().push(Ink::Faint, &offset);
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
                line.plain(&told.step.text).write(out);
            }
        }
    }
}

/// A line of a visit.
#[derive(Debug)]
struct Told {
    at: i64,
    step: EventLine,
}

/// A poll or message with what its conditions said, or any other event by itself.
#[derive(Debug)]
struct Round {
    key: Option<String>,
    steps: Vec<Told>,
    times: u32,
}

fn rounds(events: &VecDeque<Event>) -> Vec<Round> {
    let mut rounds: Vec<Round> = Vec::new();
    for event in events {
        let told = Told {
            at: event.at,
            step: event_line(&event.fact),
        };
        if let Some(key) = repeats(&event.fact) {
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
            }) if checked => {
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
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{ConditionVerdict, Reply, Span};
    use std::sync::Arc;

    fn events(facts: Vec<Fact>) -> Vec<Event> {
        let event = |(at, fact): (u32, Fact)| Event {
            run: "R".into(),
            seq: u64::from(at) + 1,
            at: 1_000 * i64::from(at),
            execution: Some(1),
            fact,
        };
        (0..).zip(facts).map(event).collect()
    }

    fn started() -> Fact {
        Fact::ExecutionStarted(Box::new(ExecutionStarted {
            task: "order-ships".into(),
            ..ExecutionStarted::default()
        }))
    }

    fn entered(state: &str, visit: u32) -> Fact {
        Fact::StateEntered {
            state: state.into(),
            visit,
        }
    }

    fn place() -> Arc<crate::event::Location> {
        Arc::new(crate::event::Location {
            file: "t.yaml".into(),
            path: "states.placed".into(),
            span: Span::default(),
        })
    }

    fn polled(attempt: u32, status: &str) -> [Fact; 2] {
        let reply = Reply {
            summary: format!("GET /orders/7 → 200 in {attempt}ms").into(),
            ..Reply::default()
        };
        let answered = Fact::PollAnswered {
            place: place(),
            attempt,
            micros: 1,
            result: Attempted::Reply(reply),
        };
        let checked = Fact::ConditionChecked {
            place: place(),
            attempt,
            verdict: ConditionVerdict::NotYet,
            explanation: None,
            seen: Some(Box::new(("res.body.status".into(), status.into()))),
        };
        [answered, checked]
    }

    fn visits(facts: Vec<Fact>) -> (Vec<StateVisit>, Vec<StateVisit>) {
        let mut visits = Visits::of("placed".into());
        let ended = (events(facts).iter())
            .filter_map(|event| visits.apply(event))
            .collect();
        (ended, visits.rest())
    }

    #[test]
    fn a_visit_ends_where_its_state_is_left() {
        let left = Fact::TransitionTaken {
            from: "placed".into(),
            to: "shipped".into(),
            place: place(),
            also_ready: Vec::new(),
        };
        let (ended, rest) = visits(vec![
            started(),
            entered("place", 1),
            entered("placed", 1),
            Fact::WaitStarted { limit_micros: None },
            left,
            entered("shipped", 1),
            entered("placed", 2),
        ]);
        assert_eq!(ended.len(), 1);
        let visit = &ended[0];
        assert_eq!((visit.entered, visit.left), (2_000, Some(4_000)));
        assert_eq!(visit.to.as_deref(), Some("shipped"));
        assert_eq!(visit.events.len(), 2);
        assert_eq!(rest.len(), 1);
        assert_eq!((rest[0].visit, rest[0].left), (2, None));
    }

    #[test]
    fn polls_that_brought_the_same_are_one() {
        let mut facts = vec![started(), entered("placed", 1)];
        for (attempt, status) in [(1, "new"), (2, "packed"), (3, "packed"), (4, "packed")] {
            facts.extend(polled(attempt, status));
        }
        let (_, rest) = visits(facts);
        let mut out = String::new();
        rest[0].write(Style::plain(), &mut out);
        assert_eq!(
            out,
            "order-ships · placed, visit 1 · after 1ms, not left · event 2
    1ms    poll #1: GET /orders/7 → 200 in 1ms
    2ms  ◷ not yet: res.body.status=\"new\"
    7ms    ×3 poll #4: GET /orders/7 → 200 in 4ms
    8ms  ◷ not yet: res.body.status=\"packed\"
"
        );
    }

    #[test]
    fn a_visit_keeps_its_last_events() {
        let mut facts = vec![started(), entered("placed", 1)];
        for attempt in 1..=1_500 {
            facts.extend(polled(attempt, "packed"));
        }
        let (_, rest) = visits(facts);
        assert_eq!(rest[0].events.len(), MAX_EVENTS);
        assert_eq!(rest[0].left_out, 1_000);
        let mut out = String::new();
        rest[0].write(Style::plain(), &mut out);
        assert!(out.contains("… 1000 events before\n"), "{out}");
    }
}
