//! What two versions of a task have in common: whether only expressions differ, which files are named.

use super::cases::Cases;
use super::model::{
    Action, ClientDefinition, Condition, Count, Instruction, Length, Listen, Program, Region,
    Retry, Route, Service, State, Strategy, Subscribe, Suite, Task, Transition, Wait,
};
use super::node::{Node, Text};
use crate::event::{Json, Name};
use serde_json::json;

/// How two versions of a task differ. Places, layout and comments are no difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskChange {
    /// Not in what they mean.
    None,
    /// In what is judged and kept of results: `when`, `fail_when`, `expect`, `save`, `set`, `if`, `outputs`.
    /// The requests and the ways between the states are the same.
    Expressions,
    /// In more than that.
    Structure,
}

impl Task {
    /// How another version of this task differs from it.
    #[must_use]
    pub fn difference(&self, other: &Self) -> TaskChange {
        if BARE.task(self) != BARE.task(other) {
            TaskChange::Structure
        } else if WHOLE.task(self) != WHOLE.task(other) {
            TaskChange::Expressions
        } else {
            TaskChange::None
        }
    }

    /// Every text that the task gives to a client as it stands: each may be the path of a file.
    #[must_use]
    pub fn literals(&self) -> Vec<Name> {
        let mut found = Vec::new();
        collect(&BARE.task(self), &mut found);
        found.sort_unstable();
        found.dedup();
        found
    }
}

impl Suite {
    /// Whether another version of this suite starts the same services.
    #[must_use]
    pub fn has_same_services(&self, other: &Self) -> bool {
        let services = |suite: &Self| suite.services.iter().map(service).collect::<Vec<_>>();
        self.folder == other.folder && services(self) == services(other)
    }
}

/// The longest text that may be a path.
const MAX_PATH: usize = 1024;

fn collect(json: &Json, found: &mut Vec<Name>) {
    match json {
        Json::String(text) => {
            let is_path = !text.is_empty() && text.len() <= MAX_PATH && !text.contains('\n');
            if is_path && !text.contains("${") {
                found.push(text.as_str().into());
            }
        }
        Json::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Json::Object(members) => members
            .iter()
            // What a request writes is nothing that the task is made of.
            .filter(|(key, _)| !matches!(key.as_str(), "write" | "append"))
            .for_each(|(_, item)| collect(item, found)),
        _ => {}
    }
}

fn service(service: &Service) -> Json {
    json!([
        text(&service.name),
        texts(&service.command),
        maybe(service.ready_http.as_ref(), text),
        maybe(service.ready_timeout.as_ref(), length),
        pairs(&service.env),
    ])
}

fn cases(cases: &Cases) -> Json {
    match cases {
        Cases::File(path) => text(path),
        Cases::Table(table) => json!([
            list(&table.columns, |column| json!(&*column.name)),
            list(&table.rows, |row| json!([&*row.name, &*row.values])),
        ]),
    }
}

/// A task without its places, as plain data that can be compared.
struct Fingerprint {
    /// With its expressions.
    expressions: bool,
}

const BARE: Fingerprint = Fingerprint { expressions: false };
const WHOLE: Fingerprint = Fingerprint { expressions: true };

impl Fingerprint {
    fn task(&self, task: &Task) -> Json {
        json!({
            "name": &*task.name,
            "tags": texts(&task.tags),
            "skip": maybe(task.skip.as_ref(), |skip| json!([
                maybe(skip.condition.as_ref(), |condition| self.expression(condition)),
                text(&skip.reason),
            ])),
            "xfail": maybe(task.xfail.as_ref(), text),
            "locks": texts(&task.locks),
            "requirements": texts(&task.requirements),
            "vars": list(&task.vars, |(name, value)| json!([text(name), value.to_json()])),
            "secrets": list(&task.secrets, |(name, value)| json!([
                text(name),
                maybe(value.as_ref(), Node::to_json),
            ])),
            "clients": list(&task.clients, |ClientDefinition { name, kind, config, record }| {
                json!([text(name), text(kind), config.to_json(), format!("{record:?}")])
            }),
            "cases": maybe(task.cases.as_ref(), cases),
            "params": texts(&task.params),
            "listen": list(&task.listen, listen),
            "limits": [
                maybe(task.transition_timeout.as_ref(), length),
                maybe(task.timeout.as_ref(), length),
                maybe(task.cleanup_timeout.as_ref(), length),
            ],
            "program": self.program(&task.program),
            "cleanup": list(&task.cleanup, |one| self.instruction(one)),
            "outputs": self.assignments(&task.outputs),
            "retries": task.retries.as_ref().map(|retries| retries.value),
        })
    }

    fn program(&self, program: &Program) -> Json {
        json!({
            "start": text(&program.start_state),
            "final": texts(&program.final_states),
            "states": list(&program.states, |state| self.state(state)),
        })
    }

