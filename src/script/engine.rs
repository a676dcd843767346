use super::{EvalError, Host, Lint, Locals, ModuleError, Read, Scope, SyntaxError, Value};
use crate::event::{Explanation, Json, Name};
use rhai::packages::Package;
use std::sync::Arc;

/// Compiles and evaluates. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<rhai::Engine>);

/// The source of a script module.
pub struct Module {
    /// What expressions call it: `NAME::function(…)`.
    pub name: Name,
    /// The file, for messages.
    pub file: Name,
    /// Its text.
    pub source: Name,
}

/// A compiled expression or script. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Expression {
    code: Arc<Code>,
    place: u64,
}

#[derive(Debug)]
struct Code {
    source: Name,
    ast: rhai::AST,
    lint: Lint,
    reads: Vec<Name>,
}

impl Expression {
    /// The text as it was written.
    pub fn source(&self) -> &str {
        &self.code.source
    }

    /// The variables that it reads, each once.
    pub fn reads(&self) -> &[Name] {
        &self.code.reads
    }

    /// Whether it is the literal `true`.
    pub fn is_constant_true(&self) -> bool {
        self.code.source.trim() == "true"
    }

    /// The same expression at a place of a task: what `uuid()` yields depends on it.
    #[must_use]
    pub fn at_place(&self, place: u64) -> Self {
        Self {
            code: self.code.clone(),
            place,
        }
    }
}

/// What `save` and `set` take: a JSONPath over `res.body`, or a script.
#[derive(Clone, Debug)]
pub enum Source {
    /// A script.
    Script(Expression),
}

impl Source {
    /// The variables that it reads, each once.
    pub fn reads(&self) -> &[Name] {
        match self {
            Self::Script(e) => e.reads(),
        }
    }

    /// The text as it was written.
    pub fn source(&self) -> &str {
        match self {
            Self::Script(e) => e.source(),
        }
    }

    /// The same at a place of a task.
    #[must_use]
    pub fn at_place(&self, place: u64) -> Self {
        match self {
            Self::Script(e) => Self::Script(e.at_place(place)),
        }
    }
}

/// A text with `${…}` in it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Template {
    source: Name,
    texts: Arc<[String]>,
    parts: Arc<[(usize, Expression)]>,
}

impl Template {
    /// The text as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it holds no `${…}`.
    pub fn is_literal(&self) -> bool {
        self.parts.is_empty()
    }

    /// The expressions in it, each with the byte at which it begins.
    pub fn expressions(&self) -> impl Iterator<Item = (usize, &Expression)> {
        self.parts.iter().map(|(at, e)| (*at, e))
    }

    /// The same at a place of a task.
    #[must_use]
    pub fn at_place(&self, place: u64) -> Self {
        let mut new = self.clone();
        new.parts = self
            .parts
            .iter()
            .map(|(at, e)| (*at, e.at_place(place)))
            .collect();
        new
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
}

impl Engine {
    /// An engine whose expressions may call these modules; broken ones are left out and reported.
    pub fn new(_modules: &[Module]) -> (Self, Vec<ModuleError>) {
        let mut engine = rhai::Engine::new_raw();
        engine.register_global_module(rhai::packages::StandardPackage::new().as_shared_module());
        (Self(Arc::new(engine)), Vec::new())
    }

    fn compile(
        &self,
        source: &str,
        ast: Result<rhai::AST, rhai::ParseError>,
    ) -> Result<Expression, SyntaxError> {
        let ast = ast.map_err(|e| SyntaxError::new(0..source.len(), e.err_type().to_string()))?;
        let mut lint = Lint::default();
        let mut reads: Vec<Name> = Vec::new();
        ast.walk(&mut |path| {
            if let Some(rhai::ASTNode::Expr(rhai::Expr::Variable(v, _, pos))) = path.last() {
                let start = pos.position().unwrap_or(1) - 1;
                let name: Name = v.1.as_str().into();
                lint.reads.push(Read {
                    at: start..start + name.len(),
                    name: name.clone(),
                });
                if !reads.contains(&name) {
                    reads.push(name);
                }
            }
            true
        });
        Ok(Expression {
            code: Arc::new(Code {
                source: source.into(),
                ast,
                lint,
                reads,
            }),
            place: 0,
        })
    }

    /// Compiles one expression.
    ///
    /// # Errors
    /// What does not parse.
    pub fn expression(&self, source: &str) -> Result<Expression, SyntaxError> {
        self.compile(source, self.0.compile_expression(source))
    }

    /// Compiles a script.
    ///
    /// # Errors
    /// What does not parse.
    pub fn script(&self, source: &str) -> Result<Expression, SyntaxError> {
        self.compile(source, self.0.compile(source))
    }

    /// Compiles what `save` and `set` take.
    ///
    /// # Errors
    /// What does not parse.
    pub fn value(&self, source: &str) -> Result<Source, SyntaxError> {
        self.script(source).map(Source::Script)
    }

