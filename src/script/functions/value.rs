//! What a value is, whatever it is.

use super::{Function, Missing, Run};
use crate::script::ops::{self, Fault, Type};

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "is_missing",
        params: "value",
        arity: 1..=1,
        doc: "Whether a value is missing: `null`, a member that is not there, a variable that was never saved.",
        example: "is_missing(#{a: 1}.b) && !is_missing(0)",
        missing: Missing::Seen,
        literal: None,
        run: Run::Gives(|_, args| Ok(args[0].is_unit().into())),
    },
    Function {
        name: "same",
        params: "a, b",
        arity: 2..=2,
        doc: "Whether two values are equal, where one that is missing equals another: what `==` says of the rest.",
        example: "same(null, #{a: 1}.b) && same(1, 1.0) && !same(null, 0)",
        missing: Missing::Seen,
        literal: None,
        run: Run::Gives(|_, args| Ok(ops::same(&args[0], &args[1]).into())),
    },
    Function {
        name: "type_of",
        params: "value",
        arity: 1..=1,
        doc: "`bool`, `integer`, `number`, `text`, `list`, `map`, `time`, `duration`, `range` or `function`.",
        example: "type_of('a') == 'text' && type_of(1.5) == 'number' && type_of([]) == 'list'",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(|_, args| Ok(Type::of(&args[0]).name().into())),
    },
    Function {
        name: "raw",
        params: "value",
        arity: 1..=1,
        doc: "The value as text. As the outermost call of a `${…}` in a URL it is taken as it is, not encoded.",
        example: "raw('a=1&b=2') == 'a=1&b=2' && raw(7) == '7'",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(|_, args| match Type::of(&args[0]) {
            Type::Function => Err(Fault::new("a function has no text").hint("call it")),
            _ => Ok(ops::text(&args[0]).into()),
        }),
    },
];