    fn state(&self, state: &State) -> Json {
        json!({
            "name": text(&state.name),
            "instructions": list(&state.instructions, |one| self.instruction(one)),
            "transitions": list(&state.transitions, |Transition { to, stay, condition, .. }| {
                json!([maybe(to.as_ref(), text), stay.is_some(), self.condition(condition)])
            }),
            "condition": maybe(state.transition_condition.as_ref(), |one| self.condition(one)),
            "strategy": maybe(state.strategy.as_ref(), |one| self.strategy(one)),
            "timeout": maybe(state.timeout.as_ref(), length),
            "on_timeout": maybe(state.on_timeout.as_ref(), |one| self.route(one)),
            "on_error": list(&state.on_error, |one| self.route(one)),
            "visits": state.max_visits.as_ref().map(|visits| visits.value),
            "fail": maybe(state.fail.as_ref(), text),
            "regions": list(&state.regions, |Region { name, program }| {
                json!([text(name), self.program(program)])
            }),
            "join": state.join.as_ref().map(|join| join.value.word()),
        })
    }

    fn route(&self, route: &Route) -> Json {
        json!([
            maybe(route.kind.as_ref(), text),
            text(&route.to),
            self.assignments(&route.set)
        ])
    }

    fn condition(&self, condition: &Condition) -> Json {
        json!({
            "strategy": maybe(condition.strategy.as_ref(), |one| self.strategy(one)),
            "all": list(&condition.all, |(name, one)| json!([text(name), self.condition(one)])),
            "count": maybe(condition.count.as_ref(), |count| match count {
                Count::Literal(count) => json!(count.value),
                Count::Expression(count) => json!([self.expression(count)]),
            }),
            "collect": maybe(condition.collect.as_ref(), |collect| json!([
                maybe(collect.length.as_ref(), length),
                self.expressions(&collect.expect),
            ])),
            "when": self.expressions(&condition.when),
            "fail_when": self.expressions(&condition.fail_when),
            "set": self.assignments(&condition.set),
        })
    }

    fn strategy(&self, strategy: &Strategy) -> Json {
        match strategy {
            Strategy::Wait(Wait::For(time), _) => json!(["wait", length(time)]),
            Strategy::Wait(Wait::Until(time), _) => json!(["until", text(time)]),
            Strategy::Poll(poll, _) => json!([
                "poll",
                self.instruction(&poll.instruction),
                maybe(poll.every.as_ref(), length),
                poll.backoff.as_ref().map(|factor| factor.value),
                maybe(poll.max_every.as_ref(), length),
                poll.jitter.as_ref().map(|share| share.value),
            ]),
            Strategy::Subscribe(Subscribe::Source { client, source }, _) => {
                json!(["subscribe", text(client), source.to_json()])
            }
            Strategy::Subscribe(Subscribe::Listen(name), _) => json!(["listen", text(name)]),
        }
    }

    fn instruction(&self, instruction: &Instruction) -> Json {
        json!({
            "name": maybe(instruction.name.as_ref(), text),
            "if": maybe(instruction.condition.as_ref(), |one| self.expression(one)),
            "action": maybe(instruction.action.as_ref(), |one| self.action(one)),
            "expect": self.expressions(&instruction.expect),
            "save": self.assignments(&instruction.save),
            "timeout": maybe(instruction.timeout.as_ref(), length),
            "retry": maybe(instruction.retry.as_ref(), |one| self.retry(one)),
            "for_each": maybe(instruction.for_each.as_ref(), |each| json!([
                each.items.to_json(),
                each.concurrency.as_ref().map(|count| count.value),
            ])),
            "defer": maybe(instruction.defer.as_deref(), |one| self.instruction(one)),
        })
    }

    fn action(&self, action: &Action) -> Json {
        match action {
            Action::Call { client, request } => json!(["call", text(client), request.to_json()]),
            Action::Parallel(all) => json!(["parallel", list(all, |one| self.instruction(one))]),
            Action::Listen(all) => json!(["listen", list(all, listen)]),
            Action::Eval(script) => json!(["eval", text(script)]),
            Action::Signal { name, data } => {
                json!(["signal", text(name), maybe(data.as_ref(), Node::to_json)])
            }
            Action::Log(line) => json!(["log", line.to_json()]),
            Action::Task { file, with } => {
                json!([
                    "task",
                    text(file),
                    list(with, |(name, value)| json!([text(name), value.to_json()]))
                ])
            }
        }
    }

    fn retry(&self, retry: &Retry) -> Json {
        json!([
            retry.max_attempts.value,
            maybe(retry.delay.as_ref(), length),
            retry.backoff.as_ref().map(|factor| factor.value),
            maybe(retry.max_delay.as_ref(), length),
            retry.jitter.as_ref().map(|share| share.value),
            maybe(retry.condition.as_ref(), |one| self.expression(one)),
        ])
    }

