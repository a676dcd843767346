//! Which functions there are.

use super::functions;
use super::known_rhai::RHAI;
use super::module::{Loaded, ModuleError};
use crate::event::Name;
use crate::event::nearest;
use crate::syntax::{Call, Constant, SyntaxError, Uses};
use std::collections::BTreeMap;
use std::ops::Range;

/// Functions that Rhai's evaluator itself knows, and how many arguments each takes.
const SYNTACTIC: [(&str, &[usize]); 7] = [
    ("type_of", &[1]),
    ("call", &[1, 2, 3, 4, 5, 6, 7, 8, 9]),
    ("is_shared", &[1]),
    ("is_def_var", &[1]),
    ("is_def_fn", &[2, 3]),
    ("print", &[0, 1]),
    ("debug", &[0, 1]),
];

/// What a module has.
struct Exports {
    module: Name,
    /// Its functions, and how many arguments each takes.
    functions: Vec<(Name, usize)>,
    constants: Vec<Name>,
}

/// Every function by name, with the numbers of arguments that it takes.
pub(super) struct Known {
    functions: BTreeMap<String, Vec<usize>>,
    modules: Vec<Exports>,
    /// Modules that were left out: their calls are no mistake of the caller.
    broken: Vec<Name>,
}

impl Known {
    pub(super) fn new(modules: &[Loaded], errors: &[ModuleError]) -> Self {
        let mut functions: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (name, arities) in RHAI.into_iter().chain(SYNTACTIC) {
            functions
                .entry(name.to_owned())
                .or_default()
                .extend(arities);
        }
        // Ours stand in place of Rhai's of the same name, but for those that only Rhai has by number.
        for function in functions::all() {
            functions.insert(function.name.to_owned(), function.arity.clone().collect());
        }
        Self {
            broken: errors.iter().map(|error| error.module.clone()).collect(),
            functions,
            modules: modules
                .iter()
                .map(|module| Exports {
                    module: module.name.clone(),
                    functions: module.functions.clone(),
                    constants: module.constants.clone(),
                })
                .collect(),
        }
    }

    /// What is wrong with the calls in a source, and with the constants of modules.
    pub(super) fn complaints(&self, uses: &Uses) -> Vec<SyntaxError> {
        let complain = |call: &Call| match &call.module {
            Some(module) => self.complain_of_module(module, call),
            None => self.complain_of_function(call, uses),
        };
        let calls = uses.calls.iter().filter_map(complain);
        let constants = uses.constants.iter();
        calls
            .chain(constants.filter_map(|constant| self.complain_of_constant(constant)))
            .collect()
    }

    fn complain_of_function(&self, call: &Call, uses: &Uses) -> Option<SyntaxError> {
        // A method may be a closure that a map of the script holds: only Rhai knows then.
        if call.method && uses.has_closures && !self.functions.contains_key(&*call.name) {
            return self
                .near(&call.name)
                .map(|near| unknown(call).hint(format!("did you mean `{near}`?")));
        }
        let Some(arities) = self.functions.get(&*call.name) else {
            let error = unknown(call);
            return Some(match (instead(&call.name), self.near(&call.name)) {
                (Some(instead), _) => error.hint(instead),
                (None, Some(near)) => error.hint(format!("did you mean `{near}`?")),
                (None, None) => match self.module_with(&call.name) {
                    Some(module) => error.hint(format!("did you mean `{module}::{}`?", call.name)),
                    None => error,
                },
            });
        };
        if arities.contains(&call.args) {
            return None;
        }
        let error = SyntaxError::new(
            call.at.clone(),
            format!(
                "`{}` takes {}, not {}",
                call.name,
                numbers(arities),
                call.args
            ),
        );
        Some(match functions::find(&call.name) {
            Some(function) => error.hint(format!("`{}({})`", function.name, function.params)),
            None => error,
        })
    }

    fn near(&self, name: &str) -> Option<&str> {
        nearest(name, self.functions.keys().map(String::as_str))
    }

    fn module_with(&self, function: &str) -> Option<&Name> {
        self.modules
            .iter()
            .find(|one| one.functions.iter().any(|(name, _)| &**name == function))
            .map(|one| &one.module)
    }

