//! From what was written to what can run: every name is resolved, every expression compiled, and every
//! mistake of the file reported at once.

mod calls;
mod cases;
mod clients;
mod conditions;
mod context;
mod effort;
mod flow;
mod graph;
mod machine;
mod names;
mod regions;
mod requests;
mod result;
mod schema;
mod states;
mod steps;
mod strategies;
#[cfg(test)]
mod tests;
mod texts;
mod values;
mod variables;

pub use self::calls::{CalledTask, CalledTasks};
use self::context::{Context, Reads};
use self::regions::KnownRegion;
use self::result::ResultShape;
use super::program::{Client, Machine};
use crate::definition::model::{Condition, Listen};
use crate::definition::{Catalog, Diagnostic, Severity, Suite, Task, Text};
use crate::event::{Name, Span};
use crate::script::{Engine, Expression};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// What a task is compiled against: data, and what its loader can look up.
#[derive(Clone, Copy)]
pub struct CompileInputs<'a> {
    /// The suite file that applies, or the default one.
    pub suite: &'a Suite,
    /// The scripts, with the suite's modules.
    pub engine: &'a Engine,
    /// The client kinds.
    pub catalog: &'a Catalog,
    /// The tasks that this one calls.
    pub called: &'a CalledTasks,
    /// Of a called task: what stands before the paths of its places, so that they differ from those of its caller.
    pub prefix: &'a str,
    /// Variables that are given from outside (`--var`).
    pub given: &'a [Name],
    /// Where a module of this name lies that is none of the suite's, and how it becomes one. Asked for a mistake only.
    pub module_elsewhere: fn(&Suite, &str) -> Option<String>,
}

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
    let res = if has_res {
        ResultShape::Any
    } else {
        ResultShape::Absent
    };
    let cx = Context::new(&task.file, &task.program, project.prefix).with_res(res);
    match compiler.script(cx, &mut Reads::new(), text, "eval") {
        Some(script) if !compiler.has_errors() => Ok(script.expression),
        _ => Err(compiler.diagnostics),
    }
}

struct Compiler<'a> {
    project: &'a CompileInputs<'a>,
    task: &'a Task,
    diagnostics: Vec<Diagnostic>,
    /// Variables that something gives a value.
    variables: HashSet<Name>,
    /// Every `listen` entry, in the order of the file.
    listens: Vec<&'a Listen>,
    clients: Vec<Client>,
    client_index: HashMap<Name, Option<usize>>,
    /// What the config of each client reads.
    client_reads: Vec<Reads>,
    /// Which of the variables that are given from outside, or by cases, were read.
    outside_reads: HashSet<Name>,
    /// Every region, each behind the one around it.
    regions: Vec<KnownRegion<'a>>,
    /// Each `transition_condition` that guards some transition.
    guarding: HashSet<*const Condition>,
    /// How many conditions were compiled so far.
    guards: u32,
    /// The script modules that were called so far, and whether `services` was read.
    modules: BTreeSet<Name>,
    reads_services: bool,
    /// The tasks that were called so far.
    called: Vec<Arc<Machine>>,
}

impl<'a> Compiler<'a> {
    fn new(project: &'a CompileInputs<'a>, task: &'a Task) -> Self {
        Self {
            project,
            task,
            diagnostics: Vec::new(),
            variables: flow::assigned_somewhere(project, task),
            listens: flow::listens(task),
            clients: Vec::new(),
            client_index: HashMap::new(),
            client_reads: Vec::new(),
            outside_reads: HashSet::new(),
            regions: regions::known_regions(&task.program),
            guarding: HashSet::new(),
            guards: 0,
            modules: BTreeSet::new(),
            reads_services: false,
            called: Vec::new(),
        }
    }

    /// Whether it cannot run: it has mistakes, or what it calls has.
    fn has_errors(&self) -> bool {
        let mut diagnostics = self.diagnostics.iter();
        self.project.called.is_any_broken()
            || diagnostics.any(|one| one.severity == Severity::Error)
    }

    fn error(
        &mut self,
        code: &'static str,
        file: &Name,
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
        hint: Option<String>,
    ) {
        let diagnostic = Diagnostic::error(code, file, span, message)
            .label(label)
            .maybe_hint(hint);
        self.diagnostics.push(diagnostic);
    }

    fn warning(
        &mut self,
        code: &'static str,
        file: &Name,
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
        hint: Option<String>,
    ) {
        let diagnostic = Diagnostic::warning(code, file, span, message)
            .label(label)
            .maybe_hint(hint);
        self.diagnostics.push(diagnostic);
    }
}
