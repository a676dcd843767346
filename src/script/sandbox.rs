//! Rhai as scripts may use it: no file, no clock, no way to load code, and a bound on everything.

use super::absent::Asked;
use super::arithmetic;
use super::functions::{self, Call, Function, Run};
use super::lazy::{self, Lazy, Place};
use super::limits::{
    Limit, MAX_ALLOCATED, MAX_FUNCTIONS, MAX_ITEMS, MAX_LEVELS, MAX_MILLIS, MAX_OPERATIONS,
    MAX_TEXT, MAX_VARIABLES, MAX_WORK,
};
use super::ops::{self, Fault, Type, truth};
use super::print::{
    ASSIGN, CAUGHT, DIFFERS, FUNCTION, JOIN, KEEP, MAX_STEPS, NAME, NEGATE, NOT, PATH, SAME, TEST,
};
use super::rhai_error::{self, raise};
use super::scope::Host;
use super::typed::Bytes;
use crate::event::nearest;
use crate::syntax::{OPERATORS, Operator};
use jiff::{SignedDuration, Timestamp};
use rhai::packages::{
    BasicArrayPackage, BasicMapPackage, BasicMathPackage, CorePackage, LogicPackage,
    MoreStringPackage, Package,
};
use rhai::{
    Dynamic, EvalAltResult, EvalContext, Expression, FnPtr, ImmutableString, NativeCallContext,
    Position, Token,
};
use std::any::TypeId;
use std::cell::{Cell, RefCell};
use std::sync::{Arc, LazyLock, OnceLock};

/// Deepest nesting of what is printed for Rhai: our parser bounds the tree, and each of its levels is a few here.
const MAX_DEPTH: usize = 1_024;
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
    static USED: Cell<Used> = const { Cell::new(Used { bytes: 0, millis: 0, work: 0, operations: 0, is_over: false }) };
    /// Whether a `filter` of the evaluation was unknown on all of its items.
    static BLIND_FILTER: Cell<bool> = const { Cell::new(false) };
    /// What functions may ask for while Rhai runs on this thread.
    static CURRENT: RefCell<Option<(Arc<dyn Host>, u64)>> = const { RefCell::new(None) };
    /// The members that Rhai's code did not find on this thread, while somebody wants to know.
    static MISSING: RefCell<Option<Vec<Absent>>> = const { RefCell::new(None) };
}

/// Most members that are noted as missing of one evaluation.
const MAX_ABSENT: usize = 16;

/// A member or index that was not there.
pub(super) struct Absent {
    /// Where, in what was printed for Rhai; where that is in a module, the file of the module.
    pub(super) position: Position,
    /// The module's file.
    pub(super) source: Option<String>,
    /// How many steps of the path were taken with it.
    pub(super) steps: usize,
    /// The nearest name that is there.
    pub(super) nearest: Option<String>,
    /// What was asked for it, and by which name.
    pub(super) asked: Option<(Asked, String)>,
}

/// Notes what is missing while `work` is done, where it is `wanted`.
pub(super) fn noting_missing<T>(wanted: bool, work: impl FnOnce() -> T) -> (T, Vec<Absent>) {
    if !wanted {
        return (work(), Vec::new());
    }
    let outer = MISSING.replace(Some(Vec::new()));
    let result = work();
    let noted = MISSING.replace(outer);
    (result, noted.unwrap_or_default())
}

#[derive(Clone, Copy)]
struct Used {
    /// The meter at the beginning.
    bytes: u64,
    /// The stopwatch at the beginning.
    millis: u64,
    /// Bytes and items that functions have gone through.
    work: u64,
    /// Operations of Rhai, those of closures that its functions call as well.
    operations: u64,
    /// Whether a limit was met: a function of Rhai may go on behind the error of a closure.
    is_over: bool,
}

fn reading(hook: &OnceLock<fn() -> u64>) -> u64 {
    hook.get().map_or(0, |read| read())
}

/// Notes that a `filter` was unknown on all of its items.
pub(super) fn note_blind_filter() {
    BLIND_FILTER.set(true);
}

/// Whether a `filter` of the last evaluation on this thread was unknown on all of its items.
pub(super) fn has_blind_filter() -> bool {
    BLIND_FILTER.get()
}

/// Begins to count what an evaluation uses.
pub(super) fn begin() {
    BLIND_FILTER.set(false);
    USED.set(Used {
        bytes: reading(&METER),
        millis: reading(&STOPWATCH),
        work: 0,
        operations: 0,
        is_over: false,
    });
}

/// Whether the evaluation has used too much.
pub(super) fn check() -> std::result::Result<(), Fault> {
    let mut used = USED.get();
    let met = met(used);
    used.is_over = met.is_some();
    USED.set(used);
    met.map_or(Ok(()), |limit| Err(limit.fault()))
}

