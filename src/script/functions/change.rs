//! What changes a list or map in its place and gives it, or takes something out of it. A text never changes: of one, these
//! give a changed copy, or a part.

use super::{Call, Function, Missing, Run, closure_arg, int_arg, text_arg};
use crate::script::lazy::position;
use crate::script::limits::{Limit, MAX_ITEMS, MAX_TEXT};
use crate::script::ops::{self, Fault, Type, as_text, shown};
use rhai::{Array, Dynamic, FnPtr, ImmutableString, Map};
use std::ops::Range;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "push",
        params: "list, item",
        arity: 2..=2,
        doc: "Puts an item at the end of a list, and gives the list.",
        example: "[1, 2].push(3) == [1, 2, 3]",
        missing: Missing::First,
        literal: None,
        run: Run::Changes(|_, value, args| {
            list(value, "push")?.push(args[0].clone());
            Ok(())
        }),
    },
    Function {
        name: "append",
        params: "list, list | text, value",
        arity: 2..=2,
        doc: "Puts the items of another list at the end of a list, and gives it; of a text a copy with more at its end.",
        example: "[1].append([2, 3]) == [1, 2, 3] && 'a'.append(7) == 'a7'",
        missing: Missing::First,
        literal: None,
        run: Run::Changes(append),
    },
    Function {
        name: "insert",
        params: "list, index, item",
        arity: 3..=3,
        doc: "Puts an item before the one at an index (at the end if there is none), and gives the list.",
        example: "[1, 3].insert(1, 2) == [1, 2, 3] && [1].insert(9, 2) == [1, 2]",
        missing: Missing::First,
        literal: None,
        run: Run::Changes(|_, value, args| {
            let mut list = list(value, "insert")?;
            let index = offset(int_arg(args, 0, "insert")?, list.len());
            list.insert(index, args[1].clone());
            Ok(())
        }),
    },
    Function {
        name: "set",
        params: "list | text, index, value | map, name, value",
        arity: 3..=3,
        doc: "Puts a value in the place of an item or member, and gives the list or map; of a text a changed copy.",
        example: "[1, 2].set(-1, 9) == [1, 9] && #{}.set('a', 1) == #{a: 1} && 'abc'.set(0, 'x') == 'xbc'",
        missing: Missing::First,
        literal: None,
        run: Run::Changes(set),
    },
    Function {
        name: "pad",
        params: "list | text, length, item",
        arity: 3..=3,
        doc: "Fills a list up to a length with copies of an item, and gives it; of a text a copy that is filled up.",
        example: "[1].pad(3, 0) == [1, 0, 0] && 'ab'.pad(4, '.') == 'ab..'",
        missing: Missing::First,
        literal: None,
        run: Run::Changes(pad),
    },
    Function {
        name: "truncate",
        params: "list | text, length",
        arity: 2..=2,
        doc: "Cuts off the end of a list that is longer, and gives it; of a text a shorter copy.",
        example: "[1, 2, 3].truncate(2) == [1, 2] && 'abc'.truncate(1) == 'a'",
        missing: Missing::First,
        literal: None,
        run: Run::Changes(|_, value, args| {
            keep(value, "truncate", |len| {
                Ok(0..length(args, "truncate")?.min(len))
            })
        }),
    },
    Function {
        name: "chop",
        params: "list | text, length",
        arity: 2..=2,
        doc: "Cuts off the beginning of a list that is longer, and gives it; of a text a shorter copy.",
        example: "[1, 2, 3].chop(2) == [2, 3] && 'abc'.chop(1) == 'c'",
        missing: Missing::First,
        literal: None,
        run: Run::Changes(|_, value, args| {
            keep(value, "chop", |len| {
                Ok(len - length(args, "chop")?.min(len)..len)
            })
        }),
    },
    Function {
        name: "crop",
        params: "list | text, start, length = all | list | text, range",
        arity: 2..=3,
        doc: "Keeps a stretch of a list, and gives it; of a text that stretch. A negative start counts from the end.",
        example: "'abc'.crop(1, 1) == 'b' && 'abc'.crop(-2) == 'bc' && [1, 2, 3].crop(0..2) == [1, 2]",
        missing: Missing::First,
        literal: None,
        run: Run::Changes(|_, value, args| keep(value, "crop", |len| stretch(args, len, "crop"))),
    },
    Function {
        name: "clear",
        params: "list | map | text",
        arity: 1..=1,
        doc: "Takes everything out of a list or map, and gives it; of a text the empty one.",
        example: "[1, 2].clear() == [] && #{a: 1}.clear() == #{}",
        missing: Missing::First,
        literal: None,
        run: Run::Changes(clear),
    },
    Function {
        name: "dedup",
        params: "list, |a, b| equal = natural",
        arity: 1..=2,
        doc: "Takes out every item that equals the one before it, and gives the list: of a sorted one all that come twice.",
        example: "[3, 1, 1].dedup() == [3, 1] && [1, 2, 4].dedup(|a, b| a / 2 == b / 2) == [1, 2, 4]",
        missing: Missing::First,
        literal: None,
        run: Run::Changes(dedup),
    },
    Function {
        name: "splice",
        params: "list, start, length, items | list, range, items",
        arity: 3..=4,
        doc: "Puts other items in the place of a stretch of a list, and gives the list.",
        example: "[1, 2, 3].splice(1, 1, [7, 8]) == [1, 7, 8, 3] && [1, 2].splice(0..1, []) == [2]",
        missing: Missing::First,
        literal: None,
        run: Run::Changes(|_, value, args| {
            let items = ops::items(&args[args.len() - 1])?;
            let mut list = list(value, "splice")?;
            let stretch = stretch(&args[..args.len() - 1], list.len(), "splice")?;
            list.splice(stretch, items);
            Ok(())
        }),
    },
    Function {
        name: "retain",
        params: "list | map, |item| condition | list, start, length | list, range",
        arity: 2..=3,
        doc: "Takes out what a condition does not hold for, or what lies outside of a stretch, and gives the list or map.",
        example: "[1, 5, 9].retain(|n| n > 3) == [5, 9] && [1, 2, 3].retain(0, 2) == [1, 2]",
        missing: Missing::First,
        literal: None,
        run: Run::Changes(|call, value, args| divide(call, value, args, "retain", true).map(drop)),
    },
    Function {
        name: "mixin",
        params: "map, map",
        arity: 2..=2,
        doc: "Puts the members of another map into a map, over those of the same name, and gives it.",
        example: "#{a: 1, b: 2}.mixin(#{b: 3}) == #{a: 1, b: 3}",
        missing: Missing::First,
        literal: None,
        run: Run::Changes(|_, value, args| {
            let more = ops::members(&args[0])?;
            map(value, "mixin")?.extend(more);
            Ok(())
        }),
    },
    Function {
        name: "fill_with",
        params: "map, map",
        arity: 2..=2,
        doc: "Puts those members of another map into a map that it does not have, and gives it.",
        example: "#{a: 1}.fill_with(#{a: 9, b: 2}) == #{a: 1, b: 2}",
        missing: Missing::First,
        literal: None,
        run: Run::Changes(|_, value, args| {
            let more = ops::members(&args[0])?;
            let mut map = map(value, "fill_with")?;
            for (name, member) in more {
                map.entry(name).or_insert(member);
            }
            Ok(())
        }),
    },
    Function {
        name: "for_each",
        params: "list, |index| statements",
        arity: 2..=2,
        doc: "Runs a closure for each item, which is `this` in it and may be changed, and gives the list.",
        example: "[1, 2].for_each(|| { this *= 2 }) == [2, 4]",
        missing: Missing::First,
        literal: None,
        run: Run::Changes(|call, value, args| {
            let closure = closure_arg(args, 0, "for_each")?;
            for (index, item) in list(value, "for_each")?.iter_mut().enumerate() {
                call.on_item(&closure, item, index)?;
            }
            Ok(())
        }),
    },
    Function {
        name: "pop",
        params: "list | text, length = 1",
        arity: 1..=2,
        doc: "Takes the last item out of a list, and gives it; of a text its last characters.",
        example: "[1, 2].pop() == 2 && 'abc'.pop() == 'c' && 'abc'.pop(2) == 'bc'",
        missing: Missing::First,
        literal: None,
        run: Run::Takes(pop),
    },
    Function {
        name: "shift",
        params: "list",
        arity: 1..=1,
        doc: "Takes the first item out of a list, and gives it.",
        example: "[1, 2].shift() == 1 && [].shift() == null",
        missing: Missing::First,
        literal: None,
        run: Run::Takes(|_, value, _| {
            let mut list = list(value, "shift")?;
            Ok(if list.is_empty() {
                Dynamic::UNIT
            } else {
                list.remove(0)
            })
        }),
    },
    Function {
        name: "remove",
        params: "list, index | map, name | text, part",
        arity: 2..=2,
        doc: "Takes an item out of a list or a member out of a map, and gives it; of a text a copy without a part.",
        example: "[1, 2].remove(0) == 1 && #{a: 7}.remove('a') == 7 && 'a-b-c'.remove('-') == 'abc'",
        missing: Missing::First,
        literal: None,
        run: Run::Takes(remove),
    },
    Function {
        name: "drain",
        params: "list | map, |item| condition | list, start, length | list, range",
        arity: 2..=3,
        doc: "Takes out what a condition holds for, or a stretch, and gives that.",
        example: "[1, 5, 9].drain(|n| n > 3) == [5, 9] && [1, 2, 3].drain(0..2) == [1, 2]",
        missing: Missing::First,
        literal: None,
        run: Run::Takes(|call, value, args| divide(call, value, args, "drain", false)),
    },
    Function {
        name: "split",
        params: "text, separator = white space, most = all | text | list, index",
        arity: 1..=3,
        doc: "The parts of a text between separators, or two parts at an index; of a list the tail, which is taken off.",
        example: "'a,b,c'.split(',') == ['a', 'b', 'c'] && 'abc'.split(1) == ['a', 'bc'] && [1, 2, 3].split(1) == [2, 3]",
        missing: Missing::First,
        literal: None,
        run: Run::Takes(split),
    },
];

