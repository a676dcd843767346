//! Rhai as scripts may use it: no file, no clock, no way to load code, and a bound on everything.

use super::arithmetic::{self, Arithmetic, calculate};
use super::functions::{self, Call};
use super::lazy::{self, Lazy};
use super::ops::{self, Comparison, Fault, MAX_ITEMS, MAX_TEXT, Type};
use super::rhai_error::raise;
use super::scope::Host;
use super::translate::{DIFFERS, FUNCTION, JOIN, MEMBER, OPERATORS, SAME};
use jiff::{SignedDuration, Timestamp};
use rhai::packages::{
    BasicArrayPackage, BasicMapPackage, BasicMathPackage, CorePackage, LogicPackage,
    MoreStringPackage, Package,
};
use rhai::{Dynamic, EvalAltResult, ImmutableString, NativeCallContext, Token};
use std::any::TypeId;
use std::cell::{Cell, RefCell};
use std::sync::{Arc, LazyLock, OnceLock};

/// Most operations of one evaluation.
const MAX_OPERATIONS: u64 = 1_000_000;
/// Bytes that one evaluation may allocate, if a meter is installed.
const MAX_ALLOCATED: u64 = 64 << 20;
/// Operations between two looks at the meter.
const METER_EVERY: u64 = 64;

type Result<T> = std::result::Result<T, Box<EvalAltResult>>;

rhai::def_package! {
    /// What scripts find of Rhai's own functions: no clock, no blobs, no bit fields.
    Standard(module) : CorePackage, LogicPackage, BasicMathPackage, BasicArrayPackage, BasicMapPackage, MoreStringPackage {
        let _ = module;
    }
}

/// Built once for all engines.
static STANDARD: LazyLock<Arc<rhai::Module>> = LazyLock::new(|| Standard::new().as_shared_module());

static METER: OnceLock<fn() -> u64> = OnceLock::new();

/// Installs the counter of bytes that the calling thread has allocated so far. With it, one evaluation
/// may allocate 64 MiB; without it, only the sizes of single values are bounded. Only the first call counts.
pub fn set_meter(meter: fn() -> u64) {
    let _ = METER.set(meter);
}

thread_local! {
    /// What the meter showed when the evaluation on this thread began.
    static STARTED: Cell<u64> = const { Cell::new(0) };
    /// What functions may ask for while Rhai runs on this thread.
    static CURRENT: RefCell<Option<(Arc<dyn Host>, u64)>> = const { RefCell::new(None) };
}

/// Begins to count what is allocated.
pub(super) fn start_meter() {
    if let Some(meter) = METER.get() {
        STARTED.set(meter());
    }
}

/// Whether the evaluation has allocated too much.
pub(super) fn check_meter() -> std::result::Result<(), Fault> {
    match METER.get() {
        Some(meter) if meter().saturating_sub(STARTED.get()) > MAX_ALLOCATED => Err(too_much()),
        _ => Ok(()),
    }
}

fn too_much() -> Fault {
    Fault::limit(format!(
        "the evaluation used more than {} MiB of memory",
        MAX_ALLOCATED >> 20
    ))
}

/// Lets functions reach the host as long as it lives.
pub(super) struct Entered(Option<(Arc<dyn Host>, u64)>);

