//! 2.3.5: filters and comparisons.

use super::*;

#[test]
fn section_2_3_5_3_comparisons() {
    let root = json!({ "obj": { "x": "y" }, "arr": [2, 3] });
    for (condition, wanted) in [
        ("$.absent1 == $.absent2", true),
        ("$.absent1 <= $.absent2", true),
        ("$.absent == 'g'", false),
        ("$.absent1 != $.absent2", false),
        ("$.absent != 'g'", true),
        ("$.absent1 < $.absent2", false),
        ("$.absent == null", false),
        ("$.absent != null", true),
        ("1 <= 2", true),
        ("1 > 2", false),
        ("13 == '13'", false),
        ("'a' <= 'b'", true),
        ("'a' > 'b'", false),
        ("$.obj == $.arr", false),
        ("$.obj != $.arr", true),
        ("$.obj == $.obj", true),
        ("$.obj != $.obj", false),
        ("$.arr == $.arr", true),
        ("$.arr != $.arr", false),
        ("$.obj == 17", false),
        ("$.obj != 17", true),
        ("$.obj <= $.arr", false),
        ("$.obj < $.arr", false),
        ("$.obj <= $.obj", true),
        ("$.arr <= $.arr", true),
        ("1 <= $.arr", false),
        ("1 >= $.arr", false),
        ("1 > $.arr", false),
        ("1 < $.arr", false),
        ("true <= true", true),
        ("true > true", false),
        ("null == false", false),
        ("null >= null", true),
        ("'a' < 'ab'", true),
        // By Unicode scalar values: a character beyond 16 bits is after all within.
        ("'\u{FB01}' < '\u{1F600}'", true),
    ] {
        let found = nodes(&format!("$[?{condition}]"), &root);
        assert_eq!(!found.is_empty(), wanted, "{condition}");
    }
}

#[test]
fn numbers_are_compared_exactly() {
    for (condition, value, wanted) in [
        ("@ == 0", json!(3e-17), false),
        ("@ > 0", json!(3e-17), true),
        ("@ == 0.3", json!(0.1 + 0.2), false),
        ("@ == 1", json!(1.0), true),
        ("@ == 1.0", json!(1), true),
        ("@ == 1e2", json!(100), true),
        ("@ == 0", json!(-0.0), true),
        ("@ == -0", json!(0), true),
        ("@ == -0.0e-5", json!(0), true),
        // Beyond what an index may be, and beyond i64.
        (
            "@ == 9007199254740993",
            json!(9_007_199_254_740_993_u64),
            true,
        ),
        (
            "@ == 9007199254740993",
            json!(9_007_199_254_740_992.0),
            false,
        ),
        (
            "@ > 9007199254740992.0",
            json!(9_007_199_254_740_993_u64),
            true,
        ),
        ("@ == 18446744073709551615", json!(u64::MAX), true),
        ("@ < 18446744073709551615", json!(u64::MAX - 1), true),
        ("@ < 18446744073709551616.0", json!(u64::MAX), true),
        ("@ == -9223372036854775808", json!(i64::MIN), true),
    ] {
        assert_eq!(holds(condition, &value), wanted, "{condition} {value}");
    }
    // Within lists and maps as well.
    let root =
        json!([{ "a": [1, { "b": 2.0 }] }, { "a": [1.0, { "b": 2 }] }, { "a": [1, { "b": 2.5 }] }]);
    assert_eq!(nodes("$[?@.a == $[1].a]", &root).len(), 2);
}