fn list<'v>(
    value: &'v mut Dynamic,
    who: &str,
) -> Result<impl std::ops::DerefMut<Target = Array> + use<'v>, Fault> {
    if Type::of(value) != Type::List {
        return Err(Fault::new(format!(
            "`{who}` needs a list, this is {}",
            shown(value)
        )));
    }
    value
        .as_array_mut()
        .map_err(|_| Fault::new(format!("`{who}` needs a list of its own")))
}

fn map<'v>(
    value: &'v mut Dynamic,
    who: &str,
) -> Result<impl std::ops::DerefMut<Target = Map> + use<'v>, Fault> {
    if Type::of(value) != Type::Map {
        return Err(Fault::new(format!(
            "`{who}` needs a map, this is {}",
            shown(value)
        )));
    }
    value
        .as_map_mut()
        .map_err(|_| Fault::new(format!("`{who}` needs a map of its own")))
}

/// The place that an index means: counted from the end if negative, and never outside.
fn offset(index: i64, len: usize) -> usize {
    let distance = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
    if index < 0 {
        len.saturating_sub(distance)
    } else {
        distance.min(len)
    }
}

/// The stretch that a range, or a start and a length, mean.
fn stretch(args: &[Dynamic], len: usize, who: &str) -> Result<Range<usize>, Fault> {
    if let Some((start, end)) = ops::bounds(&args[0]) {
        let inside = |at: i128| usize::try_from(at.max(0)).unwrap_or(len).min(len);
        return Ok(inside(start)..inside(end).max(inside(start)));
    }
    let start = offset(int_arg(args, 0, who)?, len);
    let count = match args.get(1) {
        Some(_) => length(&args[1..], who)?,
        None => len,
    };
    Ok(start..start.saturating_add(count).min(len))
}

