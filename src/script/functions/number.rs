//! Integers in a row, and by chance.

use super::{Call, Function, Missing, Run, int_arg};
use crate::script::limits::{Limit, MAX_ITEMS};
use crate::script::ops::{self, Fault, Type};
use rhai::Dynamic;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "range",
        params: "from, end, step = 1 | range, step",
        arity: 2..=3,
        doc: "The integers from one up to another, that excluded, as a list; a negative step counts down.",
        example: "range(1, 4) == [1, 2, 3] && range(9, 0, -4) == [9, 5, 1] && range(0..=6, 3) == [0, 3, 6]",
        missing: Missing::Any,
        literal: None,
        run: Run::Gives(range),
    },
    Function {
        name: "random_int",
        params: "least, most",
        arity: 2..=2,
        doc: "An integer by chance, each from `least` to `most` (both included) as likely; a replay sees the same one.",
        example: "random_int(1, 6) in 1..=6 && random_int(7, 7) == 7",
        missing: Missing::Any,
        literal: None,
        run: Run::Gives(random_int),
    },
];

fn range(_: &Call<'_>, args: &[Dynamic]) -> Result<Dynamic, Fault> {
    let is_range = Type::of(&args[0]) == Type::Range;
    let (from, end) = match ops::bounds(&args[0]) {
        Some(bounds) if args.len() == 2 => bounds,
        Some(_) => {
            return Err(Fault::new(
                "`range` of a range takes a step and nothing else",
            ));
        }
        None => (
            int_arg(args, 0, "range")?.into(),
            int_arg(args, 1, "range")?.into(),
        ),
    };
    let step = match (is_range, args.len()) {
        (true, _) => int_arg(args, 1, "range")?,
        (false, 3) => int_arg(args, 2, "range")?,
        _ => 1,
    };
    let (end, step): (i128, i128) = (end, step.into());
    if step == 0 {
        return Err(Fault::new("`range`: a step of 0 leads nowhere"));
    }
    let distance = if step > 0 { end - from } else { from - end };
    let count = usize::try_from((distance.max(0) + step.abs() - 1) / step.abs());
    match count {
        Ok(count) if count <= MAX_ITEMS => Ok(Dynamic::from_array(
            (0..count as i128)
                .map(|index| ((from + index * step) as i64).into())
                .collect(),
        )),
        _ => Err(Limit::Items.fault()),
    }
}

fn random_int(call: &Call<'_>, args: &[Dynamic]) -> Result<Dynamic, Fault> {
    let (least, most) = (
        int_arg(args, 0, "random_int")?,
        int_arg(args, 1, "random_int")?,
    );
    let span = u128::try_from(i128::from(most) - i128::from(least) + 1)
        .ok()
        .filter(|span| *span > 0)
        .ok_or_else(|| Fault::new(format!("no integer is from {least} to {most}")))?;
    // What lies beyond the last whole multiple would make small numbers likelier.
    let beyond = (u128::MAX % span + 1) % span;
    loop {
        let draw = u128::from_be_bytes(call.host.chance(call.place));
        if draw <= u128::MAX - beyond {
            let drawn = i128::from(least) + (draw % span) as i128;
            return Ok((drawn as i64).into());
        }
    }
}
