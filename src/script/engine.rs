use super::cache::Cache;
use super::eval::{Run, Seen, placed};
use super::expression::SourceKind;
use super::functions;
use super::jsonpath::JsonPath;
use super::known::Known;
use super::limits::{self, Limit};
use super::module::{Loaded, Module, ModuleError, complain, load};
use super::scope::LOCALS;
use super::url::{Url, is_taken_as_it_is};
use super::{
    EvalError, EvalKind, Expression, Host, Locals, Scope, Source, Template, Value, explain, lower,
    ops, sandbox,
};
use crate::event::{Explanation, Json};
use crate::syntax::{self, SyntaxError, Uses};
use rhai::Dynamic;
use std::cell::RefCell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Compiles and evaluates expressions, scripts and templates. Cheap to clone, and shared by threads.
///
/// Scripts of Rhai need much stack: evaluate on threads with 64 MiB of it.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    rhai: rhai::Engine,
    modules: Vec<Loaded>,
    known: Known,
    expressions: Cache,
    scripts: Cache,
}

/// What a condition said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tested {
    /// Whether it holds; `None`: it is unknown, since what it asks about is missing.
    pub truth: Option<bool>,
    /// Whether a `filter` in it had items, and its condition was unknown on all of them.
    pub has_blind_filter: bool,
}

impl Tested {
    /// Whether it had an answer.
    pub fn is_known(self) -> bool {
        self.truth.is_some() && !self.has_blind_filter
    }
}

/// A function that expressions may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Its name.
    pub name: &'static str,
    /// Its parameters as they are documented: `text, pattern`.
    pub params: &'static str,
    /// What it does, in one line.
    pub doc: &'static str,
    /// An expression that shows it and is true.
    pub example: &'static str,
}

impl Engine {
    /// An engine whose expressions may call these modules; broken ones are left out and reported.
    pub fn new(modules: &[Module]) -> (Self, Vec<ModuleError>) {
        let mut rhai = sandbox::engine();
        let (modules, mut errors) = load(&mut rhai, modules);
        let known = Known::new(&modules, &errors);
        errors.extend(complain(&modules, &known));
        (
            Self(Arc::new(Inner {
                rhai,
                modules,
                known,
                expressions: Cache::default(),
                scripts: Cache::default(),
            })),
            errors,
        )
    }

    /// Compiles one expression: of `when`, `fail_when`, `if`, `expect`, `for_each`. Statements and
    /// assignments are refused.
    ///
    /// # Errors
    /// What does not parse, with its place.
    pub fn expression(&self, source: &str) -> Result<Expression, SyntaxError> {
        (self.0.expressions).get_or(source, || self.compile(source, false))
    }

    /// Compiles a script: of `save`, `set`, `outputs`, `eval`. `let`, `if` and blocks are allowed.
    ///
    /// # Errors
    /// What does not parse, with its place.
    pub fn script(&self, source: &str) -> Result<Expression, SyntaxError> {
        (self.0.scripts).get_or(source, || self.compile(source, true))
    }

    fn compile(&self, source: &str, statements: bool) -> Result<Expression, SyntaxError> {
        let tree = if statements {
            syntax::script(source)?
        } else {
            syntax::expression(source)?
        };
        let uses = syntax::uses(&tree);
        refuse_assignment(&uses, source)?;
        refuse_unseen(&uses)?;
        // Rhai's parser is not ours to trust.
        let lowered = catch_unwind(AssertUnwindSafe(|| lower::lower(&tree, &self.0.rhai)));
        let root = lowered.unwrap_or_else(|_| {
            let message = "the parser panicked, which is an error of this program";
            Err(SyntaxError::new(0..source.len(), message))
        })?;
        Ok(Expression::new(
            source,
            root,
            uses,
            syntax::doubts(&tree, source),
        ))
    }