/// A length; one below 0 is 0.
fn length(args: &[Dynamic], who: &str) -> Result<usize, Fault> {
    let length = int_arg(args, 0, who)?.max(0);
    Ok(usize::try_from(length).unwrap_or(usize::MAX))
}

/// The characters of a stretch.
fn part(text: &str, stretch: Range<usize>) -> ImmutableString {
    let chars = text.chars().skip(stretch.start).take(stretch.len());
    chars.collect::<String>().into()
}

fn keep(
    value: &mut Dynamic,
    who: &str,
    stretch: impl FnOnce(usize) -> Result<Range<usize>, Fault>,
) -> Result<(), Fault> {
    if let Some(text) = as_text(value) {
        let stretch = stretch(text.chars().count())?;
        *value = part(&text, stretch).into();
        return Ok(());
    }
    let mut list = list(value, who)?;
    let stretch = stretch(list.len())?;
    list.truncate(stretch.end);
    list.drain(..stretch.start);
    Ok(())
}

fn append(_: &Call<'_>, value: &mut Dynamic, args: &[Dynamic]) -> Result<(), Fault> {
    if let Some(text) = as_text(value) {
        let more = ops::join(&args[..1])?;
        *value = format!("{text}{more}").into();
        return Ok(());
    }
    let more = ops::items(&args[0])?;
    list(value, "append")?.extend(more);
    Ok(())
}

