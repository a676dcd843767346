use super::{Call, Function, Missing, Run, closure_arg, list_arg, number_arg};
use crate::script::arithmetic::calculate;
use crate::script::lazy;
use crate::script::ops::{self, Fault, Type, shown};
use crate::script::sandbox;
use crate::syntax::Operator;
use rhai::Dynamic;
use std::cmp::Ordering;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "one_of",
        params: "value, list | values…",
        arity: 2..=9,
        doc: "Whether a value equals one of a list or of the other arguments.",
        example: "one_of('paid', 'paid', 'shipped') && !one_of(3, [1, 2])",
        missing: Missing::Any,
        literal: None,
        run: Run::Gives(one_of),
    },
    Function {
        name: "approx",
        params: "a, b, tolerance = 1e-9",
        arity: 2..=3,
        doc: "Whether two numbers differ by no more than the tolerance; unknown if one is missing.",
        example: "approx(99.5, 99.4, 0.2) && approx(1.0 / 3, 0.3333333333333)",
        missing: Missing::Any,
        literal: None,
        run: Run::Gives(approx),
    },
    Function {
        name: "sum",
        params: "list",
        arity: 1..=1,
        doc: "The sum of a list of numbers or durations; 0 if it is empty.",
        example: "sum([1, 2, 3.5]) == 6.5",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(sum),
    },
    Function {
        name: "min",
        params: "list | a, b",
        arity: 1..=2,
        doc: "The smallest item of a list, or of two values; `null` of an empty list.",
        example: "min([3, 1, 2]) == 1 && min(4, 5) == 4",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(|_, args| extreme(args, "min", Ordering::Less)),
    },
    Function {
        name: "max",
        params: "list | a, b",
        arity: 1..=2,
        doc: "The largest item of a list, or of two values; `null` of an empty list.",
        example: "max([3, 1, 2]) == 3 && max('a', 'b') == 'b'",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(|_, args| extreme(args, "max", Ordering::Greater)),
    },
    Function {
        name: "filter",
        params: "list, |item| condition",
        arity: 2..=2,
        doc: "The items for which the condition holds; the closure may take the index too.",
        example: "filter([1, 5, 9], |n| n > 3) == [5, 9] && [7, 8].filter(|n, i| i == 0) == [7]",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(filter),
    },
    Function {
        name: "all",
        params: "list, |item| condition",
        arity: 2..=2,
        doc: "Whether the condition holds for every item; it does for an empty list.",
        example: "all([1, 2], |n| n > 0)",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(|call, args| quantified(call, args, "all", false)),
    },
    Function {
        name: "any",
        params: "list, |item| condition",
        arity: 2..=2,
        doc: "Whether the condition holds for one item at least; `some` is the same.",
        example: "any([1, 2], |n| n > 1)",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(|call, args| quantified(call, args, "any", true)),
    },
    Function {
        name: "some",
        params: "list, |item| condition",
        arity: 2..=2,
        doc: "Whether the condition holds for one item at least; `any` is the same.",
        example: "[1, 2].some(|n| n > 1)",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(|call, args| quantified(call, args, "some", true)),
    },
    Function {
        name: "find",
        params: "list, |item| condition",
        arity: 2..=2,
        doc: "The first item for which the condition holds, or `null`.",
        example: "find([1, 5, 9], |n| n > 3) == 5",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(find),
    },
    Function {
        name: "keys",
        params: "map",
        arity: 1..=1,
        doc: "The names of a map's members, in their order.",
        example: "keys(#{a: 1, b: 2}) == ['a', 'b']",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(keys),
    },
    Function {
        name: "values",
        params: "map",
        arity: 1..=1,
        doc: "The values of a map's members, in their order.",
        example: "values(#{a: 1, b: 2}) == [1, 2]",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(values),
    },
];

fn one_of(_: &Call<'_>, args: &[Dynamic]) -> Result<Dynamic, Fault> {
    let (value, others) = (&args[0], &args[1..]);
    if others.len() == 1 && Type::of(&others[0]) == Type::List {
        return ops::contains(&others[0], value).map(Dynamic::from);
    }
    Ok(others.iter().any(|other| ops::equal(value, other)).into())
}

fn approx(_: &Call<'_>, args: &[Dynamic]) -> Result<Dynamic, Fault> {
    let tolerance = if args.len() == 3 {
        number_arg(args, 2, "approx")?
    } else {
        1e-9
    };
    let distance = (number_arg(args, 0, "approx")? - number_arg(args, 1, "approx")?).abs();
    // Rounding of the operands themselves must not decide: 99.5 - 99.4 is a little more than 0.1.
    let rounding = 4.0 * f64::EPSILON * number_arg(args, 0, "approx")?.abs().max(1.0);
    Ok((distance <= tolerance + rounding).into())
}

