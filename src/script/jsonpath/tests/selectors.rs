//! 2.2 to 2.3.4 and 2.5 to 2.7: identifiers, selectors, segments, null.

use super::*;

/// Section 1.5: a shop with four books and a bicycle.
fn shop() -> Json {
    json!({ "store": {
        "book": [
            { "category": "reference", "author": "Nigel Rees", "title": "Sayings", "price": 8.95 },
            { "category": "fiction", "author": "Evelyn Waugh", "title": "Sword", "price": 12.99 },
            { "category": "fiction", "author": "Herman Melville", "title": "Moby", "isbn": "0-553", "price": 8.99 },
            { "category": "fiction", "author": "J. R. R. Tolkien", "title": "Lord", "isbn": "0-395", "price": 22.99 }
        ],
        "bicycle": { "color": "red", "price": 399 }
    } })
}

#[test]
fn section_1_5_a_shop() {
    let shop = shop();
    let (books, bicycle) = (&shop["store"]["book"], &shop["store"]["bicycle"]);
    let authors = json!([
        "Nigel Rees",
        "Evelyn Waugh",
        "Herman Melville",
        "J. R. R. Tolkien"
    ]);
    table(
        &shop,
        &[
            ("$.store.book[*].author", authors.clone()),
            ("$..author", authors),
            ("$.store.*", json!([books, bicycle])),
            ("$.store..price", json!([8.95, 12.99, 8.99, 22.99, 399])),
            ("$..book[2]", json!([books[2]])),
            ("$..book[2].author", json!(["Herman Melville"])),
            ("$..book[2].publisher", json!([])),
            ("$..book[-1]", json!([books[3]])),
            ("$..book[0,1]", json!([books[0], books[1]])),
            ("$..book[:2]", json!([books[0], books[1]])),
            ("$..book[?@.isbn]", json!([books[2], books[3]])),
            ("$..book[?@.price<10]", json!([books[0], books[2]])),
        ],
    );
    // Two lists or maps, then their 4 books, 16 + 2 members of books, and the bicycle's.
    assert_eq!(nodes("$..*", &shop).len(), 27);
}

#[test]
fn section_2_2_the_root_is_the_whole_value() {
    for root in [json!({ "k": "v" }), json!(null), json!([1]), json!("a")] {
        table(&root, &[("$", json!([root]))]);
    }
}