#[test]
fn section_2_3_5_3_filters() {
    let root = json!({
        "a": [3, 5, 1, 2, 4, 6, { "b": "j" }, { "b": "k" }, { "b": {} }, { "b": "kilo" }],
        "o": { "p": 1, "q": 2, "r": 3, "s": 5, "t": { "u": 6 } },
        "e": "f"
    });
    table(
        &root,
        &[
            ("$.a[?@.b == 'kilo']", json!([{ "b": "kilo" }])),
            ("$.a[?(@.b == 'kilo')]", json!([{ "b": "kilo" }])),
            ("$.a[?@>3.5]", json!([5, 4, 6])),
            (
                "$.a[?@.b]",
                json!([{ "b": "j" }, { "b": "k" }, { "b": {} }, { "b": "kilo" }]),
            ),
            ("$[?@.*]", json!([root["a"], root["o"]])),
            ("$[?@[?@.b]]", json!([root["a"]])),
            ("$.o[?@<3, ?@<3]", json!([1, 2, 1, 2])),
            ("$.a[?@<2 || @.b == \"k\"]", json!([1, { "b": "k" }])),
            (
                "$.a[?match(@.b, \"[jk]\")]",
                json!([{ "b": "j" }, { "b": "k" }]),
            ),
            (
                "$.a[?search(@.b, \"[jk]\")]",
                json!([{ "b": "j" }, { "b": "k" }, { "b": "kilo" }]),
            ),
            ("$.o[?@>1 && @<4]", json!([2, 3])),
            ("$.o[?@.u || @.x]", json!([{ "u": 6 }])),
            ("$.a[?@.b == $.x]", json!([3, 5, 1, 2, 4, 6])),
            ("$.a[?@ == @]", root["a"].clone()),
            ("$[?@ == 'f', 'e', ?@ == 'f']", json!(["f", "f", "f"])),
        ],
    );
}

#[test]
fn a_filter_stands_directly_on_the_current_node() {
    let root = json!([[0], [0, 1], [2, 3]]);
    table(
        &root,
        &[
            ("$[?@[?@ > 1]]", json!([[2, 3]])),
            ("$[?@[?@ == 0]]", json!([[0], [0, 1]])),
            ("$[?!@[?@ == 0]]", json!([[2, 3]])),
            ("$[?@[?@ > $[2][0]]]", json!([[2, 3]])),
            ("$[?@[1:][?@]]", json!([])),
            ("$[?@[1:]]", json!([[0, 1], [2, 3]])),
            ("$[?@..[?@ == 1]]", json!([[0, 1]])),
            ("$[?count(@[?@ > 0]) == 1]", json!([[0, 1]])),
        ],
    );
}

#[test]
fn and_binds_tighter_than_or_and_not_takes_one_operand() {
    let root = json!([{ "a": 1 }, { "b": 1 }, { "a": 1, "b": 1 }, { "c": 1 }]);
    for (path, wanted) in [
        ("$[?@.a || @.b && @.c]", &[0, 2][..]),
        ("$[?(@.a || @.b) && !@.c]", &[0, 1, 2]),
        ("$[?!(@.a && @.b)]", &[0, 1, 3]),
        ("$[?!@.a && !@.b]", &[3]),
        ("$[? ! @.a || @.b ]", &[1, 2, 3]),
        ("$[?@.a && @.b || @.c]", &[2, 3]),
        ("$[?((@.a)) && (((@.b == 1)))]", &[2]),
    ] {
        let wanted: Vec<Json> = wanted.iter().map(|at: &usize| root[*at].clone()).collect();
        assert_eq!(nodes(path, &root), wanted, "{path}");
    }
}

#[test]
fn a_query_alone_asks_whether_there_is_anything() {
    for (condition, value, wanted) in [
        ("@.a", json!({ "a": null }), true),
        ("@.a", json!({ "a": false }), true),
        ("@.a", json!({}), false),
        ("@.*", json!([]), false),
        ("@[0]", json!([0]), true),
        ("@", json!(false), true),
    ] {
        assert_eq!(holds(condition, &value), wanted, "{condition} {value}");
    }
}

#[test]
fn blanks_stand_between_tokens() {
    let root = json!({ "a": [{ "b": 1 }, { "b": 2 }] });
    for path in [
        "$.a[0].b",
        "$ .a [0] .b",
        "$\n.a\t[\r0 ]\n['b']",
        "$ ['a'] [ 0 , 0 ] ['b']",
        "$.a[ ?@.b == 1 ].b",
        "$.a[?\n@ .b\t==\r1 && ( @ ['b'] == 1 ) ].b",
        "$.a[?length( @ ) == 1 && match( 'a' , 'a' ) && @[ 'b' ] == 1].b",
    ] {
        assert_eq!(nodes(path, &root)[0], json!(1), "{path}");
    }
}
