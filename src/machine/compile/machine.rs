//! The whole machine of a task.

use super::Compiler;
use super::context::{Context, Reads};
use super::flow::StateReads;
use crate::definition::{Task, Text, model};
use crate::event::Name;
use crate::machine::program::{KnownFailure, Length, Machine, Program, Skip};
use std::sync::Arc;
use std::time::Duration;

/// Longest that any state waits for its next transition, where nothing else is written.
const TRANSITION_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest that a whole run may take.
const TASK_TIMEOUT: Duration = Duration::from_mins(10);
/// The budget of `defer` and `cleanup`.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(30);

/// What was written as names.
fn names(written: &[Text]) -> Box<[Name]> {
    written
        .iter()
        .map(|name| Name::clone(&name.value))
        .collect()
}

/// BLAKE3 of the task's text and, where its cases have a file of their own, of that, in hex.
fn hash(task: &Task) -> Name {
    let mut hash = blake3::Hasher::new();
    hash.update(task.file.text.as_bytes());
    if let Some(cases) = task.case_table().filter(|cases| cases.file != task.file) {
        hash.update(cases.file.text.as_bytes());
    }
    hash.finalize().to_hex().as_str().into()
}

impl<'a> Compiler<'a> {
    pub(super) fn machine(&mut self) -> Option<Machine> {
        let task = self.task;
        let suite = self.project.suite;
        let cx = Context::new(&task.file, &task.program, self.project.prefix);
        let cases = self.cases();
        let vars = self.variables();
        let mut secrets: Vec<Name> = (suite.secrets.iter().chain(&task.secrets))
            .map(|(name, _)| Name::clone(&name.value))
            .collect();
        secrets.sort_unstable();
        secrets.dedup();
        let skip = task.skip.as_ref().and_then(|skip| self.skip(cx, skip));
        // One that nobody uses is checked all the same.
        for client in &task.clients {
            self.client(cx, &mut Reads::new(), &client.name);
        }
        let mut listen_reads = Reads::new();
        let listen = task
            .listen
            .iter()
            .filter_map(|listen| {
                self.listen(
                    cx,
                    &mut listen_reads,
                    listen,
                    &format!("listen.{}", listen.name.as_str()),
                )
            })
            .collect();
        let program = self.program(cx, "");
        let cleanup = self.steps(cx, &task.cleanup, "cleanup");
        let mut output_reads = Reads::new();
        let outputs = task
            .outputs
            .iter()
            .filter_map(|(name, value)| {
                self.assignment(
                    cx,
                    &mut output_reads,
                    name,
                    value,
                    &format!("outputs.{}", name.as_str()),
                )
            })
            .collect();
        let transition_timeout = self.limit(
            task.transition_timeout.as_ref(),
            suite.transition_timeout.as_ref(),
            TRANSITION_TIMEOUT,
        );
        let timeout = self.limit(task.timeout.as_ref(), suite.timeout.as_ref(), TASK_TIMEOUT);
        let cleanup_timeout = self.limit(task.cleanup_timeout.as_ref(), None, CLEANUP_TIMEOUT);
        // Checks of the program would only repeat what an unknown name has broken.
        if self.has_errors() {
            return None;
        }
        let (program, state_reads) = program?;
        self.check_graph(&program, &task.program, &transition_timeout);
        if !self.has_errors() {
            self.check_flow(&program, &listen_reads, &state_reads, &output_reads);
        }
        self.check_columns();
        Some(Machine {
            modules: self.modules.iter().cloned().collect(),
            reads_services: self.reads_services,
            name: Name::clone(&task.name),
            file: Arc::clone(&task.file),
            hash: hash(task),
            tags: names(&task.tags),
            requirements: names(&task.requirements),
            locks: names(&task.locks),
            xfail: task.xfail.as_ref().map(|reason| KnownFailure {
                reason: Name::clone(&reason.value),
                place: cx.place(reason.span, "xfail"),
            }),
            retries: task
                .retries
                .as_ref()
                .or(suite.retries.as_ref())
                .map_or(0, |retries| retries.value),
            engine: self.project.engine.clone(),
            skip,
            vars: vars.into(),
            secrets: secrets.into(),
            params: names(&task.params),
            outside_reads: std::mem::take(&mut self.outside_reads)
                .into_iter()
                .collect(),
            case_columns: self.case_columns().cloned().collect(),
            cases,
            clients: std::mem::take(&mut self.clients).into(),
            listen,
            program: Arc::new(program),
            transition_timeout,
            timeout,
            cleanup,
            cleanup_timeout,
            outputs,
            called: std::mem::take(&mut self.called).into(),
        })
    }

    /// The states, and what each of them reads. `path`: what stands before their own path in the file.
    pub(super) fn program(
        &mut self,
        cx: Context<'a>,
        path: &str,
    ) -> Option<(Program, Vec<StateReads>)> {
        let written = cx.program;
        let mut states = Vec::with_capacity(written.states.len());
        let mut state_reads = Vec::with_capacity(written.states.len());
        for state in &written.states {
            let mut reads = StateReads::default();
            let path = format!("{path}states.{}", state.name.as_str());
            states.push(self.state(cx, &mut reads, state, &path));
            state_reads.push(reads);
        }
        self.check_unused_conditions(cx, path);
        let start = self.target(cx, &written.start_state);
        for name in &written.final_states {
            self.target(cx, name);
        }
        let program = Program {
            states: states.into_iter().collect::<Option<_>>()?,
            start: start?,
        };
        Some((program, state_reads))
    }

    fn skip(&mut self, cx: Context<'a>, skip: &model::Skip) -> Option<Skip> {
        let condition = match &skip.condition {
            None => None,
            Some(text) => Some(self.guard(cx, &mut Reads::new(), text, "skip.if")?),
        };
        Some(Skip {
            condition,
            reason: self.text(cx, &mut Reads::new(), &skip.reason, "skip.reason")?,
        })
    }

    fn limit(
        &mut self,
        own: Option<&model::Length>,
        suite: Option<&model::Length>,
        default: Duration,
    ) -> Length {
        let here = Context::new(&self.task.file, &self.task.program, self.project.prefix);
        let written = own.map(|length| (here, length));
        written
            .or(suite.map(|length| (self.suite_context(), length)))
            .and_then(|(cx, length)| self.length(cx, &mut Reads::new(), length, "timeout"))
            .unwrap_or(Length::Literal(default))
    }

    /// What holds in the suite file.
    pub(super) fn suite_context(&self) -> Context<'a> {
        let suite = self.project.suite.file.as_ref();
        Context::new(
            suite.unwrap_or(&self.task.file),
            &self.task.program,
            self.project.prefix,
        )
    }
}
