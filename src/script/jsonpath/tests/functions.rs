//! 2.4: functions, their types, and I-Regexp (RFC 9485).

use super::*;
use crate::script::jsonpath::regexp;
use proptest::prelude::*;

#[test]
fn section_2_4_3_types() {
    for path in [
        "$[?length(@) < 3]",
        "$[?length('abc') == 3]",
        "$[?length(value(@.a)) == 3]",
        "$[?count(@.*) == 1]",
        "$[?count($..[?@.a > 1]) == count(@)]",
        "$[?match(@.timezone, 'Europe/.*')]",
        "$[?match(1, 1)]",
        "$[?search(@.a, $.pattern) && !match(value(@..b), 'c')]",
        "$[?value(@..color) == \"red\"]",
    ] {
        assert!(JsonPath::parse(path).is_ok(), "{path}");
    }
    for (path, at, message) in [
        (
            "$[?length(@.*) < 3]",
            10..13,
            "`length` takes one value, and `@.*` may find several",
        ),
        (
            "$[?count(1) == 1]",
            9..10,
            "`count` takes a query, and `1` is none",
        ),
        (
            "$[?count(foo(@.*)) == 1]",
            9..12,
            "JSONPath has no function `foo`",
        ),
        (
            "$[?match(@.timezone, 'Europe/.*') == true]",
            3..33,
            "`match(@.timezone, 'Europe/.*')` is true or false, which is not compared",
        ),
        (
            "$[?value(@..color)]",
            3..18,
            "`value(@..color)` is a value, no condition",
        ),
        ("$[?bar(@.a)]", 3..6, "JSONPath has no function `bar`"),
        (
            "$[?1 == search(@, 'a')]",
            8..22,
            "`search(@, 'a')` is true or false, which is not compared",
        ),
        (
            "$[?length(match(@, 'a')) == 1]",
            10..23,
            "`length` takes a value, and `match(@, 'a')` is true or false",
        ),
        (
            "$[?count(length(@)) == 1]",
            9..18,
            "`count` takes a query, and `length(@)` is none",
        ),
        (
            "$[?value('a') == 1]",
            9..12,
            "`value` takes a query, and `'a'` is none",
        ),
        (
            "$[?match(@..a, 'b')]",
            9..13,
            "`match` takes one value, and `@..a` may find several",
        ),
        (
            "$[?length(@.a == 1)]",
            14..16,
            "`,` or `)` is due here, not `==`",
        ),
        ("$[?length() == 1]", 3..11, "`length` takes one argument"),
        ("$[?count(@, @) == 1]", 3..13, "`count` takes one argument"),
        ("$[?match(@)]", 3..11, "`match` takes two arguments"),
    ] {
        let error = JsonPath::parse(path).unwrap_err();
        assert_eq!((error.at, error.message.as_str()), (at, message), "{path}");
    }
}

#[test]
fn section_2_4_4_length() {
    for (value, wanted) in [
        (json!("☺\u{1D11E}a"), true),
        (json!([1, 2, 3]), true),
        (json!({ "a": 1, "b": 2, "c": 3 }), true),
        (json!("four"), false),
        (json!(3), false),
        (json!(null), false),
        (json!(true), false),
    ] {
        assert_eq!(holds("length(@) == 3", &value), wanted, "{value}");
    }
    // What has no length is missing, as what is not there is.
    assert!(holds("length(@) == @.absent", &json!(3)));
    assert!(holds("length(@.absent) == length(1)", &json!({})));
}

#[test]
fn sections_2_4_5_and_2_4_8_count_and_value() {
    let value = json!({ "a": [1, 2, { "color": "red" }], "b": { "c": 1 } });
    for (condition, wanted) in [
        ("count(@.a[*]) == 3", true),
        ("count(@.a) == 1", true),
        ("count(@.absent) == 0", true),
        ("count(@..*) == 7", true),
        ("value(@..color) == 'red'", true),
        ("value(@.a[0]) == 1", true),
        ("value(@.a[*]) == 1", false),
        ("value(@.a[*]) == value(@.absent)", true),
    ] {
        assert_eq!(holds(condition, &value), wanted, "{condition}");
    }
}

#[test]
fn sections_2_4_6_and_2_4_7_match_the_whole_and_search_a_part() {
    for (condition, value, wanted) in [
        ("match(@, 'a.c')", "abc", true),
        ("match(@, 'a.c')", "xabc", false),
        ("match(@, 'a|abc')", "abc", true),
        ("match(@, 'ab')", "ab\n", false),
        ("search(@, 'a.c')", "xabcx", true),
        ("search(@, 'a.c')", "ac", false),
        ("match(@, 'a.c')", "a\nc", false),
        ("match(@, 'a.c')", "a\rc", false),
        ("match(@, 'a.c')", "a\u{2028}c", true),
        ("match(@, 'a.c')", "a\u{1D11E}c", true),
        (r"match(@, 'a\\.c')", "a.c", true),
        (r"match(@, 'a\\.c')", "abc", false),
        ("match(@, 'a[.]c')", "abc", false),
        ("search(@, '^b')", "ab", false),
        ("search(@, 'a$')", "ab", false),
        (r"match(@, '\\p{Lu}+')", "ÄÖ", true),
        (r"match(@, '\\P{Lu}')", "ä", true),
        ("match(@, '')", "", true),
    ] {
        assert_eq!(
            holds(condition, &json!(value)),
            wanted,
            "{condition} {value:?}"
        );
    }
    for value in [json!(1), json!(null), json!([]), json!({})] {
        assert!(!holds("search(@, '')", &value), "{value}");
        assert!(!holds("match('a', @)", &value), "{value}");
        assert!(holds("!match(@.absent, '')", &value), "{value}");
    }
}