/// The limit that was met.
fn met(used: Used) -> Option<Limit> {
    if reading(&METER).saturating_sub(used.bytes) > MAX_ALLOCATED {
        return Some(Limit::Memory);
    }
    if reading(&STOPWATCH).saturating_sub(used.millis) > MAX_MILLIS {
        return Some(Limit::Time);
    }
    (used.work > MAX_WORK).then_some(Limit::Work)
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
    if function.is_unknown(args) {
        return Ok(Dynamic::UNIT);
    }
    if let Run::Gives(run) = function.run {
        return run(call, args).and_then(ops::sized);
    }
    let mut value = arithmetic::opened(&args[0]);
    let taken = function.change(call, &mut value, &args[1..])?;
    ops::sized(taken.unwrap_or(value))
}

/// About how much there is to go through in a value.
fn size(value: &Dynamic) -> u64 {
    if let Ok(text) = value.as_immutable_string_ref() {
        return text.len() as u64;
    }
    if let Some(bytes) = Bytes::of(value) {
        return bytes.0.len() as u64;
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
        .set_max_call_levels(MAX_LEVELS)
        .set_max_expr_depths(MAX_DEPTH, MAX_DEPTH)
        .set_max_variables(MAX_VARIABLES)
        .set_max_functions(MAX_FUNCTIONS)
        .set_max_modules(0)
        .set_max_string_size(MAX_TEXT)
        .set_max_array_size(MAX_ITEMS)
        .set_max_map_size(MAX_ITEMS);
    engine.on_progress(|_| {
        let mut used = USED.get();
        used.operations += 1;
        USED.set(used);
        // Rhai counts the operations of each call of a closure by themselves: few of them come to many in a `sort`.
        if !used.operations.is_multiple_of(METER_EVERY) && !used.is_over {
            return None;
        }
        check().err().map(Dynamic::from)
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
        Token::Identifier(name) if name.starts_with(NAME) => {
            Token::Identifier(Box::new(name[NAME.len()..].into()))
        }
        token => token,
    });
}

fn operators(engine: &mut rhai::Engine) {
    for row in &OPERATORS {
        let operator = row.operator;
        let apply = move |left: &Dynamic, right: &Dynamic| {
            ops::binary(operator, left, right).map_err(raise)
        };
        if operator.is_logical() {
            lazy_form(engine, operator);
        } else {
            engine.register_fn(row.rhai_name, move |left: Dynamic, right: Dynamic| {
                apply(&left, &right)
            });
        }
        if row.assignment.is_some() {
            changing(
                engine,
                &format!("{}{ASSIGN}", row.rhai_name),
                2,
                move |_, args| assign(operator, args),
            );
        }
    }
    engine.register_fn(SAME, |left: Dynamic, right: Dynamic| {
        ops::same(&left, &right)
    });
    engine.register_fn(DIFFERS, |left: Dynamic, right: Dynamic| {
        !ops::same(&left, &right)
    });
    engine.register_fn(NOT, |value: Dynamic| ops::not(&value).map_err(raise));
    engine.register_fn(NEGATE, |value: Dynamic| {
        arithmetic::negate(&value).map_err(raise)
    });
    engine.register_fn(KEEP, |value: Dynamic| {
        // Headers that nobody changes stay such: their names are found by any case.
        match lazy::lazy(&value).filter(|lazy| lazy.place() == Place::Headers) {
            Some(_) => value,
            None => arithmetic::opened(&value),
        }
    });
    engine.register_fn(CAUGHT, |error: Dynamic| {
        rhai_error::caught(&error).map_or(error, Dynamic::from)
    });
    engine.register_fn(TEST, |value: Dynamic| {
        truth(&value, "a condition")
            .map(|truth| truth == Some(true))
            .map_err(raise)
    });
    // Rhai's own functions (`index_of`, `dedup`, `sort`) ask for these by their plain names.
    engine.register_fn("==", |left: Dynamic, right: Dynamic| {
        ops::equal(&left, &right)
    });
    engine.register_fn("!=", |left: Dynamic, right: Dynamic| {
        !ops::equal(&left, &right)
    });
    for row in OPERATORS.iter().filter(|row| row.operator.is_order()) {
        let operator = row.operator;
        engine.register_fn(row.symbol, move |left: Dynamic, right: Dynamic| {
            ops::binary(operator, &left, &right).map_err(raise)
        });
    }
}

/// `&&` or `||`: the right side is left out where the left one decides. Behind an unknown left, an error of the right is
/// unknown too.
fn lazy_form(engine: &mut rhai::Engine, operator: Operator) {
    let row = operator.row();
    let decides = operator == Operator::Or;
    let who = if decides { "`||`" } else { "`&&`" };
    let side = move |context: &mut EvalContext, node: &Expression| -> Result<Option<bool>> {
        let value = context.eval_expression_tree(node)?.flatten();
        truth(&value, who).map_err(|fault| raise_at(fault, node.position()))
    };
    let form = [row.rhai_name, "(", "$expr$", ",", "$expr$", ")"];
    engine
        .register_custom_syntax(form, false, move |context, sides| {
            let left = side(context, &sides[0])?;
            if left == Some(decides) {
                return Ok(decides.into());
            }
            let right = match side(context, &sides[1]) {
                Err(error) if left.is_none() && !is_limit(&error) => None,
                right => right?,
            };
            Ok(ops::logical(decides, left, right))
        })
        .expect("the names of our operators are no words of Rhai");
}

/// Whether an error is the end of the whole evaluation.
fn is_limit(error: &EvalAltResult) -> bool {
    rhai_error::fault(error).limit || !error.is_catchable()
}

#[expect(
    clippy::unnecessary_box_returns,
    reason = "Rhai takes its errors in boxes"
)]
fn raise_at(fault: Fault, position: Position) -> Box<EvalAltResult> {
    let mut error = raise(fault);
    error.set_position(position);
    error
}

