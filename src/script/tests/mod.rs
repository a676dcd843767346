mod agreement;
mod dialect;
mod errors;
mod explain;
mod functions;
mod fuzz;
mod grow;
mod meaning;
mod modules;
mod reference;
mod sandbox;
mod templates;
mod typed;
mod urls;
mod uses;
mod write;

use super::*;
use crate::event::{Failure, Json, Name};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A world that stands still.
#[derive(Default)]
pub(super) struct Still {
    asked: AtomicU64,
}

impl Host for Still {
    fn now(&self) -> jiff::Timestamp {
        "2026-11-24T10:00:00Z".parse().unwrap()
    }

    fn chance(&self, place: u64) -> [u8; 16] {
        let count = self.asked.fetch_add(1, Ordering::Relaxed);
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&place.to_be_bytes());
        bytes[8..].copy_from_slice(&count.to_be_bytes());
        bytes
    }

    fn env(&self, name: &str) -> Result<Option<String>, Failure> {
        match name {
            "FORBIDDEN" => Err(Failure::new(
                crate::event::ErrorKind::Script,
                "`FORBIDDEN` may not be read",
            )
            .hint("allow it")),
            "SET" => Ok(Some("value".to_owned())),
            _ => Ok(None),
        }
    }
}

/// How many cases a property is tried with: `FUNCY_CASES` for a long run, else these.
pub(super) fn cases(few: u32) -> proptest::prelude::ProptestConfig {
    let asked = std::env::var("FUNCY_CASES").ok();
    proptest::prelude::ProptestConfig {
        cases: asked.and_then(|cases| cases.parse().ok()).unwrap_or(few),
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..proptest::prelude::ProptestConfig::default()
    }
}

/// Debug builds need much stack, and test threads have 2 MiB.
pub(super) fn on_big_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .stack_size(64 << 20)
            .spawn_scoped(scope, work)
            .unwrap()
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// An engine, variables and a `res` to try expressions with.
pub(super) struct Desk {
    pub(super) engine: Engine,
    pub(super) scope: Scope,
    pub(super) res: Arc<Json>,
    pub(super) host: Arc<dyn Host>,
}

impl Desk {
    pub(super) fn new(res: Json) -> Self {
        let (engine, errors) = Engine::new(&[]);
        assert!(errors.is_empty());
        Self {
            engine,
            scope: Scope::new(),
            res: Arc::new(res),
            host: Arc::new(Still::default()),
        }
    }

    pub(super) fn with(self, name: &str, value: Json) -> Self {
        self.scope.set(&Name::from(name), value.into());
        self
    }

    pub(super) fn locals<T>(&self, work: impl FnOnce(&Locals<'_>) -> T) -> T {
        let lookup = |name: &str| match name {
            "res" => Some(Value::result(self.res.clone())),
            "attempt" => Some(Value::from(3)),
            _ => None,
        };
        work(&Locals::new(&lookup))
    }

    /// The value of a script.
    pub(super) fn eval(&self, source: &str) -> Result<Json, EvalError> {
        let script = self
            .engine
            .script(source)
            .unwrap_or_else(|error| panic!("{source}: {error:?}"));
        on_big_stack(|| {
            self.locals(|on| {
                self.engine
                    .eval(&script, &self.scope, on, &self.host)
                    .map(|value| value.to_json())
            })
        })
    }

    /// The value of a script as Rhai alone computes it. Its parser refuses some of what fails for us later.
    pub(super) fn eval_by_rhai(&self, source: &str) -> Result<Json, EvalError> {
        // A statement before it keeps the expression from our evaluator.
        let source = format!("let __by_rhai = 0; ({source}\n)");
        match self.engine.script(&source) {
            Ok(_) => self.eval(&source),
            Err(error) => Err(EvalError::new(error.at, error.message)),
        }
    }

    pub(super) fn test(&self, source: &str) -> Result<bool, EvalError> {
        self.truth(source).map(|truth| truth == Some(true))
    }

    /// What a condition says; `None`: it is unknown.
    pub(super) fn truth(&self, source: &str) -> Result<Option<bool>, EvalError> {
        let condition = self
            .engine
            .expression(source)
            .unwrap_or_else(|error| panic!("{source}: {error:?}"));
        let tested = on_big_stack(|| {
            self.locals(|on| self.engine.test(&condition, &self.scope, on, &self.host))
        });
        tested.map(|tested| tested.truth)
    }

    pub(super) fn explain(&self, source: &str) -> crate::event::Explanation {
        let expression = self
            .engine
            .expression(source)
            .unwrap_or_else(|error| panic!("{source}: {error:?}"));
        on_big_stack(|| {
            self.locals(|on| {
                self.engine
                    .explain(&expression, &self.scope, on, &self.host)
            })
        })
    }

    pub(super) fn explain_of(&self, expression: &Expression) -> crate::event::Explanation {
        self.locals(|on| self.engine.explain(expression, &self.scope, on, &self.host))
    }

    /// What `save` stores.
    pub(super) fn save(&self, source: &str) -> Result<Json, EvalError> {
        let source = self
            .engine
            .value(source)
            .unwrap_or_else(|error| panic!("{source}: {error:?}"));
        on_big_stack(|| {
            self.locals(|on| {
                self.engine
                    .eval_source(&source, &self.scope, on, &self.host)
                    .map(|value| value.to_json())
            })
        })
    }

    pub(super) fn render(&self, source: &str) -> Result<Json, EvalError> {
        let template = self
            .engine
            .template(source)
            .unwrap_or_else(|error| panic!("{source}: {error:?}"));
        on_big_stack(|| {
            self.locals(|on| self.engine.render(&template, &self.scope, on, &self.host))
        })
    }

    pub(super) fn render_url(&self, source: &str) -> Result<Json, EvalError> {
        let template = self
            .engine
            .template(source)
            .unwrap_or_else(|error| panic!("{source}: {error:?}"));
        on_big_stack(|| {
            self.locals(|on| {
                self.engine
                    .render_url(&template, &self.scope, on, &self.host)
            })
        })
    }

    /// The error of a text that must not compile as a condition.
    pub(super) fn refused(&self, source: &str) -> SyntaxError {
        match self.engine.expression(source) {
            Err(error) => error,
            Ok(_) => panic!("{source} compiles"),
        }
    }
}

/// An order as a service might answer it.
pub(super) fn order() -> Json {
    json!({
        "status": 200,
        "headers": {"content-type": "application/json"},
        "body": {
            "status": "shipped",
            "total": 99.5,
            "count": 3,
            "paid": true,
            "note": null,
            "default": "d",
            "type": "t",
            "case": {"new": 1},
            "items": [
                {"sku": "A-1", "price": 10, "qty": 2},
                {"sku": "B-2", "price": 9.5, "qty": 1},
                {"sku": "C-3", "price": 70, "qty": 1}
            ],
            "tags": ["b", "a", "c"],
            "huge": 18_446_744_073_709_551_615_u64
        }
    })
}