    /// Compiles a text with `${…}` in it.
    ///
    /// # Errors
    /// What does not parse.
    pub fn template(&self, source: &str) -> Result<Template, SyntaxError> {
        let mut texts = vec![String::new()];
        let mut parts = Vec::new();
        let mut rest = source;
        while let Some(found) = rest.find("${") {
            let last = texts.len() - 1;
            if rest[..found].ends_with('$') {
                texts[last].push_str(&rest[..found]);
                texts[last].push('{');
                rest = &rest[found + 2..];
                continue;
            }
            texts[last].push_str(&rest[..found]);
            let start = source.len() - rest.len() + found + 2;
            let end = source[start..]
                .find('}')
                .map(|e| start + e)
                .ok_or_else(|| SyntaxError::new(start - 2..source.len(), "`${` is not closed"))?;
            parts.push((
                start,
                self.expression(&source[start..end])
                    .map_err(|e| e.shifted(start))?,
            ));
            texts.push(String::new());
            rest = &source[end + 1..];
        }
        if let Some(last) = texts.last_mut() {
            last.push_str(rest);
        }
        Ok(Template {
            source: source.into(),
            texts: texts.into(),
            parts: parts.into(),
        })
    }

    /// The value of an expression or script.
    ///
    /// # Errors
    /// What went wrong, and where.
    pub fn eval(
        &self,
        e: &Expression,
        scope: &Scope,
        on: &Locals<'_>,
        _host: &Arc<dyn Host>,
    ) -> Result<Value, EvalError> {
        let mut variables = rhai::Scope::new();
        for name in e.reads() {
            if let Some(value) = on.get(name).or_else(|| scope.get(name)) {
                variables.push_constant_dynamic(&**name, value.0);
            }
        }
        self.0
            .eval_ast_with_scope(&mut variables, &e.code.ast)
            .map(Value)
            .map_err(|error| EvalError::new(0..e.source().len(), error.to_string()))
    }

    /// The bool of a condition.
    ///
    /// # Errors
    /// What went wrong, and where; a value that is not a bool is an error too.
    pub fn test(
        &self,
        e: &Expression,
        scope: &Scope,
        on: &Locals<'_>,
        host: &Arc<dyn Host>,
    ) -> Result<bool, EvalError> {
        let value = self.eval(e, scope, on, host)?;
        value.as_bool().ok_or_else(|| {
            EvalError::new(
                0..e.source().len(),
                format!(
                    "a condition must be true or false, this is {}",
                    value.to_json()
                ),
            )
        })
    }

    /// The value of what `save` and `set` take.
    ///
    /// # Errors
    /// What went wrong, and where.
    pub fn eval_source(
        &self,
        s: &Source,
        scope: &Scope,
        on: &Locals<'_>,
        host: &Arc<dyn Host>,
    ) -> Result<Value, EvalError> {
        match s {
            Source::Script(e) => self.eval(e, scope, on, host),
        }
    }

    /// A template's value.
    ///
    /// # Errors
    /// What went wrong, and where.
    pub fn render(
        &self,
        t: &Template,
        scope: &Scope,
        on: &Locals<'_>,
        host: &Arc<dyn Host>,
    ) -> Result<Json, EvalError> {
        let (texts, mut values) = self.render_parts(t, scope, on, host)?;
        if values.len() == 1 && texts.iter().all(String::is_empty) {
            return Ok(values.remove(0));
        }
        let mut out = texts[0].clone();
        for (value, text) in values.iter().zip(&texts[1..]) {
            match value {
                Json::Null => {
                    return Err(
                        EvalError::new(0..t.source.len(), "a value in a text is missing")
                            .hint("give one with `?? \"\"`"),
                    );
                }
                Json::String(s) => out.push_str(s),
                other => out.push_str(&other.to_string()),
            }
            out.push_str(text);
        }
        Ok(Json::String(out))
    }

    /// A template's literal texts and the values between them: one text more than values.
    ///
    /// # Errors
    /// What went wrong, and where.
    pub fn render_parts(
        &self,
        t: &Template,
        scope: &Scope,
        on: &Locals<'_>,
        host: &Arc<dyn Host>,
    ) -> Result<(Vec<String>, Vec<Json>), EvalError> {
        let mut values = Vec::with_capacity(t.parts.len());
        for (at, e) in t.parts.iter() {
            values.push(
                self.eval(e, scope, on, host)
                    .map_err(|error| error.shifted(*at))?
                    .to_json(),
            );
        }
        Ok((t.texts.to_vec(), values))
    }

    /// Why an expression has the value that it has.
    pub fn explain(
        &self,
        e: &Expression,
        scope: &Scope,
        on: &Locals<'_>,
        host: &Arc<dyn Host>,
    ) -> Explanation {
        Explanation {
            source: e.source().to_owned(),
            value: self.eval(e, scope, on, host).ok().map(|v| v.to_json()),
            ..Explanation::default()
        }
    }

    /// What an expression refers to.
    pub fn lint<'e>(&self, e: &'e Expression) -> &'e Lint {
        &e.code.lint
    }

    /// Calls of functions that do not exist.
    pub fn unknown_calls(&self, _e: &Expression) -> Vec<SyntaxError> {
        Vec::new()
    }

    /// The functions that expressions may call, besides those of Rhai.
    pub fn functions(&self) -> Vec<Signature> {
        Vec::new()
    }
}

/// Installs the counter of bytes that this thread has allocated so far: with it, one evaluation may allocate 64 MiB.
pub fn set_meter(_meter: fn() -> u64) {}
