//! From what was written to what can run: every name is resolved, every expression compiled, and every
//! mistake of the file reported at once.

mod conditions;
mod flow;
mod graph;
mod names;
mod requests;
mod result;
mod states;
mod steps;
#[cfg(test)]
mod tests;
mod texts;

use self::result::ResultShape;
use super::program::{Client, Length, Machine, Program, Read, Skip, Variable};
use super::record_policy::RecordPolicy;
use crate::definition::model::{self, ClientDefinition, Listen};
use crate::definition::{
    Catalog, Diagnostic, Node, NodeKind, Severity, Suite, Task, Text, misplaced_in_instruction,
    nearest,
};
use crate::event::{Location, Name, Span};
use crate::script::{Engine, Expression};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// What a task is compiled against: data, and what its loader can look up.
#[derive(Clone, Copy)]
pub struct CompileInputs<'a> {
    /// The suite file that applies, or the default one.
    pub suite: &'a Suite,
    /// The scripts, with the suite's modules.
    pub engine: &'a Engine,
    /// The client kinds.
    pub catalog: &'a Catalog,
    /// Variables that are given from outside (`--var`).
    pub given: &'a [Name],
    /// Where a module of this name lies that is none of the suite's, and how it becomes one. Asked for a mistake only.
    pub module_elsewhere: fn(&Suite, &str) -> Option<String>,
}

/// Longest that any state waits for its next transition, where nothing else is written.
const TRANSITION_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest that a whole run may take.
const TASK_TIMEOUT: Duration = Duration::from_mins(10);
/// The budget of `defer` and `cleanup`.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(30);

/// Compiles a task.
///
/// # Errors
/// Every mistake of the task, in the order of the file; with a machine come its warnings.
pub fn compile(
    project: &CompileInputs<'_>,
    task: &Task,
) -> Result<(Machine, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut compiler = Compiler::new(project, task);
    let machine = compiler.machine();
    let mut diagnostics = compiler.diagnostics;
    // One condition may guard several ways into its state; its mistakes are still one each.
    diagnostics.sort_by(|a, b| (&a.file, a.span, a.code).cmp(&(&b.file, b.span, b.code)));
    diagnostics.dedup_by(|a, b| a.file == b.file && a.span == b.span && a.code == b.code);
    match machine {
        Some(machine)
            if diagnostics
                .iter()
                .all(|one| one.severity != Severity::Error) =>
        {
            Ok((machine, diagnostics))
        }
        _ => Err(diagnostics),
    }
}

/// Compiles one expression that stands in no state of the task; its names are checked as theirs are.
/// `has_res`: whether there is a result that it may look at.
///
/// # Errors
/// Its mistakes, in the order of the text.
pub fn expression(
    project: &CompileInputs<'_>,
    task: &Task,
    text: &Text,
    has_res: bool,
) -> Result<Expression, Vec<Diagnostic>> {
    let mut compiler = Compiler::new(project, task);
    if has_res {
        compiler.res = ResultShape::Any;
    }
    match compiler.script(text, "eval") {
        Some(script) if !compiler.has_errors() => Ok(script.expression),
        _ => Err(compiler.diagnostics),
    }
}

struct Compiler<'a> {
    project: &'a CompileInputs<'a>,
    task: &'a Task,
    /// The file that is being compiled: the task's, or the suite's.
    file: Name,
    diagnostics: Vec<Diagnostic>,
    /// States by name.
    states: HashMap<&'a str, usize>,
    /// Variables that something gives a value.
    variables: HashSet<Name>,
    /// Every `listen` entry, in the order of the file.
    listens: Vec<&'a Listen>,
    clients: Vec<Client>,
    client_index: HashMap<Name, Option<usize>>,
    /// What the config of each client reads.
    client_reads: Vec<Vec<Read>>,
    /// Every variable read by what was compiled so far.
    reads: Vec<Read>,
    /// Which of the variables that are given from outside were read.
    given_reads: HashSet<Name>,
    /// What each state reads besides its instructions, in the order of the file.
    state_reads: Vec<StateReads>,
    /// States whose `transition_condition` guards some transition.
    guarding: HashSet<usize>,
    /// What is known of `res`, and whether there is an `item`, where an expression is being compiled.
    res: ResultShape<'a>,
    has_item: bool,
    /// What is recorded of that `res`.
    res_record_policy: RecordPolicy,
    /// How many conditions were compiled so far.
    guards: u32,
    /// The script modules that were called so far, and whether `services` was read.
    modules: BTreeSet<Name>,
    reads_services: bool,
}