    /// Compiles what `save` and `set` take: a text that begins with `$.` or `$[` (or is `$`) is a
    /// JSONPath over `res.body`, any other a script.
    ///
    /// # Errors
    /// What does not parse, with its place.
    pub fn value(&self, source: &str) -> Result<Source, SyntaxError> {
        let trimmed = source.trim();
        if trimmed != "$" && !trimmed.starts_with("$.") && !trimmed.starts_with("$[") {
            return self
                .script(source)
                .map(|script| Source(SourceKind::Script(script)));
        }
        let path = JsonPath::parse(trimmed).map_err(|error| {
            let before = source.len() - source.trim_start().len();
            let hint = "a text that begins with `$` is a JSONPath over `res.body`";
            SyntaxError {
                message: format!("this is no JSONPath: {}", error.message),
                hint: error.hint.or_else(|| Some(hint.to_owned())),
                at: error.at,
            }
            .shifted(before)
        })?;
        Ok(Source(SourceKind::Path {
            source: source.into(),
            path: Arc::new(path),
            reads: ["res".into()],
        }))
    }

    /// Compiles a text with `${…}` in it; `$${` is a literal `${`.
    ///
    /// # Errors
    /// What does not parse, with its place.
    pub fn template(&self, source: &str) -> Result<Template, SyntaxError> {
        Template::compile(self, source)
    }

    /// What a condition says.
    ///
    /// # Errors
    /// What went wrong, and where. A value that is no bool is an error that shows it.
    pub fn test(
        &self,
        e: &Expression,
        scope: &Scope,
        on: &Locals<'_>,
        host: &Arc<dyn Host>,
    ) -> Result<Tested, EvalError> {
        let value = self.run(e, scope, on, host)?;
        let truth = ops::truth(&value, "a condition").map_err(|fault| {
            self.with_missing(placed(fault, &e.compiled.root.at), e, scope, on, host)
        })?;
        Ok(Tested {
            truth,
            has_blind_filter: sandbox::has_blind_filter(),
        })
    }

    /// The value of an expression or script; `null` where it is missing.
    ///
    /// # Errors
    /// What went wrong, and where.
    pub fn eval(
        &self,
        e: &Expression,
        scope: &Scope,
        on: &Locals<'_>,
        host: &Arc<dyn Host>,
    ) -> Result<Value, EvalError> {
        self.run(e, scope, on, host).map(Value)
    }

    /// The value of an expression or script that must have one, as in `save`, `set` and `outputs`.
    ///
    /// # Errors
    /// What went wrong, and where. A missing value is an error that names what is missing, unless the
    /// expression itself says `null` (`x ?? null`).
    pub fn eval_required(
        &self,
        e: &Expression,
        scope: &Scope,
        on: &Locals<'_>,
        host: &Arc<dyn Host>,
    ) -> Result<Value, EvalError> {
        let value = self.run(e, scope, on, host)?;
        if value.is_unit() && !e.may_be_null() {
            let error = EvalError::new(e.compiled.root.at.clone(), "there is no value").hint(
                "give one for what may be missing: `… ?? \"\"`, or `… ?? null` to keep it missing",
            );
            return Err(self.with_missing(error, e, scope, on, host));
        }
        Ok(Value(value))
    }

    /// The value of what `save` and `set` take.
    ///
    /// # Errors
    /// What went wrong, and where; a missing value as in [`Engine::eval_required`].
    pub fn eval_source(
        &self,
        s: &Source,
        scope: &Scope,
        on: &Locals<'_>,
        host: &Arc<dyn Host>,
    ) -> Result<Value, EvalError> {
        match &s.0 {
            SourceKind::Script(script) => self.eval_required(script, scope, on, host),
            SourceKind::Path { source, path, .. } => {
                let whole = 0..source.len();
                let res = on.get("res").or_else(|| scope.get("res"));
                let Some(res) = res else {
                    return Err(EvalError::new(whole, "there is no `res` here to look into"));
                };
                let body = res.member("body");
                let found = path.find(&body.0).map_err(|fault| placed(fault, &whole))?;
                if found.is_unit() {
                    let what = if body.is_null() {
                        "`res.body` is missing"
                    } else {
                        "nothing in `res.body` is at this path"
                    };
                    return Err(EvalError::new(whole, what).hint(format!(
                        "give a value for it: `jsonpath(res.body, '{}') ?? \"\"`",
                        source.trim()
                    )));
                }
                Ok(Value(found))
            }
        }
    }