/// `a += b`: a list or text grows in its place.
fn assign(operator: Operator, args: &mut [&mut Dynamic]) -> Result<Dynamic> {
    let right = args[1].flatten_clone();
    let left = &mut *args[0];
    if operator == Operator::Add
        && let (Ok(mut list), Ok(more)) = (left.as_array_mut(), ops::items(&right))
    {
        if list.len() + more.len() > MAX_ITEMS {
            return Err(raise(Limit::Items.fault()));
        }
        list.extend(more);
        return Ok(Dynamic::UNIT);
    }
    let value = ops::binary(operator, &left.flatten_clone(), &right).map_err(raise)?;
    change(left, value);
    Ok(Dynamic::UNIT)
}

/// Puts a new value in the place of another, also where closures share it.
fn change(place: &mut Dynamic, value: Dynamic) {
    if let Some(mut slot) = place.write_lock::<Dynamic>() {
        *slot = value;
    }
}

/// Registers what changes its first argument in its place.
fn changing(
    engine: &mut rhai::Engine,
    name: &str,
    arity: usize,
    run: impl Fn(&NativeCallContext, &mut [&mut Dynamic]) -> Result<Dynamic> + Send + Sync + 'static,
) {
    let types = vec![TypeId::of::<Dynamic>(); arity];
    engine.register_raw_fn(
        name,
        types,
        move |context: NativeCallContext, args: &mut [&mut Dynamic]| {
            refuse_read_only(args[0], &rhai_error::plain(context.fn_name()))?;
            run(&context, args)
        },
    );
}

fn refuse_read_only(place: &Dynamic, who: &str) -> Result<()> {
    if !place.is_read_only() {
        return Ok(());
    }
    Err(raise(
        Fault::new(format!(
            "`{who}` changes a value that a script cannot change"
        ))
        .hint("work on a copy: `let x = …`"),
    ))
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
    for steps in 1..=MAX_STEPS {
        let types = vec![dynamic; steps + 1];
        engine.register_raw_fn(
            PATH,
            types,
            |context: NativeCallContext, args: &mut [&mut Dynamic]| path(&context, args),
        );
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
        // What a closure has captured is shared; Rhai's own functions change nothing, so a copy will do.
        for arg in args.iter_mut().filter(|arg| arg.is::<Lazy>()) {
            **arg = arithmetic::opened(&arg.flatten_clone());
        }
        context.call_fn_raw(name, method, method, args).map(Some)
    });
}

/// Goes from a value through members and indices; nothing is copied but what is found.
fn path(context: &NativeCallContext, args: &mut [&mut Dynamic]) -> Result<Dynamic> {
    let shared = args[0].is_shared().then(|| args[0].flatten_clone());
    let root = shared.as_ref().unwrap_or(&*args[0]);
    let mut value = None;
    for (index, by) in args[1..].iter().enumerate() {
        let of = value.as_ref().unwrap_or(root);
        let found = ops::index(of, by).map_err(raise)?;
        if found.is_unit() && !of.is_unit() {
            note_missing(context, of, by, index + 1);
        }
        value = Some(found);
    }
    Ok(value.unwrap_or_default())
}