#[test]
fn section_2_3_1_names() {
    table(
        &json!({ "o": { "j j": { "k.k": 3 } }, "'": { "@": 2 } }),
        &[
            ("$.o['j j']", json!([{ "k.k": 3 }])),
            ("$.o['j j']['k.k']", json!([3])),
            (r#"$.o["j j"]["k.k"]"#, json!([3])),
            (r#"$["'"]["@"]"#, json!([2])),
            (r"$['\'']['@']", json!([2])),
            ("$.o.x", json!([])),
            ("$.o['j j'][0]", json!([])),
        ],
    );
    // Escapes, in either case of their digits, and characters beyond 16 bits as they are or in halves.
    let root = json!({ "a\"'/\\\u{8}\u{c}\n\r\t": 1, "☺": 2, "\u{1D11E}": 3, "": 4, "ünï_1": 5, "\u{7f}": 6 });
    table(
        &root,
        &[
            (r#"$['a"\'\/\\\b\f\n\r\t']"#, json!([1])),
            (r#"$["a\"'/\\\b\f\u000a\u000D\t"]"#, json!([1])),
            (r"$['\u263a']", json!([2])),
            (r"$['\u263A']", json!([2])),
            ("$.☺", json!([2])),
            (r"$['\uD834\uDD1E']", json!([3])),
            (r#"$["\ud834\udd1e"]"#, json!([3])),
            ("$.\u{1D11E}", json!([3])),
            ("$['']", json!([4])),
            ("$.ünï_1", json!([5])),
            ("$['\u{7f}']", json!([6])),
        ],
    );
}

#[test]
fn section_2_3_2_all() {
    let root = json!({ "o": { "j": 1, "k": 2 }, "a": [5, 3] });
    table(
        &root,
        &[
            ("$[*]", json!([{ "j": 1, "k": 2 }, [5, 3]])),
            ("$.o[*]", json!([1, 2])),
            ("$.o[*, *]", json!([1, 2, 1, 2])),
            ("$.a[*]", json!([5, 3])),
            ("$.a.*.*", json!([])),
        ],
    );
}

#[test]
fn section_2_3_3_indices() {
    table(
        &json!(["a", "b"]),
        &[
            ("$[1]", json!(["b"])),
            ("$[-2]", json!(["a"])),
            ("$[0]", json!(["a"])),
            ("$[2]", json!([])),
            ("$[-3]", json!([])),
            ("$[9007199254740991]", json!([])),
            ("$[-9007199254740991]", json!([])),
        ],
    );
    table(
        &json!({ "0": 1 }),
        &[("$[0]", json!([])), ("$['0']", json!([1]))],
    );
}

#[test]
fn section_2_3_4_slices() {
    table(
        &json!(["a", "b", "c", "d", "e", "f", "g"]),
        &[
            ("$[1:3]", json!(["b", "c"])),
            ("$[5:]", json!(["f", "g"])),
            ("$[1:5:2]", json!(["b", "d"])),
            ("$[5:1:-2]", json!(["f", "d"])),
            ("$[::-1]", json!(["g", "f", "e", "d", "c", "b", "a"])),
            ("$[:]", json!(["a", "b", "c", "d", "e", "f", "g"])),
            ("$[::3]", json!(["a", "d", "g"])),
            ("$[1:5:0]", json!([])),
            ("$[3:1]", json!([])),
            ("$[1:3:-1]", json!([])),
            ("$[-2:]", json!(["f", "g"])),
            ("$[:-5]", json!(["a", "b"])),
            ("$[-100:100]", json!(["a", "b", "c", "d", "e", "f", "g"])),
            ("$[100:-100:-3]", json!(["g", "d", "a"])),
            ("$[-1:-4:-1]", json!(["g", "f", "e"])),
            ("$[:4:-1]", json!(["g", "f"])),
            ("$[2::-1]", json!(["c", "b", "a"])),
            ("$[0:9007199254740991:9007199254740991]", json!(["a"])),
            ("$[6:-9007199254740991:-9007199254740991]", json!(["g"])),
            ("$[ 1 : 5 : 2 ]", json!(["b", "d"])),
        ],
    );
    table(&json!([]), &[("$[:]", json!([])), ("$[::-1]", json!([]))]);
    table(&json!({ ":": 1 }), &[("$[:]", json!([]))]);
}

#[test]
fn section_2_5_1_children() {
    table(
        &json!(["a", "b", "c", "d", "e", "f", "g"]),
        &[
            ("$[0, 3]", json!(["a", "d"])),
            ("$[0:2, 5]", json!(["a", "b", "f"])),
            ("$[0, 0]", json!(["a", "a"])),
        ],
    );
    // All selectors are asked of one node before the next node.
    table(
        &json!([{ "a": 1, "b": 2 }, { "b": 4, "a": 3 }]),
        &[("$[*]['b','a']", json!([2, 1, 4, 3]))],
    );
}

#[test]
fn section_2_5_2_descendants() {
    let root = json!({ "o": { "j": 1, "k": 2 }, "a": [5, 3, [{ "j": 4 }, { "k": 6 }]] });
    table(
        &root,
        &[
            ("$..j", json!([1, 4])),
            ("$..[0]", json!([5, { "j": 4 }])),
            ("$..o", json!([{ "j": 1, "k": 2 }])),
            ("$.o..[*, *]", json!([1, 2, 1, 2])),
            ("$.a..[0, 1]", json!([5, 3, { "j": 4 }, { "k": 6 }])),
            ("$..['j']", json!([1, 4])),
            ("$..[?@.j]", json!([{ "j": 1, "k": 2 }, { "j": 4 }])),
            (
                "$..*",
                json!([
                    { "j": 1, "k": 2 },
                    [5, 3, [{ "j": 4 }, { "k": 6 }]],
                    1,
                    2,
                    5,
                    3,
                    [{ "j": 4 }, { "k": 6 }],
                    { "j": 4 },
                    { "k": 6 },
                    4,
                    6
                ]),
            ),
        ],
    );
    // A node, with all selectors, before what is below it.
    table(
        &json!({ "a": { "b": 1, "a": 2 }, "b": 3 }),
        &[
            (r#"$..["a","b"]"#, json!([{ "b": 1, "a": 2 }, 3, 2, 1])),
            (r#"$..["b","a"]"#, json!([3, { "b": 1, "a": 2 }, 1, 2])),
        ],
    );
}

#[test]
fn section_2_6_null_is_a_value() {
    table(
        &json!({ "a": null, "b": [null], "c": [{}], "null": 1 }),
        &[
            ("$.a", json!([null])),
            ("$.a[0]", json!([])),
            ("$.a.d", json!([])),
            ("$.b[0]", json!([null])),
            ("$.b[*]", json!([null])),
            ("$.b[?@]", json!([null])),
            ("$.b[?@==null]", json!([null])),
            ("$.c[?@.d==null]", json!([])),
            ("$.null", json!([1])),
        ],
    );
}

#[test]
fn section_2_7_normalized_paths_are_paths() {
    table(
        &json!({ "a": { "b": [0, 7] }, "\u{b}": 2, "'": 3, "\\": 4 }),
        &[
            ("$['a']", json!([{ "b": [0, 7] }])),
            ("$['a']['b'][1]", json!([7])),
            (r"$['\u000b']", json!([2])),
            (r"$['\'']", json!([3])),
            (r"$['\\']", json!([4])),
        ],
    );
}