    /// A template's value: that of a single `${…}` as it is, else a text.
    ///
    /// # Errors
    /// What went wrong, and where. A missing value inside a longer text is an error.
    pub fn render_value(
        &self,
        t: &Template,
        scope: &Scope,
        on: &Locals<'_>,
        host: &Arc<dyn Host>,
    ) -> Result<Value, EvalError> {
        if !t.is_single() {
            return self.render(t, scope, on, host).map(Value::from);
        }
        let (at, expression) = t.placed().next().expect("a single `${…}` is there");
        self.eval(&expression, scope, on, host)
            .map_err(|error| error.shifted(at))
    }

    /// The same as plain data.
    ///
    /// # Errors
    /// What went wrong, and where. A missing value inside a longer text is an error.
    pub fn render(
        &self,
        t: &Template,
        scope: &Scope,
        on: &Locals<'_>,
        host: &Arc<dyn Host>,
    ) -> Result<Json, EvalError> {
        if let Some(literal) = t.literal() {
            return Ok(Json::String(literal.to_owned()));
        }
        if t.is_single() {
            let value = self.render_value(t, scope, on, host)?;
            return Ok(value.to_json());
        }
        let mut out = t.texts()[0].clone();
        for ((at, expression), text) in t.placed().zip(&t.texts()[1..]) {
            let piece = self
                .in_text(&expression, scope, on, host)
                .map_err(|error| error.shifted(at))?;
            out.push_str(&piece);
            out.push_str(text);
            if out.len() > limits::MAX_TEXT {
                return Err(placed(Limit::Text.fault(), &(0..t.source().len())));
            }
        }
        Ok(Json::String(out))
    }

    /// A URL: each value is encoded for where it stands, so that what it holds stays in that part. A single `${…}` and
    /// those at the beginning are taken as they are, and so is what `raw` and `url_encode` give.
    ///
    /// # Errors
    /// What went wrong, and where: a value is missing, is no host or port where one is due, or is a step in the path.
    pub fn render_url(
        &self,
        t: &Template,
        scope: &Scope,
        on: &Locals<'_>,
        host: &Arc<dyn Host>,
    ) -> Result<Json, EvalError> {
        if t.is_literal() || t.is_single() {
            return self.render(t, scope, on, host);
        }
        let mut url = Url::default();
        url.push(&t.texts()[0]);
        let mut is_beginning = t.texts()[0].is_empty();
        for (index, (at, expression)) in t.placed().enumerate() {
            let value = self
                .in_text(&expression, scope, on, host)
                .map_err(|error| error.shifted(at))?;
            let behind = &t.texts()[index + 1..];
            if is_beginning || is_taken_as_it_is(&expression) {
                url.push(&value);
            } else {
                let whole = expression.whole();
                url.push_value(&value, behind, at + whole.start..at + whole.end)?;
            }
            url.push(&behind[0]);
            is_beginning &= behind[0].is_empty();
            if url.len() > limits::MAX_TEXT {
                return Err(placed(Limit::Text.fault(), &(0..t.source().len())));
            }
        }
        url.finish().map(Json::String)
    }

    /// A template as a text, a single `${…}` as well.
    ///
    /// # Errors
    /// What went wrong, and where. A missing value is an error.
    pub fn render_text(
        &self,
        t: &Template,
        scope: &Scope,
        on: &Locals<'_>,
        host: &Arc<dyn Host>,
    ) -> Result<String, EvalError> {
        if t.is_single() {
            let (at, expression) = t.placed().next().expect("a single `${…}` is there");
            return self
                .in_text(&expression, scope, on, host)
                .map_err(|error| error.shifted(at));
        }
        match self.render(t, scope, on, host)? {
            Json::String(text) => Ok(text),
            other => Ok(other.to_string()),
        }
    }

    fn in_text(
        &self,
        e: &Expression,
        scope: &Scope,
        on: &Locals<'_>,
        host: &Arc<dyn Host>,
    ) -> Result<String, EvalError> {
        let value = self.run(e, scope, on, host)?;
        if value.is_unit() {
            let error = EvalError::new(e.compiled.root.at.clone(), "a value in a text is missing")
                .hint("give one for it: `${… ?? \"\"}`");
            return Err(self.with_missing(error, e, scope, on, host));
        }
        ops::piece(&value).map_err(|fault| placed(fault, &e.compiled.root.at))
    }