    /// An expression that is added or taken away changes no more than one that reads differently.
    fn expression(&self, expression: &Text) -> Json {
        if self.expressions {
            text(expression)
        } else {
            Json::Null
        }
    }

    fn expressions(&self, all: &[Text]) -> Json {
        if self.expressions {
            texts(all)
        } else {
            Json::Null
        }
    }

    fn assignments(&self, all: &[(Text, Text)]) -> Json {
        if self.expressions {
            pairs(all)
        } else {
            Json::Null
        }
    }
}

fn listen(listen: &Listen) -> Json {
    json!([
        text(&listen.name),
        text(&listen.client),
        listen.source.to_json()
    ])
}

fn text(text: &Text) -> Json {
    Json::String(text.value.to_string())
}

fn texts(all: &[Text]) -> Json {
    list(all, text)
}

fn pairs(all: &[(Text, Text)]) -> Json {
    list(all, |(name, value)| json!([text(name), text(value)]))
}

fn length(length: &Length) -> Json {
    match length {
        // As a number: `1s` and `1000ms` are the same, and neither is a path.
        Length::Literal(time) => json!(time.value.as_secs_f64()),
        Length::Template(template) => text(template),
    }
}

fn maybe<T: ?Sized>(value: Option<&T>, of: impl FnOnce(&T) -> Json) -> Json {
    value.map_or(Json::Null, of)
}

fn list<T>(all: &[T], of: impl FnMut(&T) -> Json) -> Json {
    Json::Array(all.iter().map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::{SourceFile, parse_task};
    use std::sync::Arc;

    const TASK: &str = "version: 1
start_state: a
final_state: b
states:
  a:
    instructions:
      - http: { post: http://127.0.0.1/x, file: data/order.json }
        save: { id: res.body.id }
        expect: res.status == 201
    next: b
  b:
    transition_condition: { poll: { http: GET http://127.0.0.1/x }, every: 1s, when: res.status == 200 }
";

    fn task(text: &str) -> Task {
        let file = SourceFile::from_bytes("t.yaml", "t.yaml", text.as_bytes()).unwrap();
        parse_task(&Arc::new(file)).unwrap().value
    }

    fn difference(from: &str, to: &str) -> TaskChange {
        assert!(TASK.contains(from), "{from}");
        task(TASK).difference(&task(&TASK.replace(from, to)))
    }

    #[test]
    fn layout_and_comments_are_no_difference() {
        assert_eq!(
            difference("start_state", "# why\n\nstart_state"),
            TaskChange::None
        );
        assert_eq!(difference("every: 1s", "every: 1000ms"), TaskChange::None);
        assert_eq!(
            difference(
                "expect: res.status == 201",
                "expect: [ res.status == 201 ] # so"
            ),
            TaskChange::None
        );
    }

    #[test]
    fn what_is_judged_and_kept_is_an_expression() {
        for (from, to) in [
            ("expect: res.status == 201", "expect: res.status == 200"),
            ("        expect: res.status == 201\n", ""),
            (
                "save: { id: res.body.id }",
                "save: { id: $.id, at: res.status }",
            ),
            (
                "when: res.status == 200",
                "when: res.ok, fail_when: res.status > 499",
            ),
            (
                "when: res.status == 200",
                "when: res.status == 200, set: { x: res.status }",
            ),
            (
                "        expect: res",
                "        if: 1 == 1\n        expect: res",
            ),
            ("states:", "outputs: { id: id }\nstates:"),
        ] {
            assert_eq!(difference(from, to), TaskChange::Expressions, "{to}");
        }
    }

    #[test]
    fn what_is_sent_and_where_it_leads_is_structure() {
        for (from, to) in [
            ("post: http://127.0.0.1/x", "post: http://127.0.0.1/y"),
            ("every: 1s", "every: 2s"),
            ("next: b", "transitions: [b]\n    timeout: 3s"),
            ("states:", "vars: { a: 1 }\nstates:"),
            ("save: { id", "timeout: 1s\n        save: { id"),
        ] {
            assert_eq!(difference(from, to), TaskChange::Structure, "{to}");
        }
    }

    #[test]
    fn the_texts_for_clients_are_found() {
        let writes = "- file: { write: out.txt, text: in.txt }\n      - http";
        let literals = task(&TASK.replace("- http", writes)).literals();
        assert!(literals.iter().any(|text| &**text == "in.txt"));
        assert!(!literals.iter().any(|text| &**text == "out.txt"));
        assert!(literals.iter().any(|text| &**text == "data/order.json"));
        assert!(!literals.iter().any(|text| text.contains("res.status")));
    }
}