#[test]
fn a_pattern_may_come_from_the_data() {
    let root = json!({ "patterns": ["a.*", "b", "(", "\\d"], "texts": ["ab", "b", "("] });
    table(
        &root,
        &[
            ("$.texts[?match(@, $.patterns[0])]", json!(["ab"])),
            ("$.texts[?search(@, $.patterns[1])]", json!(["ab", "b"])),
            // What is no I-Regexp matches nothing.
            ("$.texts[?search(@, $.patterns[2])]", json!([])),
            ("$.texts[?search(@, $.patterns[3])]", json!([])),
            ("$.texts[?search(@, $.patterns[9])]", json!([])),
        ],
    );
}

#[test]
fn i_regexp_is_what_all_engines_have() {
    for (source, text, wanted) in [
        ("[a-c]+", "abc", true),
        ("[^a-c]", "b", false),
        ("[^a-c]", "d", true),
        ("[-a]", "-", true),
        ("[a-]", "-", true),
        (r"[\^a]", "^", true),
        ("[a^]", "^", true),
        (r"[\]\[\\\-]{4}", r"][\-", true),
        // No operations on sets.
        ("[a&&b]", "&", true),
        ("[a&&b]+", "ab", true),
        ("[~~]", "~", true),
        (r"[\p{Lu}0-9]+", "A1", true),
        (r"[\P{Lu}]", "A", false),
        ("a{2}", "aa", true),
        ("a{2,}", "aaa", true),
        ("a{2,3}", "aaaa", false),
        ("(ab|cd)*e?", "abcd", true),
        ("(a|)b", "b", true),
        (r"\(\)\*\+\-\.\?\[\\\]\^\{\|\}", r"()*+-.?[\]^{|}", true),
        (r"\n\r\t", "\n\r\t", true),
        ("a b#c", "a b#c", true),
        ("é", "é", true),
    ] {
        let translated =
            regexp::translate(source).unwrap_or_else(|refused| panic!("{source}: {refused:?}"));
        let regex = regex::Regex::new(&format!(r"\A(?:{translated})\z")).unwrap();
        assert_eq!(
            regex.is_match(text),
            wanted,
            "{source} {text:?}: {translated}"
        );
    }
    for source in [
        "(",
        ")",
        "a)",
        "[",
        "[]",
        "[a",
        "]",
        "}",
        "{",
        "*",
        "a**",
        "a*?",
        "a++",
        "|*",
        "(?:a)",
        "(?i)a",
        "(?=a)",
        r"\d",
        r"\w",
        r"\s",
        r"\b",
        r"\1",
        r"\$",
        r"\/",
        r"\x41",
        r"\",
        r"\p",
        r"\p{",
        r"\p{Latin}",
        r"\pL",
        "a{",
        "a{}",
        "a{,2}",
        "a{3,2}",
        "a{2",
        "a{b}",
        "[b-a]",
        "[a-b-c]",
        "[[a]",
        "[[:alpha:]]",
        r"[a-\p{L}]",
        "a{99999999999}",
    ] {
        assert!(regexp::translate(source).is_err(), "{source}");
    }
}

#[test]
fn every_category_of_unicode_is_one_to_the_engine() {
    for name in regexp::CATEGORIES {
        for sign in ['p', 'P'] {
            let translated = regexp::translate(&format!("[\\{sign}{{{name}}}]")).unwrap();
            assert!(regex::Regex::new(&translated).is_ok(), "{translated}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4096) })]
    #[test]
    fn what_is_an_i_regexp_is_one_to_the_engine(pieces in prop::collection::vec(prop::sample::select(&[
        "a", "b-c", "-", "^", "$", ".", "|", "(", ")", "[", "]", "[^", "{2}", "{1,3}", "{", "*", "+", "?", "&&",
        "~~", "\\n", "\\-", "\\]", "\\\\", "\\p{L}", "\\P{Nd}", ",", "é", " ", "#",
    ][..]), 0..12)) {
        let source = pieces.concat();
        if let Ok(translated) = regexp::translate(&source) {
            prop_assert!(regex::Regex::new(&translated).is_ok(), "{source}: {translated}");
        }
    }
}

#[test]
fn a_written_pattern_that_is_none_is_refused_with_what_to_write() {
    for (path, message, hint) in [
        (
            r"$[?match(@, '\\d+')]",
            r"`\d` is no escape of an I-Regexp",
            "write `[0-9]`",
        ),
        (
            r"$[?search(@, 'a(?=b)')]",
            "`(?` is no group of an I-Regexp",
            "there are plain groups only: `(ab|cd)`",
        ),
    ] {
        let error = JsonPath::parse(path).unwrap_err();
        assert_eq!(
            (error.message.as_str(), error.hint.as_deref()),
            (message, Some(hint)),
            "{path}"
        );
    }
    let error = JsonPath::parse("$[?match(@, '((a{500}){500}){500}')]").unwrap_err();
    assert!(error.message.contains("too large"), "{error:?}");
    assert_eq!(error.at, 12..34);
}