fn set(_: &Call<'_>, value: &mut Dynamic, args: &[Dynamic]) -> Result<(), Fault> {
    if Type::of(value) == Type::Map {
        let name = text_arg(args, 0, "set")?;
        map(value, "set")?.insert(name.as_str().into(), args[1].clone());
        return Ok(());
    }
    let index = int_arg(args, 0, "set")?;
    let outside = || Fault::new(format!("`set`: there is nothing at the index {index}"));
    if let Some(text) = as_text(value) {
        let len = text.chars().count();
        let at = position(index, len).ok_or_else(outside)?;
        let (before, after) = (part(&text, 0..at), part(&text, at + 1..len));
        *value = format!("{before}{}{after}", text_arg(args, 1, "set")?).into();
        return Ok(());
    }
    let mut list = list(value, "set")?;
    let at = position(index, list.len()).ok_or_else(outside)?;
    list[at] = args[1].clone();
    Ok(())
}

fn pad(_: &Call<'_>, value: &mut Dynamic, args: &[Dynamic]) -> Result<(), Fault> {
    let wanted = length(args, "pad")?;
    if let Some(text) = as_text(value) {
        let filling = text_arg(args, 1, "pad")?;
        let lacking = wanted.saturating_sub(text.chars().count());
        if wanted > MAX_TEXT {
            return Err(Limit::Text.fault());
        }
        let filling = filling.chars().cycle().take(lacking);
        *value = text.chars().chain(filling).collect::<String>().into();
        return Ok(());
    }
    let mut list = list(value, "pad")?;
    if wanted > MAX_ITEMS {
        return Err(Limit::Items.fault());
    }
    let longer = wanted.max(list.len());
    list.resize(longer, args[1].clone());
    Ok(())
}

fn clear(_: &Call<'_>, value: &mut Dynamic, _: &[Dynamic]) -> Result<(), Fault> {
    match Type::of(value) {
        Type::Text => *value = "".into(),
        Type::List => list(value, "clear")?.clear(),
        Type::Map => map(value, "clear")?.clear(),
        _ => return Err(unfit("clear", "list, map or text", value)),
    }
    Ok(())
}

fn unfit(who: &str, wanted: &str, value: &Dynamic) -> Fault {
    Fault::new(format!(
        "`{who}` needs a {wanted}, this is {}",
        shown(value)
    ))
}

fn dedup(call: &Call<'_>, value: &mut Dynamic, args: &[Dynamic]) -> Result<(), Fault> {
    let closure = match args.first() {
        Some(_) => Some(closure_arg(args, 0, "dedup")?),
        None => None,
    };
    let mut list = list(value, "dedup")?;
    let mut kept: Array = Vec::with_capacity(list.len());
    for item in list.iter() {
        let twice = match (kept.last(), &closure) {
            (None, _) => false,
            (Some(before), None) => ops::same(before, item),
            (Some(before), Some(closure)) => {
                let answer = call.closure(closure, [before.clone(), item.clone()])?;
                ops::truth(&answer, "the closure of `dedup`")? == Some(true)
            }
        };
        if !twice {
            kept.push(item.clone());
        }
    }
    *list = kept;
    Ok(())
}

