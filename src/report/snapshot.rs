//! A run as it stood at one of its events: what ran, what was known, what had come back.

use super::event_line::event_line;
use super::frames::Frames;
use super::status_line;
use super::style::{Ink, Style};
use super::value::{compact, length};
use super::view::Live;
use crate::event::{Attempted, Event, ExecutionId, Fact, Json, Name};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A run as it stood after the last event that was taken in: a fold over its events.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Its executions.
    pub live: Live,
    known: BTreeMap<ExecutionId, ExecutionSnapshot>,
    frames: Frames,
    /// What has ended with the last event is forgotten at the next.
    ended: Option<ExecutionId>,
    event: Option<Event>,
}

/// What one execution knows.
#[derive(Clone, Debug, Default)]
pub struct ExecutionSnapshot {
    /// Its task, with its case.
    pub task: String,
    /// Its variables, in the order in which they were first saved.
    pub variables: Vec<(Name, Json)>,
    /// The last thing that came back.
    pub last: Option<LastResult>,
}

/// Something that came back: an answer, a message, or trouble.
#[derive(Clone, Debug)]
pub struct LastResult {
    /// The number of the event that brought it.
    pub seq: u64,
    /// One line.
    pub text: String,
    /// As `res` showed it to expressions.
    pub value: Option<Arc<Json>>,
}

/// The bytes of a variable, and of a result, on a page.
const VALUE_BYTES: usize = 400;
const RESULT_BYTES: usize = 4_000;

impl Snapshot {
    /// Takes in the next event.
    pub fn apply(&mut self, event: &Event) {
        if let Some(ended) = self.ended.take() {
            self.known.remove(&ended);
        }
        self.live.apply(event);
        self.frames.apply(event);
        let region = self.frames.of(event);
        if let Some(id) = event.execution {
            if let Fact::ExecutionStarted(started) = &event.fact {
                let known = self.known.entry(id).or_default();
                known.task = started.name();
            }
            if let Fact::ExecutionFinished { .. } = &event.fact {
                self.ended = Some(id);
            }
            if let Some(known) = self.known.get_mut(&id) {
                known.apply(event, region.as_deref());
            }
        }
        self.event = Some(event.clone());
    }

    /// What an execution knows, if it runs, or ended with the last event.
    pub fn known(&self, execution: ExecutionId) -> Option<&ExecutionSnapshot> {
        self.known.get(&execution)
    }

    /// How long after the beginning of the run it is: `12.3s`.
    #[must_use]
    pub fn after(&self) -> String {
        length((self.live.now - self.live.began).max(0).unsigned_abs())
    }

    /// Writes it: the event, the execution that it belongs to with its variables, and what else ran.
    pub fn write(&self, style: Style, out: &mut String) {
        let Some(event) = &self.event else { return };
        let told = event_line(&event.fact);
        let mut line = style.line();
        if let Some(status) = told.status {
            let hue = Ink::Hue(status.hue());
            line = line.push(hue, status.glyph(style.unicode)).plain(" ");
        }
        if let Some(region) = self.frames.of(event) {
            line = line.push(Ink::Faint, &format!("{region}: "));
        }
        line.push(Ink::Strong, &told.text).write(out);
        let mut others: Vec<_> = self.live.running.values().collect();
        if let Some(id) = event.execution {
            if let Some(running) = self.live.running.get(&id) {
                out.push('\n');
                status_line::dump(running, event.at, style, out);
            }
            if let Some(known) = self.known.get(&id) {
                known.write(style, out);
            }
            others.retain(|running| running.id != id);
        }
        if !others.is_empty() {
            out.push('\n');
            let title = match event.execution {
                Some(_) => "Beside it",
                None => "Under way",
            };
            style.line().push(Ink::Strong, title).write(out);
            for running in others {
                status_line::running(running, event.at, style).write(out);
            }
        }
    }

    /// The same for programs.
    pub fn to_json(&self) -> Json {
        let running = self.live.running.values().map(|running| {
            let known = self.known.get(&running.id);
            let mut json = status_line::json(running);
            json["variables"] = known.map_or(Json::Null, ExecutionSnapshot::variables);
            json["result"] = known.map_or(Json::Null, ExecutionSnapshot::result);
            json
        });
        let mut json = json!({
            "event": self.event,
            "tally": super::json::counts(&self.live.tally),
            "running": running.collect::<Vec<_>>(),
        });
        // An execution that ended with this event runs no longer, and is what one asks for.
        if let Some(known) = self.ended.and_then(|id| self.known.get(&id)) {
            json["ended"] = json!({
                "execution": self.ended,
                "task": known.task,
                "variables": known.variables(),
                "result": known.result(),
            });
        }
        json
    }
}