/// What a state reads besides its instructions.
#[derive(Default)]
struct StateReads {
    /// When they have run: conditions, strategies, assignments.
    after: Vec<Read>,
    /// Even if they have not: `on_error`.
    on_error: Vec<Read>,
}

impl<'a> Compiler<'a> {
    fn new(project: &'a CompileInputs<'a>, task: &'a Task) -> Self {
        let mut states = HashMap::new();
        for (index, state) in task.states.iter().enumerate() {
            states.insert(state.name.as_str(), index);
        }
        Self {
            project,
            task,
            file: Name::clone(&task.file.name),
            diagnostics: Vec::new(),
            states,
            variables: flow::assigned_somewhere(project, task),
            listens: flow::listens(task),
            clients: Vec::new(),
            client_index: HashMap::new(),
            client_reads: Vec::new(),
            reads: Vec::new(),
            given_reads: HashSet::new(),
            state_reads: Vec::new(),
            guarding: HashSet::new(),
            res: ResultShape::Absent,
            has_item: false,
            res_record_policy: RecordPolicy::Full,
            guards: 0,
            modules: BTreeSet::new(),
            reads_services: false,
        }
    }

    fn machine(&mut self) -> Option<Machine> {
        let task = self.task;
        let suite = self.project.suite;
        let vars = self.variables_of(suite, task);
        let secrets = task
            .secrets
            .iter()
            .map(|(name, _)| Name::clone(&name.value))
            .collect();
        let skip = task.skip.as_ref().and_then(|skip| self.skip(skip));
        // One that nobody uses is checked all the same.
        for client in &task.clients {
            self.client(&client.name);
        }
        let before = self.reads.len();
        let listen = task
            .listen
            .iter()
            .filter_map(|listen| self.listen(listen, &format!("listen.{}", listen.name.as_str())))
            .collect();
        let listen_reads = self.reads[before..].to_vec();
        let states: Vec<_> = task.states.iter().map(|state| self.state(state)).collect();
        self.check_unused_conditions();
        let cleanup = self.steps(&task.cleanup, "cleanup");
        let before = self.reads.len();
        let outputs = task
            .outputs
            .iter()
            .filter_map(|(name, value)| {
                self.assignment(name, value, &format!("outputs.{}", name.as_str()))
            })
            .collect();
        let output_reads = self.reads[before..].to_vec();
        let transition_timeout = self.limit(
            task.transition_timeout.as_ref(),
            suite.transition_timeout.as_ref(),
            TRANSITION_TIMEOUT,
        );
        let timeout = self.limit(task.timeout.as_ref(), suite.timeout.as_ref(), TASK_TIMEOUT);
        let cleanup_timeout = self.limit(task.cleanup_timeout.as_ref(), None, CLEANUP_TIMEOUT);
        let start = self.target(&task.start_state);
        for name in &task.final_states {
            self.target(name);
        }
        let states: Option<Vec<_>> = states.into_iter().collect();
        // Checks of the program would only repeat what an unknown name has broken.
        if self.has_errors() {
            return None;
        }
        let program = Program {
            states: states?.into(),
            start: start?,
        };
        self.check_graph(&program, &transition_timeout);
        if !self.has_errors() {
            self.check_flow(&program, &listen_reads, &output_reads);
        }
        Some(Machine {
            modules: self.modules.iter().cloned().collect(),
            reads_services: self.reads_services,
            name: Name::clone(&task.name),
            file: Arc::clone(&task.file),
            hash: blake3::hash(task.file.text.as_bytes())
                .to_hex()
                .as_str()
                .into(),
            tags: task
                .tags
                .iter()
                .map(|tag| Name::clone(&tag.value))
                .collect(),
            retries: task
                .retries
                .as_ref()
                .or(suite.retries.as_ref())
                .map_or(0, |retries| retries.value),
            engine: self.project.engine.clone(),
            skip,
            vars: vars.into(),
            secrets,
            params: task
                .params
                .iter()
                .map(|name| Name::clone(&name.value))
                .collect(),
            given_reads: std::mem::take(&mut self.given_reads).into_iter().collect(),
            clients: std::mem::take(&mut self.clients).into(),
            listen,
            program,
            transition_timeout,
            timeout,
            cleanup,
            cleanup_timeout,
            outputs,
        })
    }

