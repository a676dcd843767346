//! What happened in one state: its visits, each with its instructions, their results and its conditions.

use super::event_list;
use super::frames::Frames;
use super::style::{Ink, Style};
use super::value::length;
use super::view::Live;
use crate::event::{Event, ExecutionId, Fact, FrameId, Name};
use std::collections::{BTreeMap, VecDeque};

/// The visits of one state, in any number of executions: a fold over their events.
#[derive(Debug)]
pub struct Visits {
    state: Name,
    live: Live,
    open: BTreeMap<(ExecutionId, FrameId), StateVisit>,
    frames: Frames,
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
    /// The region that the state is one of.
    pub region: Option<Name>,
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
    frames: Frames,
}

/// The events of one visit that are kept: the last ones, which decide.
pub const MAX_EVENTS: usize = 2_000;

impl Visits {
    /// The visits of this state.
    #[must_use]
    pub fn of(state: Name) -> Self {
        Self {
            state,
            live: Live::default(),
            open: BTreeMap::new(),
            frames: Frames::default(),
        }
    }

    /// Takes in the next event, and hands out the visit that it ended.
    pub fn apply(&mut self, event: &Event) -> Option<StateVisit> {
        self.live.apply(event);
        let execution = event.execution?;
        let id = (execution, event.frame);
        let around = self.frames.chain(execution, event.frame);
        self.frames.apply(event);
        // What happens in a region of the state belongs to the visit as well.
        for frame in &around[1..] {
            if let Some(visit) = self.open.get_mut(&(execution, *frame)) {
                visit.keep(event);
            }
        }
        match &event.fact {
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
            Fact::CleanupStarted { .. }
            | Fact::ExecutionFinished { .. }
            | Fact::FrameClosed { .. } => self.leave(id, event.at),
            Fact::RunStarted(_)
            | Fact::ExecutionStarted(_)
            | Fact::InstructionStarted { .. }
            | Fact::InstructionFinished { .. }
            | Fact::InstructionSkipped { .. }
            | Fact::ExpectationChecked { .. }
            | Fact::VariableSaved { .. }
            | Fact::SubscriptionOpened { .. }
            | Fact::SubscriptionChanged { .. }
            | Fact::MessageReceived { .. }
            | Fact::PollAnswered { .. }
            | Fact::ConditionChecked { .. }
            | Fact::WaitStarted { .. }
            | Fact::Stayed { .. }
            | Fact::TimedOut { .. }
            | Fact::Deferred { .. }
            | Fact::CleanupSkipped { .. }
            | Fact::CleanupFinished { .. }
            | Fact::NeverKnown(_)
            | Fact::Log { .. }
            | Fact::SignalSent { .. }
            | Fact::FrameOpened(_)
            | Fact::EngineBusy { .. }
            | Fact::RunFinished { .. }
            | Fact::RunSealed { .. } => {
                self.open.get_mut(&id)?.keep(event);
                None
            }
        }
    }

    /// The visits that have not ended.
    pub fn rest(&mut self) -> Vec<StateVisit> {
        std::mem::take(&mut self.open).into_values().collect()
    }

    fn enter(&mut self, id: (ExecutionId, FrameId), event: &Event, visit: u32) {
        let (task, began) = match self.live.running.get(&id.0) {
            Some(running) => (running.name(), running.began),
            None => (String::new(), event.at),
        };
        let visit = StateVisit {
            execution: id.0,
            region: self.frames.of(event),
            frames: self.frames.clone(),
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

    fn leave(&mut self, id: (ExecutionId, FrameId), at: i64) -> Option<StateVisit> {
        let mut visit = self.open.remove(&id)?;
        visit.left = Some(at);
        Some(visit)
    }
}

impl StateVisit {
    /// `charge, visit 2`, behind the region that the state is one of.
    fn named(&self) -> String {
        let region = self.region.as_ref().map(|region| format!("{region}: "));
        let region = region.unwrap_or_default();
        format!("{region}{}, visit {}", self.state, self.visit)
    }

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
            .plain(&self.named())
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
        for line in event_list::lines(&self.events, self.frames.clone(), self.entered, style) {
            line.write(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Attempted, ConditionVerdict, ExecutionStarted, Reply, Span};
    use std::sync::Arc;

    fn events(facts: Vec<Fact>) -> Vec<Event> {
        let event = |(at, fact): (u32, Fact)| Event {
            run: "R".into(),
            seq: u64::from(at) + 1,
            at: 1_000 * i64::from(at),
            execution: Some(1),
            frame: crate::event::ROOT,
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