impl ExecutionSnapshot {
    /// `region`: in which it happened. What it saves is told as the others see it.
    fn apply(&mut self, event: &Event, region: Option<&str>) {
        let seen = |name: &Name| match region {
            None => Name::clone(name),
            Some(region) => format!("regions.{}.{name}", region.replace('/', ".")).into(),
        };
        let came = |text: String, value: Option<&Arc<Json>>| LastResult {
            seq: event.seq,
            text,
            value: value.map(Arc::clone),
        };
        match &event.fact {
            // It was nothing before the attempt that had saved it.
            Fact::VariableSaved {
                name,
                value: Json::Null,
                undone: true,
                ..
            } => {
                let name = seen(name);
                self.variables.retain(|(known, _)| *known != name);
            }
            Fact::VariableSaved { name, value, .. } => {
                let name = seen(name);
                let known = self.variables.iter_mut().find(|(known, _)| *known == name);
                match known {
                    Some((_, known)) => known.clone_from(value),
                    None => self.variables.push((name, value.clone())),
                }
            }
            // Its variables are those of a machine that begins.
            Fact::FrameOpened(_) => {
                let own = seen(&Name::from(""));
                self.variables
                    .retain(|(known, _)| !known.starts_with(&*own));
            }
            Fact::InstructionFinished { result, .. } | Fact::PollAnswered { result, .. } => {
                self.last = Some(match result {
                    Attempted::Reply(reply) => came(reply.summary.to_string(), Some(&reply.value)),
                    Attempted::Failure(failure) => came(failure.message.clone(), None),
                });
            }
            Fact::MessageReceived { number, value, .. } => {
                self.last = Some(came(format!("message {number}"), Some(value)));
            }
            Fact::RunStarted(_)
            | Fact::ExecutionStarted(_)
            | Fact::StateEntered { .. }
            | Fact::InstructionStarted { .. }
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
            | Fact::Log { .. }
            | Fact::SignalSent { .. }
            | Fact::FrameClosed { .. }
            | Fact::ExecutionFinished { .. }
            | Fact::EngineBusy { .. }
            | Fact::RunFinished { .. }
            | Fact::RunSealed { .. } => {}
        }
    }

    fn write(&self, style: Style, out: &mut String) {
        let ellipsis = style.symbols().ellipsis;
        if !self.variables.is_empty() {
            out.push('\n');
            style.line().push(Ink::Strong, "Variables").write(out);
            let names = self.variables.iter().map(|(name, _)| name.chars().count());
            let column = 4 + names.max().unwrap_or(0).min(style.width / 3);
            for (name, value) in &self.variables {
                let mut line = style.line().plain("  ").plain(name);
                line.pad_to(column);
                line.plain(&compact(value, VALUE_BYTES, ellipsis))
                    .write(out);
            }
        }
        let Some(last) = &self.last else { return };
        out.push('\n');
        style
            .line()
            .push(Ink::Strong, "Last result")
            .push(Ink::Faint, &format!("  event {}", last.seq))
            .write(out);
        if !last.text.is_empty() {
            style.line().plain("  ").plain(&last.text).write(out);
        }
        if let Some(value) = &last.value {
            let room = style.width.saturating_sub(2).max(2);
            let text = compact(value, RESULT_BYTES, ellipsis);
            let text = super::text::printable(&text, style.unicode);
            for line in super::text::wrap(&text, room, room) {
                style.line().plain("  ").plain(line).write(out);
            }
        }
    }

    fn variables(&self) -> Json {
        let members = self.variables.iter();
        Json::Object(
            members
                .map(|(name, value)| (name.to_string(), value.clone()))
                .collect(),
        )
    }

    fn result(&self) -> Json {
        self.last.as_ref().map_or(
            Json::Null,
            |last| json!({ "seq": last.seq, "text": last.text, "value": last.value }),
        )
    }
}