impl Entered {
    pub(super) fn new(host: &Arc<dyn Host>, place: u64) -> Self {
        Self(CURRENT.replace(Some((host.clone(), place))))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// An engine without modules.
pub(super) fn engine() -> rhai::Engine {
    let mut engine = rhai::Engine::new_raw();
    engine.register_global_module(STANDARD.clone());
    engine.set_module_resolver(rhai::module_resolvers::DummyModuleResolver::new());
    limit(&mut engine);
    for symbol in ["eval", "import", "export"] {
        engine.disable_symbol(symbol);
    }
    engine.on_print(|_| {}).on_debug(|_, _, _| {});
    engine
        .register_fn("sleep", |_: i64| no_sleep())
        .register_fn("sleep", |_: f64| no_sleep());
    engine.set_optimization_level(rhai::OptimizationLevel::None);
    map_tokens(&mut engine);
    operators(&mut engine);
    members(&mut engine);
    our_functions(&mut engine);
    types(&mut engine);
    engine
}

fn limit(engine: &mut rhai::Engine) {
    engine
        .set_max_operations(MAX_OPERATIONS)
        .set_max_call_levels(32)
        .set_max_expr_depths(64, 32)
        .set_max_variables(256)
        .set_max_functions(128)
        .set_max_modules(0)
        .set_max_string_size(MAX_TEXT)
        .set_max_array_size(MAX_ITEMS)
        .set_max_map_size(MAX_ITEMS);
    engine.on_progress(|operations| {
        if operations % METER_EVERY != 0 {
            return None;
        }
        check_meter().err().map(|fault| fault.message.into())
    });
}

fn no_sleep() -> Result<()> {
    Err(raise(
        Fault::new("a script cannot sleep").hint("`wait` is a strategy of a state"),
    ))
}

fn map_tokens(engine: &mut rhai::Engine) {
    #[expect(
        deprecated,
        reason = "the API is marked volatile, and the version of Rhai is pinned"
    )]
    engine.on_parse_token(|token, _, _| match token {
        Token::Identifier(name) if name.starts_with(MEMBER) => {
            Token::Identifier(Box::new(name[MEMBER.len()..].into()))
        }
        token => token,
    });
}

fn operators(engine: &mut rhai::Engine) {
    for (symbol, name, precedence) in OPERATORS {
        operator(engine, name, precedence);
        engine.register_fn(name, binary(symbol));
    }
    for (name, how) in [(SAME, Comparison::Equal), (DIFFERS, Comparison::NotEqual)] {
        operator(engine, name, 90);
        engine.register_fn(name, move |left: Dynamic, right: Dynamic| {
            ops::compare_null(how, &left, &right)
        });
    }
    // Rhai's own functions (`index_of`, `dedup`, `+=`) ask for these by their plain names.
    engine.register_fn("==", |left: Dynamic, right: Dynamic| {
        ops::equal(&left, &right)
    });
    engine.register_fn("!=", |left: Dynamic, right: Dynamic| {
        !ops::equal(&left, &right)
    });
    for (symbol, ..) in OPERATORS
        .into_iter()
        .filter(|(symbol, ..)| matches!(*symbol, "+" | "-" | "*" | "/" | "<" | ">" | "<=" | ">="))
    {
        engine.register_fn(symbol, binary(symbol));
    }
    engine.register_fn("!", |value: Dynamic| ops::not(&value).map_err(raise));
    engine.register_fn("-", |value: Dynamic| {
        arithmetic::negate(&value).map_err(raise)
    });
}

fn operator(engine: &mut rhai::Engine, name: &str, precedence: u8) {
    engine
        .register_custom_operator(name, precedence)
        .expect("the names of our operators are no words of Rhai");
}

fn binary(
    symbol: &'static str,
) -> impl Fn(Dynamic, Dynamic) -> Result<Dynamic> + Send + Sync + 'static {
    move |left, right| {
        let result = match symbol {
            "==" => ops::compare(Comparison::Equal, &left, &right).map(Dynamic::from),
            "!=" => ops::compare(Comparison::NotEqual, &left, &right).map(Dynamic::from),
            "<" => ops::compare(Comparison::Less, &left, &right).map(Dynamic::from),
            "<=" => ops::compare(Comparison::LessOrEqual, &left, &right).map(Dynamic::from),
            ">" => ops::compare(Comparison::Greater, &left, &right).map(Dynamic::from),
            ">=" => ops::compare(Comparison::GreaterOrEqual, &left, &right).map(Dynamic::from),
            "in" => ops::contains(&right, &left).map(Dynamic::from),
            "!in" => ops::contains(&right, &left).map(|found| Dynamic::from(!found)),
            "+" => calculate(Arithmetic::Add, &left, &right),
            "-" => calculate(Arithmetic::Subtract, &left, &right),
            "*" => calculate(Arithmetic::Multiply, &left, &right),
            "/" => calculate(Arithmetic::Divide, &left, &right),
            "%" => calculate(Arithmetic::Remainder, &left, &right),
            "<<" => calculate(Arithmetic::ShiftLeft, &left, &right),
            _ => calculate(Arithmetic::ShiftRight, &left, &right),
        };
        result.map_err(raise)
    }
}

