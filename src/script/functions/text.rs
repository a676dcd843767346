use super::{Call, Function, Missing, Run, list_arg, text_arg};
use crate::script::ops::{self, Fault, Type};
use crate::script::typed::Bytes;
use rhai::Dynamic;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "contains",
        params: "text | list | map | range, what",
        arity: 2..=2,
        doc: "Whether a text holds a text, a list an item, a map a key or a range a number.",
        example: "contains('parcel', 'arc') && contains([1, 2], 2) && contains(#{a: 1}, 'a')",
        missing: Missing::Any,
        literal: None,
        run: Run::Gives(|_, args| ops::contains(&args[0], &args[1]).map(Dynamic::from)),
    },
    Function {
        name: "starts_with",
        params: "text, beginning",
        arity: 2..=2,
        doc: "Whether the text begins with another.",
        example: "starts_with('order-7', 'order-')",
        missing: Missing::Any,
        literal: None,
        run: Run::Gives(|_, args| affix(args, "starts_with", |text, part| text.starts_with(part))),
    },
    Function {
        name: "ends_with",
        params: "text, end",
        arity: 2..=2,
        doc: "Whether the text ends with another.",
        example: "ends_with('label.pdf', '.pdf')",
        missing: Missing::Any,
        literal: None,
        run: Run::Gives(|_, args| affix(args, "ends_with", |text, part| text.ends_with(part))),
    },
    Function {
        name: "len",
        params: "text | list | map | bytes",
        arity: 1..=1,
        doc: "How many characters, items, members or bytes there are.",
        example: "len('abc') == 3 && len([1, 2]) == 2",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(len),
    },
    Function {
        name: "trim",
        params: "text",
        arity: 1..=1,
        doc: "The text without white space at both ends.",
        example: "trim('  a b ') == 'a b'",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(|_, args| text_arg(args, 0, "trim").map(|text| text.trim().into())),
    },
    Function {
        name: "replace",
        params: "text, part, by",
        arity: 3..=3,
        doc: "The text with every occurrence of a part replaced; `replace_all` does so by a pattern.",
        example: "'a-b-c'.replace('-', '') == 'abc'",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(replace),
    },
    Function {
        name: "make_upper",
        params: "text",
        arity: 1..=1,
        doc: "The text in capital letters; `to_upper` is the same.",
        example: "'Straße'.make_upper() == 'STRASSE'",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(|_, args| {
            text_arg(args, 0, "make_upper").map(|text| text.to_uppercase().into())
        }),
    },
    Function {
        name: "make_lower",
        params: "text",
        arity: 1..=1,
        doc: "The text in small letters; `to_lower` is the same.",
        example: "'ABC'.make_lower() == 'abc'",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(|_, args| {
            text_arg(args, 0, "make_lower").map(|text| text.to_lowercase().into())
        }),
    },
    Function {
        name: "join",
        params: "list, separator = ''",
        arity: 1..=2,
        doc: "The items of a list as one text, with the separator between them.",
        example: "join(['a', 'b'], '-') == 'a-b' && [1, 2].join() == '12'",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(join),
    },
];

fn affix(args: &[Dynamic], who: &str, holds: fn(&str, &str) -> bool) -> Result<Dynamic, Fault> {
    let part = text_arg(args, 1, who)?;
    Ok(holds(&text_arg(args, 0, who)?, &part).into())
}

fn len(_: &Call<'_>, args: &[Dynamic]) -> Result<Dynamic, Fault> {
    let value = &args[0];
    if let Some(text) = ops::as_text(value) {
        return Ok(ops::count(text.chars().count()));
    }
    if let Some(lazy) = crate::script::lazy::lazy(value) {
        return Ok(ops::count(lazy.len()));
    }
    if let Some(bytes) = Bytes::of(value) {
        return Ok(ops::count(bytes.0.len()));
    }
    match Type::of(value) {
        Type::List => Ok(ops::count(ops::items(value)?.len())),
        Type::Map => Ok(ops::count(ops::members(value)?.len())),
        _ => Err(Fault::new(format!(
            "`len` needs a text, list, map or bytes, this is {}",
            ops::shown(value)
        ))
        .hint("give a value for a missing one: `len(x ?? [])`")),
    }
}

fn replace(_: &Call<'_>, args: &[Dynamic]) -> Result<Dynamic, Fault> {
    let (text, part) = (text_arg(args, 0, "replace")?, text_arg(args, 1, "replace")?);
    let by = text_arg(args, 2, "replace")?;
    let found = text.matches(part.as_str()).count();
    super::bounded(text.len() + found * by.len())?;
    Ok(text.replace(part.as_str(), &by).into())
}

fn join(_: &Call<'_>, args: &[Dynamic]) -> Result<Dynamic, Fault> {
    let items = list_arg(args, 0, "join")?;
    let separator = if args.len() == 2 {
        text_arg(args, 1, "join")?
    } else {
        "".into()
    };
    let mut out = String::new();
    for (index, item) in items.iter().enumerate() {
        if item.is_unit() {
            return Err(Fault::new(format!("`join`: the item {index} is missing"))
                .hint("leave it out: `list.filter(|item| item != null)`"));
        }
        if index > 0 {
            out.push_str(&separator);
        }
        out.push_str(&ops::text(item));
        super::bounded(out.len())?;
    }
    Ok(out.into())
}