fn note_missing(context: &NativeCallContext, of: &Dynamic, by: &Dynamic, steps: usize) {
    MISSING.with_borrow_mut(|noted| {
        let Some(noted) = noted.as_mut().filter(|noted| noted.len() < MAX_ABSENT) else {
            return;
        };
        let name = ops::as_text(by);
        let nearest = name.as_ref().and_then(|name| {
            let keys = ops::key_names(of);
            nearest(name, keys.iter().map(String::as_str)).map(str::to_owned)
        });
        noted.push(Absent {
            position: context.call_position(),
            source: context.call_source().map(str::to_owned),
            steps,
            nearest,
            asked: Asked::value(of).zip(name.map(|name| name.to_string())),
        });
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
        let name = format!("{FUNCTION}{}", function.name);
        for arity in function.arity.clone() {
            let types = vec![TypeId::of::<Dynamic>(); arity];
            if function.changes() {
                for used in [true, false] {
                    let name = format!("{name}{}", if used { "" } else { ASSIGN });
                    engine.register_raw_fn(
                        name,
                        types.clone(),
                        move |context: NativeCallContext, args: &mut [&mut Dynamic]| {
                            change_in_place(function, &context, args, used)
                        },
                    );
                }
            } else {
                engine.register_raw_fn(
                    &*name,
                    types,
                    move |context: NativeCallContext, args: &mut [&mut Dynamic]| {
                        let args: Vec<Dynamic> =
                            args.iter().map(|arg| arg.flatten_clone()).collect();
                        with_call(function, &context, |call| self::call(function, call, &args))
                    },
                );
            }
        }
    }
    engine.register_fn(JOIN, |pieces: rhai::Array| {
        ops::join(&pieces).map_err(raise)
    });
}

/// What a function may ask for, while Rhai runs.
fn with_call<T>(
    function: &Function,
    context: &NativeCallContext,
    work: impl FnOnce(&Call<'_>) -> std::result::Result<T, Fault>,
) -> Result<T> {
    let (host, place) = CURRENT.with_borrow(Clone::clone).ok_or_else(|| {
        raise(Fault::new(format!(
            "`{}` cannot be called while a module is loaded",
            function.name
        )))
    })?;
    let call = Call {
        host: &*host,
        place,
        rhai: Some(context),
    };
    work(&call).map_err(raise)
}

/// Changes a list or map where it lies, so that nothing is copied if its value is not `used`. A text is changed in a copy.
fn change_in_place(
    function: &Function,
    context: &NativeCallContext,
    args: &mut [&mut Dynamic],
    used: bool,
) -> Result<Dynamic> {
    let rest: Vec<Dynamic> = args[1..].iter().map(|arg| arg.flatten_clone()).collect();
    let mut meter = USED.get();
    meter.work += rest.iter().map(size).sum::<u64>();
    USED.set(meter);
    check().map_err(raise)?;
    let place = &mut *args[0];
    if Type::of(place) == Type::Null {
        return Ok(Dynamic::UNIT);
    }
    if Type::of(place) == Type::Text {
        if !used {
            let name = function.name;
            return Err(raise(
                Fault::new(format!("`{name}` changes no text, it gives a changed copy"))
                    .hint(format!("keep that: `text = text.{name}(…)`")),
            ));
        }
        let mut copy = place.flatten_clone();
        let taken = with_call(function, context, |call| {
            function.change(call, &mut copy, &rest)
        })?;
        return ops::sized(taken.unwrap_or(copy)).map_err(raise);
    }
    refuse_read_only(place, function.name)?;
    if place.is::<Lazy>() {
        let opened = arithmetic::opened(place);
        change(place, opened);
    }
    let Some(mut value) = place.write_lock::<Dynamic>() else {
        return Ok(Dynamic::UNIT);
    };
    let taken = with_call(function, context, |call| {
        function.change(call, &mut value, &rest)
    })?;
    ops::check_size(&value).map_err(raise)?;
    Ok(match taken {
        _ if !used => Dynamic::UNIT,
        Some(taken) => taken,
        None => value.clone(),
    })
}

fn types(engine: &mut rhai::Engine) {
    engine.register_type_with_name::<Timestamp>("time");
    engine.register_type_with_name::<SignedDuration>("duration");
    engine.register_type_with_name::<Bytes>("bytes");
    engine.register_type_with_name::<Fault>("error");
    engine.register_fn("to_string", |fault: &mut Fault| fault.message.clone());
    // A name that Rhai gave a closure is nobody's.
    for name in ["to_string", "to_debug"] {
        engine.register_fn(name, |_: &mut FnPtr| Type::Function.name());
    }
    engine.register_fn("to_string", |time: &mut Timestamp| {
        ops::text(&Dynamic::from(*time))
    });
    engine.register_fn("to_string", |duration: &mut SignedDuration| {
        ops::text(&Dynamic::from(*duration))
    });
    engine.register_fn("to_string", |bytes: &mut Bytes| {
        ops::piece(&Dynamic::from(bytes.clone())).map_err(raise)
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
