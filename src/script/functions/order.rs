//! Lists in another order, always as a copy.

use super::{Call, Function, Missing, Run, closure_arg, list_arg};
use crate::script::ops::{self, Fault, shown};
use rhai::Dynamic;
use std::cmp::Ordering;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "sort",
        params: "list, |a, b| order = natural",
        arity: 1..=2,
        doc: "A sorted copy of a list; the closure gives a negative number, 0 or a positive one.",
        example: "sort([3, 1, 2]) == [1, 2, 3] && sort([1, 2, 3], |a, b| b - a) == [3, 2, 1]",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(|call, args| sort(call, args, "sort")),
    },
    Function {
        name: "reverse",
        params: "list | text",
        arity: 1..=1,
        doc: "A copy in the opposite order.",
        example: "reverse([1, 2]) == [2, 1] && reverse('ab') == 'ba'",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(reverse),
    },
    Function {
        name: "sort_by",
        params: "list, |a, b| order",
        arity: 2..=2,
        doc: "A sorted copy of a list; the same as `sort` with a closure.",
        example: "[1, 2, 3].sort_by(|a, b| b - a) == [3, 2, 1]",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(|call, args| sort(call, args, "sort_by")),
    },
    Function {
        name: "sort_desc",
        params: "list",
        arity: 1..=1,
        doc: "A copy of a list, the largest item first.",
        example: "sort_desc([1, 3, 2]) == [3, 2, 1]",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(|call, args| sort_down(call, args, "sort_desc")),
    },
    Function {
        name: "order",
        params: "list, |a, b| order = natural",
        arity: 1..=2,
        doc: "The same as `sort`.",
        example: "order([3, 1, 2]) == [1, 2, 3]",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(|call, args| sort(call, args, "order")),
    },
    Function {
        name: "order_by",
        params: "list, |a, b| order",
        arity: 2..=2,
        doc: "The same as `sort` with a closure.",
        example: "['bb', 'a'].order_by(|a, b| len(a) - len(b)) == ['a', 'bb']",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(|call, args| sort(call, args, "order_by")),
    },
    Function {
        name: "order_desc",
        params: "list",
        arity: 1..=1,
        doc: "The same as `sort_desc`.",
        example: "order_desc(['a', 'c', 'b']) == ['c', 'b', 'a']",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(|call, args| sort_down(call, args, "order_desc")),
    },
];

fn sort(call: &Call<'_>, args: &[Dynamic], who: &str) -> Result<Dynamic, Fault> {
    let mut items = list_arg(args, 0, who)?;
    let closure = if args.len() == 2 {
        Some(closure_arg(args, 1, who)?)
    } else {
        None
    };
    let mut fault = None;
    // After a failure every further pair counts as equal, which ends the sort soon.
    items.sort_by(|left, right| {
        if fault.is_some() {
            return Ordering::Equal;
        }
        let order = match &closure {
            Some(closure) => call
                .closure(closure, [left.clone(), right.clone()])
                .and_then(|order| direction(&order, who)),
            None => ops::order(left, right).ok_or_else(|| {
                Fault::new(format!(
                    "`{who}` cannot compare {} with {}",
                    shown(left),
                    shown(right)
                ))
            }),
        };
        order.unwrap_or_else(|failed| {
            fault = Some(failed);
            Ordering::Equal
        })
    });
    match fault {
        Some(fault) => Err(fault),
        None => Ok(Dynamic::from_array(items)),
    }
}

fn sort_down(call: &Call<'_>, args: &[Dynamic], who: &str) -> Result<Dynamic, Fault> {
    reverse(call, &[sort(call, args, who)?])
}

fn direction(order: &Dynamic, who: &str) -> Result<Ordering, Fault> {
    let zero = Dynamic::from(0_i64);
    ops::order(order, &zero).ok_or_else(|| {
        Fault::new(format!(
            "the closure of `{who}` needs a number, this is {}",
            shown(order)
        ))
        .hint("write `|a, b| a.price - b.price`")
    })
}

fn reverse(_: &Call<'_>, args: &[Dynamic]) -> Result<Dynamic, Fault> {
    if let Some(text) = ops::as_text(&args[0]) {
        return Ok(text.chars().rev().collect::<String>().into());
    }
    let mut items = list_arg(args, 0, "reverse")?;
    items.reverse();
    Ok(Dynamic::from_array(items))
}