    /// The module of this name; `None` where nothing can be said of it; or what is wrong with the name.
    fn exports(&self, module: &str, at: &Range<usize>) -> Result<Option<&Exports>, SyntaxError> {
        if self.broken.iter().any(|broken| **broken == *module) || module == "global" {
            return Ok(None);
        }
        let known = self.modules.iter().find(|one| &*one.module == module);
        if known.is_some() {
            return Ok(known);
        }
        let error = SyntaxError::new(at.clone(), format!("there is no module `{module}`"));
        let names = self.modules.iter().map(|one| &*one.module);
        Err(error.hint(match nearest(module, names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("a module is a file: `scripts/{module}.rhai`"),
        }))
    }

    fn complain_of_constant(&self, constant: &Constant) -> Option<SyntaxError> {
        match self.exports(&constant.module, &constant.at) {
            Ok(Some(known)) => unknown_constant(&known.module, &known.constants, constant),
            Ok(None) => None,
            Err(error) => Some(error),
        }
    }

    fn complain_of_module(&self, module: &str, call: &Call) -> Option<SyntaxError> {
        let functions = match self.exports(module, &call.at) {
            Ok(known) => &known?.functions,
            Err(error) => return Some(error),
        };
        let arities: Vec<usize> = functions
            .iter()
            .filter(|(name, _)| *name == call.name)
            .map(|(_, arity)| *arity)
            .collect();
        if arities.is_empty() {
            let error = SyntaxError::new(
                call.at.clone(),
                format!("the module `{module}` has no function `{}`", call.name),
            );
            return Some(
                match nearest(&call.name, functions.iter().map(|(name, _)| &**name)) {
                    Some(near) => error.hint(format!("did you mean `{near}`?")),
                    None => error,
                },
            );
        }
        (!arities.contains(&call.args)).then(|| {
            let message = format!(
                "`{module}::{}` takes {}, not {}",
                call.name,
                numbers(&arities),
                call.args
            );
            SyntaxError::new(call.at.clone(), message)
        })
    }
}

/// The mistake of a constant that its module does not have.
pub(super) fn unknown_constant(
    module: &str,
    known: &[Name],
    constant: &Constant,
) -> Option<SyntaxError> {
    let name = &constant.name;
    if known.contains(name) {
        return None;
    }
    let error = SyntaxError::new(
        constant.at.clone(),
        format!("the module `{module}` has no constant `{name}`"),
    );
    Some(match nearest(name, known.iter().map(|known| &**known)) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!(
            "write `const {name} = …;` in it, or `{name}()` for a function"
        )),
    })
}

/// What to write for a function that other languages have.
fn instead(name: &str) -> Option<&'static str> {
    Some(match name {
        "sleep" => "`wait` is a strategy of a state",
        "timestamp" => "the time is `now()`",
        "length" | "size" | "count" => "write `len(x)`, or `x.len()`",
        "includes" | "has" | "include" => "write `contains(x, y)`, or `y in x`",
        "lower" | "lowercase" | "downcase" | "toLowerCase" => "write `x.to_lower()`",
        "upper" | "uppercase" | "upcase" | "toUpperCase" => "write `x.to_upper()`",
        "strip" => "write `trim(x)`",
        "substr" | "substring" | "slice" => "write `x.sub_string(start, length)`",
        "getenv" => "write `env('NAME')`",
        _ => return None,
    })
}

fn unknown(call: &Call) -> SyntaxError {
    SyntaxError::new(
        call.at.clone(),
        format!("there is no function `{}`", call.name),
    )
}

/// `1 argument`, `2 or 3 arguments`.
fn numbers(arities: &[usize]) -> String {
    let mut arities = arities.to_vec();
    arities.sort_unstable();
    arities.dedup();
    let last = arities.pop().unwrap_or_default();
    let unit = if last == 1 && arities.is_empty() {
        "argument"
    } else {
        "arguments"
    };
    if arities.is_empty() {
        return format!("{last} {unit}");
    }
    let first = arities
        .iter()
        .map(usize::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    format!("{first} or {last} {unit}")
}