/// Parts a list or map in two: what the condition holds for, or what lies in the stretch, and the rest. The one stays, as
/// `keeps` says, the other is given.
fn divide(
    call: &Call<'_>,
    value: &mut Dynamic,
    args: &[Dynamic],
    who: &str,
    keeps: bool,
) -> Result<Dynamic, Fault> {
    let closure = args[0].is::<FnPtr>() && args.len() == 1;
    if Type::of(value) == Type::Map {
        let closure = closure_arg(args, 0, who)?;
        let mut map = map(value, who)?;
        let (mut chosen, mut rest) = (Map::new(), Map::new());
        for (name, member) in &*map {
            let answer = call.closure(&closure, [name.as_str().into(), member.clone()])?;
            let holds = ops::truth(&answer, &format!("the condition of `{who}`"))? == Some(true);
            let side = if holds { &mut chosen } else { &mut rest };
            side.insert(name.clone(), member.clone());
        }
        let (kept, given) = if keeps {
            (chosen, rest)
        } else {
            (rest, chosen)
        };
        *map = kept;
        return Ok(Dynamic::from_map(given));
    }
    let mut list = list(value, who)?;
    let stretch = if closure {
        0..0
    } else {
        stretch(args, list.len(), who)?
    };
    let (mut chosen, mut rest) = (Array::new(), Array::new());
    for (index, item) in list.iter().enumerate() {
        let holds = if closure {
            let closure = closure_arg(args, 0, who)?;
            call.condition(&closure, item, index, who)? == Some(true)
        } else {
            stretch.contains(&index)
        };
        let side = if holds { &mut chosen } else { &mut rest };
        side.push(item.clone());
    }
    let (kept, given) = if keeps {
        (chosen, rest)
    } else {
        (rest, chosen)
    };
    *list = kept;
    Ok(Dynamic::from_array(given))
}

fn pop(_: &Call<'_>, value: &mut Dynamic, args: &[Dynamic]) -> Result<Dynamic, Fault> {
    if let Some(text) = as_text(value) {
        let count = match args.first() {
            Some(_) => length(args, "pop")?,
            None => 1,
        };
        let len = text.chars().count();
        return Ok(part(&text, len.saturating_sub(count)..len).into());
    }
    if !args.is_empty() {
        return Err(unfit("pop", "text, if a length is given", value));
    }
    Ok(list(value, "pop")?.pop().unwrap_or_default())
}

fn remove(_: &Call<'_>, value: &mut Dynamic, args: &[Dynamic]) -> Result<Dynamic, Fault> {
    if let Some(text) = as_text(value) {
        let part = text_arg(args, 0, "remove")?;
        return Ok(text.replace(part.as_str(), "").into());
    }
    if Type::of(value) == Type::Map {
        let name = text_arg(args, 0, "remove")?;
        let member = map(value, "remove")?.remove(name.as_str());
        return Ok(member.unwrap_or_default());
    }
    let mut list = list(value, "remove")?;
    let at = position(int_arg(args, 0, "remove")?, list.len());
    Ok(at.map(|at| list.remove(at)).unwrap_or_default())
}

fn split(_: &Call<'_>, value: &mut Dynamic, args: &[Dynamic]) -> Result<Dynamic, Fault> {
    let Some(text) = as_text(value) else {
        if args.len() != 1 {
            return Err(unfit("split", "text, or a list and an index", value));
        }
        let mut list = list(value, "split")?;
        let at = offset(int_arg(args, 0, "split")?, list.len());
        return Ok(Dynamic::from_array(list.split_off(at)));
    };
    let parts: Vec<ImmutableString> = match args {
        [] => text.split_whitespace().map(Into::into).collect(),
        [at] if at.is_int() => {
            let len = text.chars().count();
            let at = offset(int_arg(args, 0, "split")?, len);
            vec![part(&text, 0..at), part(&text, at..len)]
        }
        [_, ..] => {
            let separator = text_arg(args, 0, "split")?;
            match args.get(1) {
                Some(_) => {
                    let most = length(&args[1..], "split")?;
                    let parts = text.splitn(most, separator.as_str());
                    parts.map(Into::into).collect()
                }
                None => text.split(separator.as_str()).map(Into::into).collect(),
            }
        }
    };
    Ok(Dynamic::from_array(
        parts.into_iter().map(Dynamic::from).collect(),
    ))
}