    /// A template's literal texts and the values between them: one text more than values. For what binds
    /// values instead of pasting them, as SQL does.
    ///
    /// # Errors
    /// What went wrong, and where.
    pub fn render_parts(
        &self,
        t: &Template,
        scope: &Scope,
        on: &Locals<'_>,
        host: &Arc<dyn Host>,
    ) -> Result<(Vec<String>, Vec<Value>), EvalError> {
        let values = t
            .placed()
            .map(|(at, expression)| {
                self.eval(&expression, scope, on, host)
                    .map_err(|error| error.shifted(at))
            })
            .collect::<Result<_, EvalError>>()?;
        Ok((t.texts().to_vec(), values))
    }

    /// Why an expression has the value that it has: every sub-expression is evaluated at most once, and
    /// what short-circuits stays unevaluated.
    pub fn explain(
        &self,
        e: &Expression,
        scope: &Scope,
        on: &Locals<'_>,
        host: &Arc<dyn Host>,
    ) -> Explanation {
        let (value, seen) = self.observed(e, scope, on, host);
        explain::explanation(e.source(), &e.compiled.root, seen, value.as_ref().ok())
    }

    /// The value of an expression or script, and why it has it: one evaluation for both.
    ///
    /// # Errors
    /// What went wrong, and where; the explanation shows what was seen until then.
    pub fn examine(
        &self,
        e: &Expression,
        scope: &Scope,
        on: &Locals<'_>,
        host: &Arc<dyn Host>,
    ) -> (Result<Value, EvalError>, Explanation) {
        let (value, seen) = self.observed(e, scope, on, host);
        let explained = value
            .clone()
            .map(Value)
            .map_err(|error| name_missing(error, &seen));
        (
            explained,
            explain::explanation(e.source(), &e.compiled.root, seen, value.as_ref().ok()),
        )
    }

    /// What a condition says, and why: one evaluation for both.
    ///
    /// # Errors
    /// As in [`Engine::test`]; the explanation shows what was seen until then.
    pub fn judge(
        &self,
        e: &Expression,
        scope: &Scope,
        on: &Locals<'_>,
        host: &Arc<dyn Host>,
    ) -> (Result<Option<bool>, EvalError>, Explanation) {
        let (value, seen) = self.observed(e, scope, on, host);
        let verdict = value
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|value| {
                ops::truth(value, "a condition").map_err(|fault| placed(fault, &e.compiled.root.at))
            })
            .map_err(|error| name_missing(error, &seen));
        (
            verdict,
            explain::explanation(e.source(), &e.compiled.root, seen, value.as_ref().ok()),
        )
    }

    /// The stretches of a condition that keep it from holding: of the operands of its outermost `&&`, `||` and
    /// `!` those that are not as they should be. None if it holds.
    pub fn deciding(
        &self,
        e: &Expression,
        scope: &Scope,
        on: &Locals<'_>,
        host: &Arc<dyn Host>,
    ) -> Vec<Range<usize>> {
        let (value, seen) = self.observed(e, scope, on, host);
        let mut found = Vec::new();
        if value.is_ok_and(|value| value.as_bool() != Ok(true)) {
            explain::deciding(&e.compiled.root, &seen, true, &mut found);
        }
        found
    }

    /// Functions, modules and their constants that do not exist, and calls with a wrong number of arguments.
    pub fn unresolved(&self, e: &Expression) -> Vec<SyntaxError> {
        self.0.known.complaints(e.uses())
    }

    /// Whether its expressions may call a module of this name.
    pub fn has_module(&self, name: &str) -> bool {
        self.0.modules.iter().any(|module| *module.name == *name)
    }

    /// The functions that expressions may call, besides those of Rhai.
    pub fn functions(&self) -> Vec<Signature> {
        functions::all()
            .map(|function| Signature {
                name: function.name,
                params: function.params,
                doc: function.doc,
                example: function.example,
            })
            .collect()
    }

    fn run(
        &self,
        e: &Expression,
        scope: &Scope,
        on: &Locals<'_>,
        host: &Arc<dyn Host>,
    ) -> Result<Dynamic, EvalError> {
        self.evaluate(e, scope, on, host, None)
            .0
            .map_err(|error| self.with_missing(error, e, scope, on, host))
    }

    fn observed(
        &self,
        e: &Expression,
        scope: &Scope,
        on: &Locals<'_>,
        host: &Arc<dyn Host>,
    ) -> (Result<Dynamic, EvalError>, Seen) {
        let (value, seen) = self.evaluate(e, scope, on, host, Some(RefCell::default()));
        (value, seen.map(RefCell::into_inner).unwrap_or_default())
    }

    fn evaluate(
        &self,
        e: &Expression,
        scope: &Scope,
        on: &Locals<'_>,
        host: &Arc<dyn Host>,
        seen: Option<RefCell<Seen>>,
    ) -> (Result<Dynamic, EvalError>, Option<RefCell<Seen>>) {
        sandbox::begin();
        let module_line = |file: &str, position| {
            self.0
                .modules
                .iter()
                .find_map(|module| module.line(file, position))
        };
        let run = Run {
            rhai: &self.0.rhai,
            module_line: &module_line,
            scope,
            on,
            host,
            place: e.place,
            source: e.source(),
            seen,
        };
        // A panic inside a function must not take the whole engine down.
        let value = catch_unwind(AssertUnwindSafe(|| run.node(&e.compiled.root)))
            .unwrap_or_else(|_| {
                Err(EvalError::new(
                    e.whole(),
                    "the evaluation panicked, which is an error of this program",
                ))
            })
            .and_then(|value| {
                sandbox::seal(value).map_err(|fault| placed(fault, &e.compiled.root.at))
            });
        (value, run.seen)
    }

    /// Adds to an error what is missing at its place, with the nearest name that exists.
    fn with_missing(
        &self,
        error: EvalError,
        e: &Expression,
        scope: &Scope,
        on: &Locals<'_>,
        host: &Arc<dyn Host>,
    ) -> EvalError {
        if error.kind == EvalKind::Limit {
            return error;
        }
        name_missing(error, &self.observed(e, scope, on, host).1)
    }
}