    /// The suite's variables, then the task's, then its secrets: a later one of the same name wins.
    fn variables_of(&mut self, suite: &Suite, task: &Task) -> Vec<Variable> {
        let mut vars: Vec<Variable> = Vec::new();
        let task_file = Name::clone(&self.file);
        if let Some(file) = &suite.file {
            self.file = Name::clone(&file.name);
        }
        let shadowed: HashSet<&str> = task.vars.iter().map(|(name, _)| name.as_str()).collect();
        for (name, node) in suite
            .vars
            .iter()
            .filter(|(name, _)| !shadowed.contains(name.as_str()))
        {
            vars.extend(self.variable(name, node, &vars));
        }
        self.file = task_file;
        for (name, node) in &task.vars {
            vars.extend(self.variable(name, node, &vars));
        }
        for (name, node) in &task.secrets {
            if let Some(node) = node {
                vars.extend(self.variable(name, node, &vars));
            }
        }
        vars
    }

    /// A variable that may read those before it.
    fn variable(&mut self, name: &Text, node: &Node, known: &[Variable]) -> Option<Variable> {
        let before = self.reads.len();
        let value = self.blueprint(node, None, &format!("vars.{}", name.as_str()))?;
        let params = self.task.params.iter().map(|param| &param.value);
        let outside: Vec<&Name> = params.chain(self.project.given).collect();
        let early = self.reads[before..]
            .iter()
            .find(|read| {
                !outside.contains(&&read.name) && !known.iter().any(|one| one.name == read.name)
            })
            .cloned();
        if let Some(read) = early {
            let message = format!(
                "`{}` has no value yet where `{}` is evaluated",
                read.name,
                name.as_str()
            );
            let hint = format!(
                "declare `{}` above: variables are evaluated in order",
                read.name
            );
            self.warning(
                "unsaved-variable",
                read.span,
                message,
                "no value yet",
                Some(hint),
            );
        }
        Some(Variable {
            name: Name::clone(&name.value),
            value,
        })
    }

    fn skip(&mut self, skip: &model::Skip) -> Option<Skip> {
        let condition = match &skip.condition {
            None => None,
            Some(text) => Some(self.guard(text, "skip.if")?),
        };
        Some(Skip {
            condition,
            reason: self.text(&skip.reason, "skip.reason")?,
        })
    }

    fn limit(
        &mut self,
        own: Option<&model::Length>,
        suite: Option<&model::Length>,
        default: Duration,
    ) -> Length {
        let length = own.or(suite);
        length
            .and_then(|length| self.length(length, "timeout"))
            .unwrap_or(Length::Literal(default))
    }

    /// The index of a state, or a diagnostic.
    fn target(&mut self, name: &Text) -> Option<usize> {
        if let Some(index) = self.states.get(name.as_str()) {
            return Some(*index);
        }
        let known = nearest(name.as_str(), self.states.keys().copied()).map(str::to_owned);
        let hint = if let Some(known) = known {
            format!("did you mean `{known}`?")
        } else {
            let names: Vec<_> = self
                .task
                .states
                .iter()
                .take(12)
                .map(|state| state.name.as_str())
                .collect();
            format!("the states are {}", names.join(", "))
        };
        self.error(
            "unknown-state",
            name.span,
            format!("there is no state `{}`", name.as_str()),
            "unknown state",
            Some(hint),
        );
        None
    }

    /// The index of a client; its config is compiled on its first use.
    fn client(&mut self, name: &Text) -> Option<usize> {
        let index = match self.client_index.get(&name.value) {
            Some(known) => *known,
            None => self.first_use(name),
        };
        if let Some(index) = index {
            self.reads.extend_from_slice(&self.client_reads[index]);
        }
        index
    }

    fn first_use(&mut self, name: &Text) -> Option<usize> {
        let index = if let Some((definition, file)) = self.definition(&name.value) {
            self.defined_client(definition, file)
        } else if self.project.catalog.kind(name.as_str()).is_some() {
            // Every kind is a ready client under its own name.
            let config = super::program::Blueprint::Constant(Arc::new(crate::event::Json::Null));
            Some(self.add_client(
                Client {
                    name: Name::clone(&name.value),
                    kind: Name::clone(&name.value),
                    config,
                    record_policy: RecordPolicy::Full,
                },
                Vec::new(),
            ))
        } else {
            self.unknown_client(name);
            return None;
        };
        self.client_index.insert(Name::clone(&name.value), index);
        index
    }

    /// The definition of this client, and the suite file if it stands there.
    fn definition(&self, name: &str) -> Option<(&'a ClientDefinition, Option<Name>)> {
        let (task, suite) = (self.task, self.project.suite);
        let named = |client: &&ClientDefinition| client.name.as_str() == name;
        if let Some(own) = task.clients.iter().find(named) {
            return Some((own, None));
        }
        let file = suite.file.as_ref().map(|file| Name::clone(&file.name));
        Some((suite.clients.iter().find(named)?, file))
    }

