//! What is no RFC 9535 is refused, at its place, in one line.

use super::*;

/// Paths, the piece that is wrong, and what the hint says.
const FOREIGN: &[(&str, &str, &str)] = &[
    ("$[?@.b in [1,2]]", "in", "`@.b == 1 || @.b == 2`"),
    ("$[?@.b nin [1,2]]", "nin", "`@.b != 1 && @.b != 2`"),
    ("$[?@.b eq 1]", "eq", "write `==`"),
    ("$[?@.b = 1]", "=", "write `==`"),
    ("$[?@.b === 1]", "===", "write `==`"),
    ("$[?@.b !== 1]", "!==", "write `!=`"),
    ("$[?@.b <> 1]", "<>", "write `!=`"),
    ("$[?@.b gt 1]", "gt", "write `>`"),
    ("$[?@.a and @.b]", "and", "write `&&`"),
    ("$[?@.a or @.b]", "or", "write `||`"),
    ("$[?not @.a]", "not", "write `!(…)`"),
    ("$[?@.a & @.b]", "&", "write `&&`"),
    ("$[?@.b =~ /x/]", "=~", "`match(@.b, 'a.*')`"),
    ("$[?@.b contains 'x']", "contains", "`search(@.b, 'part')`"),
    ("$[?@.b size 2]", "size", "`length(@.b) == 2`"),
    ("$[?@.b empty true]", "empty", "`length(@.b) == 0`"),
    ("$[?size(@.b) == 2]", "size", "`length(@.b)`"),
    ("$[?lenght(@.b) == 2]", "lenght", "there is `length`"),
    ("$[?in(@.b, $.list)]", "in", "`@.b == 1 || @.b == 2`"),
    (
        "$[?starts_with(@.b, 'x')]",
        "starts_with",
        "`search(@.b, 'part')`",
    ),
    ("$[?max(@.b) == 2]", "max", "in the expression around it"),
    (
        "$[?foo(@.b)]",
        "foo",
        "there are `length`, `count`, `match`, `search`, `value`",
    ),
    ("$[?@.b == [1]]", "[", "JSONPath has no lists"),
    ("$[?@.b == {}]", "{", "a literal is a text"),
    ("$[?@.b == None]", "None", "write `null`"),
    ("$[?@.b == red]", "red", "a text has quotes: `'red'`"),
    (
        "$[?price > 3]",
        "price",
        "a member of the item is `@.price`",
    ),
    ("$[?@.a + 1 == 2]", "+", "does not calculate"),
    ("$[(@.length-1)]", "(", "the last of a list is `[-1]`"),
    ("$[a]", "a", "a name in brackets has quotes: `['a']`"),
    ("$[@.a]", "@", "a filter begins with `?`"),
    ("$[]", "]", "all of a list or map is `[*]`"),
    ("$.a-b", "-", "`['a-b']`"),
    ("$.a b", "b", "a name with a blank stands in brackets"),
    ("$.a.length()", "(", "functions stand in filters only"),
    ("$.a == 1", "==", "a condition stands in a filter"),
    ("$.0", "0", "an index stands in brackets"),
    ("$.'a'", "'a'", "behind a dot a name has no quotes"),
    ("$.a^", "^", "no path leads up"),
    ("$.a~", "~", "`keys(value)`"),
    ("a.b", "a", "a JSONPath begins with `$`"),
    (".a", ".", "a JSONPath begins with `$`"),
    ("@.a", "@", "a JSONPath begins with `$`"),
    ("$[?!@.b == 1]", "==", "`!(@.b == 1)`"),
    ("$[?@.* == 1]", "@.*", "`@.list[?@ == 1]`"),
    ("$[?(@.b) == 1]", "(@.b)", "without parentheses"),
    ("$[?1]", "1", "compare it: `@.b == 1`"),
    ("$[?@.b == 1e400]", "1e400", "a digit on both sides"),
    (
        "$[?@.b == 18446744073709551616]",
        "18446744073709551616",
        "with an exponent",
    ),
    (r"$['\d']", r"\d", r"a backslash itself is `\\`"),
    (r#"$["\'"]"#, r"\'", "only the quote that ends the text"),
    (r"$['\ud800']", r"\ud800", "half of a surrogate pair"),
];

#[test]
fn foreign_words_are_named_with_what_to_write() {
    for (path, piece, hint) in FOREIGN {
        let error = JsonPath::parse(path).unwrap_err();
        assert_eq!(&path[error.at.clone()], *piece, "{path}: {error:?}");
        let said = error.hint.as_deref().unwrap_or_default();
        assert!(said.contains(hint), "{path}: {error:?}");
        assert!(!error.message.contains('\n'), "{path}: {error:?}");
    }
}

/// What the ABNF and the types of functions do not have, by section.
const GRAMMAR: &[&str] = &[
    // 2.1: blanks, and where a path begins and ends.
    "",
    " ",
    " $",
    "$ ",
    "\n$",
    "$.a\n",
    "$a",
    "$$",
    "$.",
    "$..",
    "$.a.",
    "$...a",
    "$. a",
    "$.. a",
    "$. [0]",
    "$.[0]",
    "$.a..",
    "$ $",
    "\u{feff}$",
    // 2.3.1: names.
    "$.a\u{0}",
    "$['a",
    "$[\"a']",
    "$['\n']",
    "$['\u{1f}']",
    r"$['\']",
    r"$['\u12']",
    r"$['\u{12}']",
    r"$['\U0041']",
    r"$['\x41']",
    r"$['\dc00']",
    r"$['\udc00']",
    r"$['\ud800\u0041']",
    r#"$['\"']"#,
    "$.1a",
    "$.-a",
    "$.a'b'",
    "$.\"a\"",
    "$.&",
    // 2.3.3 and 2.3.4: indices and slices.
    "$[01]",
    "$[-0]",
    "$[-01]",
    "$[+1]",
    "$[1.0]",
    "$[1e0]",
    "$[- 1]",
    "$[0x1]",
    "$[9007199254740992]",
    "$[-9007199254740992]",
    "$[1:2:3:4]",
    "$[1:a]",
    "$[1:01]",
    "$[::-0]",
    "$[1 2]",
    "$['a':]",
    "$[:'a']",
    "$[*:]",
    "$[99999999999999999999:]",
    // 2.5.1: brackets.
    "$[",
    "$]",
    "$[0",
    "$[0,",
    "$[0,]",
    "$[,0]",
    "$[0,,1]",
    "$[[0]]",
    "$[(0)]",
    "$[0]]",
    // 2.3.5: filters.
    "$[?]",
    "$[? ]",
    "$?@.a",
    "$.a?@.b",
    "$[@.a]",
    "$[?@.a",
    "$[?(@.a]",
    "$[?@.a)]",
    "$[?()]",
    "$[?!]",
    "$[?!!@.a]",
    "$[?@.a && ]",
    "$[?&& @.a]",
    "$[?@.a || || @.b]",
    "$[?@.a == ]",
    "$[? == 1]",
    "$[?@.a == 1 == 1]",
    "$[?1 < @.a < 2]",
    "$[?true]",
    "$[?'a' || @.b]",
    "$[?@.a && null]",
    "$[?!(1)]",
    "$[?(1 == 1) == true]",
    "$[?@.a == (1)]",
    "$[?@.a == !@.b]",
    "$[?@.a == @.*]",
    "$[?@.a == @..b]",
    "$[?@.a == $[0,1]]",
    "$[?@[0:1] == 1]",
    "$[?@[?@.a] == 1]",
    "$[?@..a < 1]",
    "$[?@ .. a]",
    "$[?@. a == 1]",
    "$[?@.a == 01]",
    "$[?@.a == 1.]",
    "$[?@.a == .5]",
    "$[?@.a == +1]",
    "$[?@.a == 1e]",
    "$[?@.a == --1]",
    "$[?@.a == - 1]",
    "$[?@.a == 0x1]",
    "$[?@.a == True]",
    "$[?@.a == 'b]",
    "$[?@.a = = 1]",
    "$[?@.a = 1]",
    "$[?@.a & & @.b]",
    "$[?@.a ! = 1]",
    "$[?@.a;]",
    "$[?@a]",
    "$[?a]",
    "$[?.a]",
    "$[?@.a, ]",
    "$[?@.a:1]",
    // 2.4: functions.
    "$.length(@)",
    "$[length(@)]",
    "$[?length (@) == 1]",
    "$[?length(@ == 1]",
    "$[?length(@,) == 1]",
    "$[?length(,@) == 1]",
    "$[?length(@) == length]",
    "$[?LENGTH(@) == 1]",
    "$[?length(!@.a) == 1]",
    "$[?count((@.*)) == 1]",
    "$[?length(@ && @) == 1]",
    "$[?length(@).a == 1]",
    "$[?!length(@) == 1]",
    "$[?match(@.a, 'b') > 1]",
    "$[?match(@.a, 'b').c]",
    "$[?count(@.a == 1) == 1]",
];

#[test]
fn what_the_grammar_does_not_have_is_refused() {
    for path in GRAMMAR {
        let Err(error) = JsonPath::parse(path) else {
            panic!("{path:?} was accepted");
        };
        assert!(
            error.at.start <= error.at.end && error.at.end <= path.len(),
            "{path:?}: {error:?}"
        );
        assert!(path.get(error.at.clone()).is_some(), "{path:?}: {error:?}");
        assert!(!error.message.contains('\n'), "{path:?}: {error:?}");
        // All of it is ours to say, with a place.
        assert!(
            !error.message.contains("the parser of JSONPath"),
            "{path:?}: {error:?}"
        );
    }
}

#[test]
fn a_path_in_a_task_is_refused_at_the_byte() {
    let (engine, _) = crate::script::Engine::new(&[]);
    let error = engine.value("  $.lines[?@.sku in ['A']].sku").unwrap_err();
    assert_eq!(error.at, 17..19);
    assert!(
        error.message.starts_with("this is no JSONPath: "),
        "{error:?}"
    );
    assert!(error.hint.unwrap().contains("||"));
    let error = engine.value("$.a.").unwrap_err();
    assert_eq!(error.at, 4..4);
    assert_eq!(
        error.message,
        "this is no JSONPath: a name or `*` is due at the end"
    );
    let error = engine
        .expression("jsonpath(x, '$[?@.b in [1]]')")
        .unwrap_err();
    assert_eq!(error.at, 12..28);
    assert!(
        error
            .message
            .starts_with("`$[?@.b in [1]]` is no JSONPath: "),
        "{error:?}"
    );
    assert!(error.hint.unwrap().contains("||"));
}