/// What is missing, and members of anything that has none, are `null`.
fn members(engine: &mut rhai::Engine) {
    engine.register_type_with_name::<Lazy>("Json");
    engine.register_indexer_get(|json: &mut Lazy, name: ImmutableString| {
        json.member(&name).unwrap_or_default()
    });
    engine.register_indexer_get(|json: &mut Lazy, index: i64| json.at(index).unwrap_or_default());
    engine.register_iterator::<Lazy>();
    for by in [
        TypeId::of::<ImmutableString>(),
        TypeId::of::<i64>(),
        TypeId::of::<()>(),
    ] {
        engine.register_raw_fn("index$get$", [TypeId::of::<Dynamic>(), by], |_, _| {
            Ok(Dynamic::UNIT)
        });
    }
    engine.on_invalid_array_index(|_, _, _| Ok(Dynamic::UNIT.into()));
    #[expect(
        deprecated,
        reason = "the API is marked volatile, and the version of Rhai is pinned"
    )]
    engine.on_missing_function(|name, args, method, mut context| {
        // A function of Rhai that takes a list or map is asked again with the JSON opened.
        if name.starts_with("__") || !args.iter().any(|arg| arg.is::<Lazy>()) {
            return Ok(None);
        }
        let mut opened: Vec<Dynamic> = args.iter().map(|arg| arithmetic::opened(arg)).collect();
        let mut opened: Vec<&mut Dynamic> = opened.iter_mut().collect();
        context
            .call_fn_raw(name, method, method, &mut opened)
            .map(Some)
    });
}

impl IntoIterator for Lazy {
    type Item = Dynamic;
    type IntoIter = Box<dyn Iterator<Item = Dynamic>>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.items())
    }
}

fn our_functions(engine: &mut rhai::Engine) {
    for function in functions::all() {
        for arity in function.arity.clone() {
            let types = vec![TypeId::of::<Dynamic>(); arity];
            let name = format!("{FUNCTION}{}", function.name);
            engine.register_raw_fn(
                name,
                types,
                move |context: NativeCallContext, args: &mut [&mut Dynamic]| {
                    let args: Vec<Dynamic> = args.iter().map(|arg| arg.flatten_clone()).collect();
                    let (host, place) = CURRENT.with_borrow(Clone::clone).ok_or_else(|| {
                        raise(Fault::new(format!(
                            "`{}` cannot be called while a module is loaded",
                            function.name
                        )))
                    })?;
                    let call = Call {
                        host: &*host,
                        place,
                        rhai: Some(&context),
                    };
                    (function.run)(&call, &args)
                        .and_then(ops::sized)
                        .map_err(raise)
                },
            );
        }
    }
    engine.register_fn(JOIN, |pieces: rhai::Array| {
        ops::join(&pieces).map_err(raise)
    });
}

fn types(engine: &mut rhai::Engine) {
    engine.register_type_with_name::<Timestamp>("time");
    engine.register_type_with_name::<SignedDuration>("duration");
    engine.register_type_with_name::<Fault>("error");
    engine.register_fn("to_string", |fault: &mut Fault| fault.message.clone());
    engine.register_fn("to_string", |time: &mut Timestamp| {
        ops::text(&Dynamic::from(*time))
    });
    engine.register_fn("to_string", |duration: &mut SignedDuration| {
        ops::text(&Dynamic::from(*duration))
    });
    engine.register_fn("to_string", |json: &mut Lazy| json.json().to_string());
    engine.register_get("message", |fault: &mut Fault| fault.message.clone());
}

/// Whether a value may leave an expression: plain data of bounded depth.
pub(super) fn seal(value: Dynamic) -> std::result::Result<Dynamic, Fault> {
    let value = value.flatten();
    match Type::of(&value) {
        Type::List | Type::Map if !value.is::<Lazy>() => {
            let json = lazy::check(&value);
            json.map(|()| value)
        }
        Type::Function => {
            Err(Fault::new("a function is no plain value")
                .hint("call it, and keep what it returns"))
        }
        Type::Float if value.as_float().is_ok_and(|float| !float.is_finite()) => {
            Err(Fault::new("the result is not a number"))
        }
        Type::Other => match value.read_lock::<Fault>() {
            Some(fault) => Ok(fault.message.clone().into()),
            None => Ok(value.to_string().into()),
        },
        _ => Ok(value),
    }
}