    /// What is recorded of the messages of the `listen` entries of this name.
    fn listen_record_policy(&self, name: &str) -> RecordPolicy {
        let entries = self
            .listens
            .iter()
            .filter(|listen| listen.name.as_str() == name);
        entries.fold(RecordPolicy::Full, |record_policy, listen| {
            let Some((client, _)) = self.definition(listen.client.as_str()) else {
                return record_policy;
            };
            let kind = self.project.catalog.kind(client.kind.as_str());
            let bodies = kind.map_or(&[][..], |kind| kind.bodies);
            record_policy.and(RecordPolicy::new(client.record, bodies))
        })
    }

    fn defined_client(
        &mut self,
        definition: &ClientDefinition,
        file: Option<Name>,
    ) -> Option<usize> {
        let own = Name::clone(&self.file);
        if let Some(file) = file {
            self.file = file;
        }
        // Where it happens to be used first gives it no `res` or `item`.
        let around = (
            std::mem::take(&mut self.res),
            std::mem::take(&mut self.has_item),
        );
        let index = self.compile_client(definition);
        (self.res, self.has_item) = around;
        self.file = own;
        index
    }

    fn compile_client(&mut self, definition: &ClientDefinition) -> Option<usize> {
        let Some(kind) = self.project.catalog.kind(definition.kind.as_str()) else {
            let kinds = self.project.catalog.kinds.iter().map(|kind| kind.name);
            let hint = nearest(definition.kind.as_str(), kinds.clone())
                .map(|known| format!("did you mean `{known}`?"));
            let hint = hint.unwrap_or_else(|| {
                format!("the kinds are {}", kinds.collect::<Vec<_>>().join(", "))
            });
            let message = format!("there is no client kind `{}`", definition.kind.as_str());
            self.error(
                "unknown-client",
                definition.kind.span,
                message,
                "unknown kind",
                Some(hint),
            );
            return None;
        };
        let path = format!("clients.{}", definition.name.as_str());
        let before = self.reads.len();
        let config = if matches!(definition.config.kind, NodeKind::Null) {
            super::program::Blueprint::Constant(Arc::new(crate::event::Json::Null))
        } else {
            self.check_against(
                &kind.config,
                &definition.config,
                kind.name,
                "config",
                definition.kind.span,
            );
            self.blueprint(&definition.config, Some(&kind.config), &path)?
        };
        let reads = self.reads.split_off(before);
        let client = Client {
            name: Name::clone(&definition.name.value),
            kind: Name::clone(&definition.kind.value),
            config,
            record_policy: RecordPolicy::new(definition.record, kind.bodies),
        };
        Some(self.add_client(client, reads))
    }

    fn add_client(&mut self, client: Client, reads: Vec<Read>) -> usize {
        self.client_reads.push(reads);
        self.clients.push(client);
        self.clients.len() - 1
    }

    fn unknown_client(&mut self, name: &Text) {
        let names = self
            .task
            .clients
            .iter()
            .chain(&self.project.suite.clients)
            .map(|client| client.name.as_str())
            .chain(self.project.catalog.kinds.iter().map(|kind| kind.name))
            .chain(["parallel", "listen", "eval", "signal", "log"])
            .chain([
                "name", "if", "expect", "save", "timeout", "retry", "for_each", "defer",
            ]);
        let hint = nearest(name.as_str(), names).map_or_else(
            || "declare it under `clients:`, or use a kind that `funcy clients` lists".to_owned(),
            |known| format!("did you mean `{known}`?"),
        );
        if let Some(instead) = misplaced_in_instruction(name.as_str()) {
            let message = format!("an instruction has no key `{}`", name.as_str());
            self.error(
                "unknown-key",
                name.span,
                message,
                "unknown key",
                Some(instead),
            );
        } else {
            let message = format!("there is no client `{}`", name.as_str());
            self.error(
                "unknown-client",
                name.span,
                message,
                "unknown client",
                Some(hint),
            );
        }
        self.client_index.insert(Name::clone(&name.value), None);
    }

    fn place(&self, span: Span, path: &str) -> Arc<Location> {
        Arc::new(Location {
            file: Name::clone(&self.file),
            path: path.into(),
            span,
        })
    }

    fn has_errors(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|one| one.severity == Severity::Error)
    }

    fn error(
        &mut self,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
        hint: Option<String>,
    ) {
        let diagnostic = Diagnostic::error(code, &self.file, span, message)
            .label(label)
            .maybe_hint(hint);
        self.diagnostics.push(diagnostic);
    }

    fn warning(
        &mut self,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
        hint: Option<String>,
    ) {
        let diagnostic = Diagnostic::warning(code, &self.file, span, message)
            .label(label)
            .maybe_hint(hint);
        self.diagnostics.push(diagnostic);
    }
}
