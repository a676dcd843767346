//! Rhai as scripts may use it: no file, no clock, no way to load code, and a bound on everything.

use super::arithmetic::{self, Arithmetic, calculate};
use super::functions::{self, Call, Function};
use super::lazy::{self, Lazy};
use super::ops::{self, Comparison, Fault, MAX_ITEMS, MAX_TEXT, Type};
use super::rhai_error::raise;
use super::scope::Host;
use super::translate::{DIFFERS, FUNCTION, JOIN, KEEP, MEMBER, OPERATORS, SAME};
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
/// Milliseconds that one evaluation may take, if a stopwatch is installed.
const MAX_MILLIS: u64 = 2_000;
/// Bytes that the functions of one evaluation may go through.
const MAX_WORK: u64 = 256 << 20;
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
static STOPWATCH: OnceLock<fn() -> u64> = OnceLock::new();

/// Installs the counter of bytes that the calling thread has allocated so far. With it, one evaluation
/// may allocate 64 MiB; without it, only the sizes of single values are bounded. Only the first call counts.
pub fn set_meter(meter: fn() -> u64) {
    let _ = METER.set(meter);
}

/// Installs a stopwatch: milliseconds since any fixed moment. With it, one evaluation may take two
/// seconds, in which nothing else on its thread goes on: the guard against functions of Rhai that are slow on large values. Only the first call counts.
pub fn set_stopwatch(stopwatch: fn() -> u64) {
    let _ = STOPWATCH.set(stopwatch);
}

thread_local! {
    /// What has been used when the evaluation on this thread began, and since.
    static USED: Cell<Used> = const { Cell::new(Used { bytes: 0, millis: 0, work: 0 }) };
    /// What functions may ask for while Rhai runs on this thread.
    static CURRENT: RefCell<Option<(Arc<dyn Host>, u64)>> = const { RefCell::new(None) };
}

#[derive(Clone, Copy)]
struct Used {
    /// The meter at the beginning.
    bytes: u64,
    /// The stopwatch at the beginning.
    millis: u64,
    /// Bytes and items that functions have gone through.
    work: u64,
}

fn reading(hook: &OnceLock<fn() -> u64>) -> u64 {
    hook.get().map_or(0, |read| read())
}

/// Begins to count what an evaluation uses.
pub(super) fn begin() {
    USED.set(Used {
        bytes: reading(&METER),
        millis: reading(&STOPWATCH),
        work: 0,
    });
}

/// Whether the evaluation has used too much.
pub(super) fn check() -> std::result::Result<(), Fault> {
    let used = USED.get();
    if reading(&METER).saturating_sub(used.bytes) > MAX_ALLOCATED {
        return Err(Fault::limit(format!(
            "the evaluation used more than {} MiB of memory",
            MAX_ALLOCATED >> 20
        )));
    }
    if reading(&STOPWATCH).saturating_sub(used.millis) > MAX_MILLIS {
        return Err(Fault::limit(format!(
            "the evaluation took more than {} seconds",
            MAX_MILLIS / 1000
        )));
    }
    if used.work > MAX_WORK {
        return Err(
            Fault::limit("the evaluation went through too much data").hint("a loop may never end")
        );
    }
    Ok(())
}

/// Calls one of our functions, and counts what it goes through.
pub(super) fn call(
    function: &Function,
    call: &Call<'_>,
    args: &[Dynamic],
) -> std::result::Result<Dynamic, Fault> {
    let mut used = USED.get();
    used.work += args.iter().map(size).sum::<u64>();
    USED.set(used);
    check()?;
    (function.run)(call, args).and_then(ops::sized)
}

/// About how much there is to go through in a value.
fn size(value: &Dynamic) -> u64 {
    if let Ok(text) = value.as_immutable_string_ref() {
        return text.len() as u64;
    }
    if let Some(lazy) = value.read_lock::<Lazy>() {
        return 16 * lazy.len() as u64;
    }
    let items = value
        .as_array_ref()
        .map_or(0, |list| list.len())
        .max(value.as_map_ref().map_or(0, |map| map.len()));
    16 * items as u64
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
        check().err().map(|fault| fault.message.into())
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
    // Weaker than every operator, so that all that is assigned stands on its right.
    operator(engine, KEEP, 2);
    engine.register_fn(KEEP, |(): (), value: Dynamic| arithmetic::opened(&value));
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
    let dynamic = TypeId::of::<Dynamic>();
    engine.register_raw_fn("index$get$", [TypeId::of::<Lazy>(), dynamic], |_, args| {
        ops::index(args[0], args[1]).map_err(raise)
    });
    for types in [
        [dynamic, TypeId::of::<ImmutableString>()],
        [dynamic, TypeId::of::<i64>()],
        [TypeId::of::<()>(), dynamic],
    ] {
        engine.register_raw_fn("index$get$", types, |_, _| Ok(Dynamic::UNIT));
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
        // In place: a method that changes its list must reach the script's own copy.
        for arg in args.iter_mut().filter(|arg| arg.is::<Lazy>()) {
            let opened = arithmetic::opened(arg);
            **arg = if arg.is_read_only() {
                opened.into_read_only()
            } else {
                opened
            };
        }
        context.call_fn_raw(name, method, method, args).map(Some)
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
                    self::call(function, &call, &args).map_err(raise)
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