/// Adds to an error what is missing at its place, with the nearest name that exists.
fn name_missing(mut error: EvalError, seen: &Seen) -> EvalError {
    let found = seen
        .missing
        .iter()
        .find(|(at, _)| error.at.start <= at.start && at.end <= error.at.end);
    if let Some((at, missing)) = found {
        let near = missing
            .nearest
            .as_ref()
            .map(|near| format!(", did you mean `{near}`?"))
            .unwrap_or_default();
        error.message = format!("{}: `{}` is missing{near}", error.message, missing.path);
        if let Some(why) = &missing.hint {
            error.hint = Some(match error.hint {
                Some(hint) => format!("{why}; {hint}"),
                None => why.clone(),
            });
        }
        error.at = at.clone();
    }
    error
}

/// A task's variables are constants to scripts.
fn refuse_assignment(uses: &Uses, source: &str) -> Result<(), SyntaxError> {
    let Some(assigned) = uses.assigned.first() else {
        return Ok(());
    };
    let target = source.get(assigned.at.clone()).unwrap_or(&assigned.name);
    let behind = source.get(assigned.at.end..).unwrap_or_default();
    let hint = if LOCALS.contains(&&*assigned.name) || *target != *assigned.name {
        format!(
            "write `==` to compare; `save` and `set` give variables a value, and a copy can be changed: `let x = {}`",
            assigned.name
        )
    } else {
        format!(
            "write `==` to compare; a variable gets a value by `set` or `save`, or is declared: `let {} = …`",
            assigned.name
        )
    };
    // `+=` was never meant to compare.
    let message = if behind.trim_start().starts_with('=') {
        format!("`=` does not compare, and `{target}` cannot be changed by a script")
    } else {
        format!("`{target}` cannot be changed by a script")
    };
    Err(SyntaxError::new(assigned.at.clone(), message).hint(hint))
}

/// A `fn` sees its arguments only.
fn refuse_unseen(uses: &Uses) -> Result<(), SyntaxError> {
    match uses.unseen.first() {
        None => Ok(()),
        Some(read) => Err(SyntaxError::new(
            read.at.clone(),
            format!("a `fn` does not see `{}`", read.name),
        )
        .hint("pass it as an argument, or write a closure: `let f = |x| …`")),
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("modules", &self.0.modules.len())
            .finish_non_exhaustive()
    }
}

/// A value's JSON, cut to what a person reads.
pub fn brief(value: &Value) -> Json {
    explain::brief(&value.0)
}