fn extreme(args: &[Dynamic], who: &str, wanted: Ordering) -> Result<Dynamic, Fault> {
    let items = if args.len() == 2 {
        args.to_vec()
    } else {
        list_arg(args, 0, who)?
    };
    let mut items = items.into_iter();
    let Some(mut best) = items.next() else {
        return Ok(Dynamic::UNIT);
    };
    if !matches!(
        Type::of(&best),
        Type::Int | Type::Big | Type::Float | Type::Text | Type::Time | Type::Duration
    ) {
        return Err(Fault::new(format!(
            "`{who}` cannot compare {}",
            shown(&best)
        )));
    }
    for item in items {
        match ops::order(&item, &best) {
            Some(order) if order == wanted => best = item,
            Some(_) => {}
            None => {
                return Err(Fault::new(format!(
                    "`{who}` cannot compare {} with {}",
                    shown(&item),
                    shown(&best)
                )));
            }
        }
    }
    Ok(best)
}

/// `all`, `some`: what the condition says of the items, joined by `&&` or `||`. `decides`: the answer for one item that
/// decides for all.
fn quantified(
    call: &Call<'_>,
    args: &[Dynamic],
    who: &str,
    decides: bool,
) -> Result<Dynamic, Fault> {
    let items = list_arg(args, 0, who)?;
    let closure = closure_arg(args, 1, who)?;
    let mut verdict = Some(!decides);
    for (index, item) in items.into_iter().enumerate() {
        match call.condition(&closure, &item, index, who)? {
            Some(answer) if answer == decides => return Ok(decides.into()),
            Some(_) => {}
            None => verdict = None,
        }
    }
    Ok(verdict.map_or(Dynamic::UNIT, Dynamic::from))
}

fn find(call: &Call<'_>, args: &[Dynamic]) -> Result<Dynamic, Fault> {
    let items = list_arg(args, 0, "find")?;
    let closure = closure_arg(args, 1, "find")?;
    for (index, item) in items.into_iter().enumerate() {
        if call.condition(&closure, &item, index, "find")? == Some(true) {
            return Ok(item);
        }
    }
    Ok(Dynamic::UNIT)
}

fn filter(call: &Call<'_>, args: &[Dynamic]) -> Result<Dynamic, Fault> {
    let items = list_arg(args, 0, "filter")?;
    let closure = closure_arg(args, 1, "filter")?;
    let mut kept = Vec::new();
    let mut blind = !items.is_empty();
    for (index, item) in items.into_iter().enumerate() {
        let held = call.condition(&closure, &item, index, "filter")?;
        blind &= held.is_none();
        if held == Some(true) {
            kept.push(item);
        }
    }
    if blind {
        sandbox::note_blind_filter();
    }
    Ok(Dynamic::from_array(kept))
}

fn sum(_: &Call<'_>, args: &[Dynamic]) -> Result<Dynamic, Fault> {
    let mut items = list_arg(args, 0, "sum")?.into_iter();
    let Some(first) = items.next() else {
        return Ok(0_i64.into());
    };
    let is_summable =
        |item: &Dynamic| matches!(Type::of(item), Type::Int | Type::Float | Type::Duration);
    items.try_fold(checked(first, is_summable)?, |sum, item| {
        calculate(Operator::Add, &sum, &checked(item, is_summable)?)
    })
}

fn checked(item: Dynamic, is_summable: fn(&Dynamic) -> bool) -> Result<Dynamic, Fault> {
    if is_summable(&item) {
        Ok(item)
    } else {
        Err(Fault::new(format!("`sum` cannot add {}", shown(&item))))
    }
}

fn keys(_: &Call<'_>, args: &[Dynamic]) -> Result<Dynamic, Fault> {
    if let Some(lazy) = lazy::lazy(&args[0])
        && let Some(map) = lazy.json().as_object()
    {
        return Ok(Dynamic::from_array(
            map.keys().map(|key| key.as_str().into()).collect(),
        ));
    }
    let map =
        ops::members(&args[0]).map_err(|fault| Fault::new(format!("`keys`: {}", fault.message)))?;
    Ok(Dynamic::from_array(
        map.keys().map(|key| key.as_str().into()).collect(),
    ))
}

fn values(_: &Call<'_>, args: &[Dynamic]) -> Result<Dynamic, Fault> {
    if let Some(lazy) = lazy::lazy(&args[0]).filter(|lazy| lazy.json().is_object()) {
        return Ok(Dynamic::from_array(lazy.items().collect()));
    }
    let map = ops::members(&args[0])
        .map_err(|fault| Fault::new(format!("`values`: {}", fault.message)))?;
    Ok(Dynamic::from_array(map.into_values().collect()))
}
