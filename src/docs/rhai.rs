//! Rhai's own functions, for people. Rhai keeps no words about them, so they stand here; a test holds the list to the
//! functions that `check` knows.

/// A function that Rhai brings, and that none of funcy's has replaced.
#[derive(Clone, Copy, Debug)]
pub struct RhaiFunction {
    /// What it belongs to: `Texts`.
    pub group: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Its parameters as they are documented: `text, old, new`.
    pub params: &'static str,
    /// What it does, in one line.
    pub doc: &'static str,
    /// A script that shows it and is true.
    pub example: &'static str,
}

/// A row of the table.
const fn of(
    group: &'static str,
    name: &'static str,
    params: &'static str,
    doc: &'static str,
    example: &'static str,
) -> RhaiFunction {
    RhaiFunction {
        group,
        name,
        params,
        doc,
        example,
    }
}

const NUMBERS: &str = "Numbers";
const TEXTS: &str = "Texts";
const LISTS: &str = "Lists and maps";
const RANGES: &str = "Ranges and closures";

/// Rhai's own functions, by group.
#[rustfmt::skip]
pub const RHAI: &[RhaiFunction] = &[
    of(NUMBERS, "abs", "number", "The number without its sign.", "abs(-5) == 5"),
    of(NUMBERS, "sign", "number", "-1, 0 or 1.", "sign(-7) == -1"),
    of(NUMBERS, "round", "float", "The nearest whole number, as a float; halves go away from 0.", "round(2.5) == 3.0"),
    of(NUMBERS, "floor", "float", "The whole number below, as a float.", "floor(2.7) == 2.0"),
    of(NUMBERS, "ceiling", "float", "The whole number above, as a float.", "ceiling(2.1) == 3.0"),
    of(NUMBERS, "int", "float", "The whole part, as a float.", "int(2.7) == 2.0"),
    of(NUMBERS, "fraction", "float", "The part behind the point.", "fraction(1.5) == 0.5"),
    of(NUMBERS, "to_int", "number", "The whole part, as an integer.", "to_int(2.9) == 2"),
    of(NUMBERS, "to_float", "number", "The number as a float.", "to_float(2) == 2.0"),
    of(NUMBERS, "parse_int", "text, base = 10", "The integer that a text writes.", "parse_int('12') == 12 && parse_int('ff', 16) == 255"),
    of(NUMBERS, "parse_float", "text", "The number that a text writes.", "parse_float('1.5') == 1.5"),
    of(NUMBERS, "to_hex", "integer", "The integer in hexadecimal digits.", "to_hex(255) == 'ff'"),
    of(NUMBERS, "to_octal", "integer", "The integer in octal digits.", "to_octal(8) == '10'"),
    of(NUMBERS, "to_binary", "integer", "The integer in binary digits.", "to_binary(5) == '101'"),
    of(NUMBERS, "bits", "integer, from = 0, count", "The bits of an integer, lowest first, for a `for` loop.", "let n = 0; for bit in bits(5) { if bit { n += 1 } } n == 2"),
    of(NUMBERS, "is_odd", "integer", "Whether it is odd.", "is_odd(3)"),
    of(NUMBERS, "is_even", "integer", "Whether it is even.", "is_even(2)"),
    of(NUMBERS, "is_zero", "number", "Whether it is 0.", "is_zero(0)"),
    of(NUMBERS, "is_nan", "float", "Whether it is no number at all.", "!is_nan(2.0)"),
    of(NUMBERS, "is_finite", "float", "Whether it is a finite number.", "is_finite(2.0)"),
    of(NUMBERS, "is_infinite", "float", "Whether it is infinite.", "!is_infinite(2.0)"),
    of(NUMBERS, "sqrt", "float", "The square root.", "sqrt(16.0) == 4.0"),
    of(NUMBERS, "exp", "float", "E to this power.", "exp(0.0) == 1.0"),
    of(NUMBERS, "ln", "float", "The natural logarithm.", "ln(1.0) == 0.0"),
    of(NUMBERS, "log", "float, base = 10", "The logarithm.", "log(100.0) == 2.0 && log(8.0, 2.0) == 3.0"),
    of(NUMBERS, "hypot", "float, float", "The length of the hypotenuse.", "hypot(3.0, 4.0) == 5.0"),
    of(NUMBERS, "sin", "float", "The sine of an angle in radians.", "sin(0.0) == 0.0"),
    of(NUMBERS, "cos", "float", "The cosine.", "cos(0.0) == 1.0"),
    of(NUMBERS, "tan", "float", "The tangent.", "tan(0.0) == 0.0"),
    of(NUMBERS, "asin", "float", "The arc sine.", "asin(0.0) == 0.0"),
    of(NUMBERS, "acos", "float", "The arc cosine.", "acos(1.0) == 0.0"),
    of(NUMBERS, "atan", "float | y, x", "The arc tangent.", "atan(0.0) == 0.0 && atan(0.0, 1.0) == 0.0"),
    of(NUMBERS, "sinh", "float", "The hyperbolic sine.", "sinh(0.0) == 0.0"),
    of(NUMBERS, "cosh", "float", "The hyperbolic cosine.", "cosh(0.0) == 1.0"),
    of(NUMBERS, "tanh", "float", "The hyperbolic tangent.", "tanh(0.0) == 0.0"),
    of(NUMBERS, "asinh", "float", "The inverse hyperbolic sine.", "asinh(0.0) == 0.0"),
    of(NUMBERS, "acosh", "float", "The inverse hyperbolic cosine.", "acosh(1.0) == 0.0"),
    of(NUMBERS, "atanh", "float", "The inverse hyperbolic tangent.", "atanh(0.0) == 0.0"),
    of(NUMBERS, "to_radians", "degrees", "An angle in radians.", "approx(to_radians(180.0), PI())"),
    of(NUMBERS, "to_degrees", "radians", "An angle in degrees.", "approx(to_degrees(PI()), 180.0)"),
    of(NUMBERS, "PI", "", "The number π.", "approx(PI(), 3.14159265, 0.00000001)"),
    of(NUMBERS, "E", "", "The number e.", "approx(E(), 2.71828183, 0.00000001)"),
    of(TEXTS, "to_upper", "text", "The text in capitals.", "'abc'.to_upper() == 'ABC'"),
    of(TEXTS, "to_lower", "text", "The text in small letters.", "'ABC'.to_lower() == 'abc'"),
    of(TEXTS, "make_upper", "text", "The same as `to_upper`.", "'abc'.make_upper() == 'ABC'"),
    of(TEXTS, "make_lower", "text", "The same as `to_lower`.", "'ABC'.make_lower() == 'abc'"),
    of(TEXTS, "replace", "text, old, new", "The text with every occurrence replaced.", "'a-b-c'.replace('-', '+') == 'a+b+c'"),
    of(TEXTS, "split", "text, separator = spaces, most", "The pieces between separators.", "'a,b'.split(',') == ['a', 'b']"),
    of(TEXTS, "split_rev", "text, separator, most", "The pieces, the last one first.", "'a,b'.split_rev(',') == ['b', 'a']"),
    of(TEXTS, "sub_string", "text, from, length = rest", "A piece of the text; a negative start counts from the end.", "'shipped'.sub_string(0, 4) == 'ship'"),
    of(TEXTS, "crop", "text, from, length = rest", "Only that piece of the text.", "'shipped'.crop(4) == 'ped'"),
    of(TEXTS, "index_of", "text or list, what, from = 0", "Where something first stands, from 0; -1 if it does not.", "'abc'.index_of('c') == 2 && [1, 2].index_of(5) == -1"),
    of(TEXTS, "chars", "text, from = 0, count", "The letters, for a `for` loop.", "let n = 0; for letter in 'abc'.chars() { n += 1 } n == 3"),
    of(TEXTS, "to_chars", "text", "The letters, as a list.", "'ab'.to_chars().len() == 2"),
    of(TEXTS, "bytes", "text", "How many bytes the text has in UTF-8.", "bytes('ä') == 2"),
    of(TEXTS, "is_empty", "text, list or map", "Whether nothing is in it.", "is_empty('') && is_empty([]) && is_empty(#{})"),
    of(TEXTS, "to_string", "value", "The value as text.", "to_string(5) == '5'"),
    of(TEXTS, "to_debug", "value", "The value as a text for people who debug.", "to_debug('a') == '\"a\"'"),
    of(TEXTS, "type_of", "value", "The name of its type, as Rhai has it.", "type_of('a') == 'string' && type_of([]) == 'array'"),
    of(LISTS, "map", "list, |item| …", "A list of what a closure makes of each item.", "[1, 2].map(|n| n * 2) == [2, 4]"),
    of(LISTS, "reduce", "list, |sum, item| …, start", "One value made of all items.", "[1, 2, 3].reduce(|sum, n| sum + n, 0) == 6"),
    of(LISTS, "reduce_rev", "list, |sum, item| …, start", "The same from the end.", "[1, 2, 3].reduce_rev(|rest, n| rest - n, 10) == 4"),
    of(LISTS, "find_map", "list, |item| …", "The first value that is not `null` of what a closure makes of each item.", "[[1, 2], [3]].find_map(|l| if l.len() == 1 { l[0] }) == 3"),
    of(LISTS, "zip", "list, list, |a, b| …", "A list of what a closure makes of the pairs.", "[1, 2].zip([3, 4], |a, b| a + b) == [4, 6]"),
    of(LISTS, "order", "list", "A sorted copy; `sort` is the same.", "[3, 1].order() == [1, 3]"),
    of(LISTS, "order_desc", "list", "A sorted copy, the largest first.", "[1, 3].order_desc() == [3, 1]"),
    of(LISTS, "order_by", "list, |a, b| order", "A sorted copy; the closure gives a negative number, 0 or a positive one.", "[1, 3].order_by(|a, b| b - a) == [3, 1]"),
    of(LISTS, "sort_desc", "list", "Sorts, the largest first.", "[1, 3].sort_desc() == [3, 1]"),
    of(LISTS, "sort_by", "list, |a, b| order", "Sorts; the closure gives a negative number, 0 or a positive one.", "[1, 3].sort_by(|a, b| b - a) == [3, 1]"),
    of(LISTS, "extract", "list, from, count = rest", "A piece of the list.", "[1, 2, 3].extract(1) == [2, 3]"),
    of(LISTS, "get", "list, text or map, index or name", "The item, letter or member; `null` if there is none.", "[5, 6].get(1) == 6 && #{a: 7}.get('a') == 7"),
    of(LISTS, "set", "list or map, index or name, value", "Sets an item or a member in place.", "let l = [1, 2]; l.set(0, 5); l == [5, 2]"),
    of(LISTS, "push", "list, item", "Adds an item at the end, in place.", "let l = [1]; l.push(2); l == [1, 2]"),
    of(LISTS, "append", "list or text, more", "Adds a list or a text at the end, in place.", "let l = [1]; l.append([2, 3]); l == [1, 2, 3]"),
    of(LISTS, "insert", "list, index, item", "Puts an item there, in place.", "let l = [1, 3]; l.insert(1, 2); l == [1, 2, 3]"),
    of(LISTS, "pad", "list or text, length, filler", "Fills up to a length.", "let l = [1]; l.pad(3, 0); l == [1, 0, 0]"),
    of(LISTS, "pop", "list or text", "Takes the last item away and gives it back.", "let l = [1, 2]; l.pop() == 2"),
    of(LISTS, "shift", "list", "Takes the first item away and gives it back.", "let l = [1, 2]; l.shift() == 1"),
    of(LISTS, "remove", "list or map, index or name", "Takes an item or a member away and gives it back.", "let l = [5, 6]; l.remove(0) == 5"),
    of(LISTS, "splice", "list, from, count, list", "Puts a list in the place of a piece, in place.", "let l = [1, 2, 3]; l.splice(0, 2, [9]); l == [9, 3]"),
    of(LISTS, "drain", "list or map, |item| … or from, count", "Takes items away and gives them back.", "let l = [1, 2, 3]; l.drain(|n| n > 1) == [2, 3]"),
    of(LISTS, "retain", "list or map, |item| … or from, count", "Keeps these items, and gives back the others.", "let l = [1, 2, 3]; l.retain(|n| n > 1); l == [2, 3]"),
    of(LISTS, "dedup", "list, |a, b| …", "Removes items that equal the one before, in place.", "let l = [1, 1, 2]; l.dedup(); l == [1, 2]"),
    of(LISTS, "truncate", "list or text, length", "Cuts the end off, in place.", "let l = [1, 2, 3]; l.truncate(2); l == [1, 2]"),
    of(LISTS, "chop", "list, length", "Cuts the beginning off, in place.", "let l = [1, 2, 3]; l.chop(2); l == [2, 3]"),
    of(LISTS, "clear", "list, map or text", "Removes everything, in place.", "let l = [1, 2]; l.clear(); l == []"),
    of(LISTS, "for_each", "list, closure", "Calls a closure with `this` as each item in turn, which it may change.", "let l = [1, 2]; l.for_each(|| { this *= 2; }); l == [2, 4]"),
    of(LISTS, "mixin", "map, map", "Sets all members of another map, in place.", "let m = #{a: 1}; m.mixin(#{a: 2, b: 3}); m == #{a: 2, b: 3}"),
    of(LISTS, "fill_with", "map, map", "Sets those members of another map that are not there yet, in place.", "let m = #{a: 1}; m.fill_with(#{a: 2, b: 3}); m == #{a: 1, b: 3}"),
    of(RANGES, "range", "from, to, step = 1", "The integers up to `to`, which is left out; `0..3` is the same, `0..=3` holds the end.", "3 in range(0, 5)"),
    of(RANGES, "start", "range", "Its beginning.", "start(1..5) == 1"),
    of(RANGES, "end", "range", "Its end.", "end(1..5) == 5"),
    of(RANGES, "is_inclusive", "range", "Whether it holds its end.", "is_inclusive(1..=5)"),
    of(RANGES, "is_exclusive", "range", "Whether its end is left out.", "is_exclusive(1..5)"),
    of(RANGES, "call", "closure, values…", "Calls a closure.", "let double = |n| n * 2; double.call(4) == 8"),
    of(RANGES, "name", "closure", "The name of a function or closure.", "len(name(|n| n)) > 0"),
    of(RANGES, "is_anonymous", "closure", "Whether it is a closure.", "is_anonymous(|n| n)"),
    of(RANGES, "is_def_var", "name", "Whether a variable of this name was declared in this script.", "let a = 1; is_def_var('a')"),
    of(RANGES, "is_def_fn", "name, count", "Whether a function of this name with so many parameters is declared.", "!is_def_fn('nothing', 1)"),
    of(RANGES, "is_shared", "value", "Whether a closure shares the variable.", "!is_shared(1)"),
    of(RANGES, "exit", "value = null", "Ends the script with this value.", "if 1 > 2 { exit(false) } true"),
    of(RANGES, "print", "value", "Does nothing, as nothing is printed: use the instruction `log`.", "print('a') == null"),
    of(RANGES, "debug", "value", "Does nothing, as `print`.", "debug('a') == null"),
];
