use super::known::{Known, unknown_constant};
use super::print::{Printer, each_call_in, is_module_name};
use super::printed::Printed;
use super::{lower, rhai_error};
use crate::event::Name;
use crate::syntax::tree::Child;
use crate::syntax::{self, SyntaxError, Uses};
use rhai::Position;

/// The source of a script module.
#[derive(Clone, Debug)]
pub struct Module {
    /// What expressions call it: `NAME::function(…)`.
    pub name: Name,
    /// The file, for messages.
    pub file: Name,
    /// Its text.
    pub source: Name,
}

/// A module that could not be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleError {
    /// The module's name.
    pub module: Name,
    /// Its file.
    pub file: Name,
    /// What is wrong, with its place in the file in bytes.
    pub error: SyntaxError,
}

/// A module that expressions can call.
pub(super) struct Loaded {
    pub(super) name: Name,
    file: Name,
    source: Name,
    printed: Printed,
    /// Its functions, and how many arguments each takes.
    pub(super) functions: Vec<(Name, usize)>,
    pub(super) constants: Vec<Name>,
    pub(super) uses: Uses,
}

impl Loaded {
    /// `scripts/x.rhai:3:5` for a position of the translation, if it belongs to this file.
    pub(super) fn line(&self, file: &str, position: Position) -> Option<String> {
        if *self.file != *file {
            return None;
        }
        let at = self.printed.place(position)?.start;
        let before = &self.source[..at];
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        Some(format!("{file}:{line}:{column}"))
    }
}

/// What the functions of modules name and nobody has: they see their arguments and other functions only.
pub(super) fn complain(modules: &[Loaded], known: &Known) -> Vec<ModuleError> {
    let mut errors = Vec::new();
    for module in modules {
        let reads = module.uses.unseen.iter().map(|read| {
            SyntaxError::new(
                read.at.clone(),
                format!("a function of a module does not see `{}`", read.name),
            )
            .hint("pass it as an argument; a constant of the module is `global::NAME`")
        });
        let uses = &module.uses;
        let own = uses.constants.iter().filter(|one| &*one.module == "global");
        let own = own.filter_map(|one| unknown_constant(&module.name, &module.constants, one));
        let others = known.complaints(uses);
        errors.extend(reads.chain(own).chain(others).map(|error| ModuleError {
            module: module.name.clone(),
            file: module.file.clone(),
            error,
        }));
    }
    errors
}

/// Compiles modules and registers those that are sound.
pub(super) fn load(
    engine: &mut rhai::Engine,
    modules: &[Module],
) -> (Vec<Loaded>, Vec<ModuleError>) {
    let mut loaded: Vec<Loaded> = Vec::new();
    let mut errors = Vec::new();
    for module in modules {
        let result = if loaded.iter().any(|known| known.name == module.name) {
            Err(SyntaxError::new(
                0..0,
                format!("there are two modules `{}`", module.name),
            ))
        } else {
            compile(engine, module)
        };
        match result {
            Ok(module) => loaded.push(module),
            Err(error) => errors.push(ModuleError {
                module: module.name.clone(),
                file: module.file.clone(),
                error,
            }),
        }
    }
    (loaded, errors)
}

fn compile(engine: &mut rhai::Engine, module: &Module) -> Result<Loaded, SyntaxError> {
    let source = &module.source;
    if !is_module_name(&module.name) {
        return Err(
            SyntaxError::new(0..0, format!("`{}` is no name of a module", module.name))
                .hint("a name has letters, digits and `_`, and is no word of the language"),
        );
    }
    let block = syntax::module(source)?;
    let mut literals = Ok(());
    each_call_in(Child::Block(&block), &mut |call| {
        if literals.is_ok() {
            literals = lower::check_call(call);
        }
    });
    literals?;
    let mut writer = Printer::default();
    writer.program(&block);
    let printed = writer.into_printed();
    let whole = 0..source.len();
    let mut ast = engine
        .compile(&printed.text)
        .map_err(|error| rhai_error::syntax(&error, &printed, &whole))?;
    ast.set_source(&*module.file);
    let functions = ast
        .iter_functions()
        .map(|function| (function.name.into(), function.params.len()))
        .collect();
    let mut constants = rhai::Scope::new();
    let mut made = engine
        .run_ast_with_scope(&mut constants, &ast)
        .and_then(|()| rhai::Module::eval_ast_as_new(rhai::Scope::new(), &ast, engine))
        .map_err(|error| {
            let fault = rhai_error::fault(&error);
            SyntaxError::new(
                printed.place(error.position()).unwrap_or(whole),
                fault.message,
            )
        })?;
    let mut names: Vec<Name> = Vec::new();
    for (name, _, value) in constants.iter() {
        names.push(name.into());
        made.set_var(name, value);
    }
    engine.register_static_module(&*module.name, made.into());
    Ok(Loaded {
        name: module.name.clone(),
        file: module.file.clone(),
        source: source.clone(),
        printed,
        functions,
        constants: names,
        uses: syntax::uses_of_module(&block),
    })
}
