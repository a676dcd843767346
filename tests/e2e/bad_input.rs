//! Input that is broken, hostile or absurd: each ends with a clear word at the right place and the right exit
//! code, soon, and within a gigabyte of address space. None passes, crashes or hangs.

use super::suite::{PASSES, Ran, Suite};
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

/// A good task; the bad ones differ from it in one thing.
const GOOD: &str = "version: 1
start_state: here
final_state: there
states:
  here:
    next: there
  there:
";

/// Runs `t.yaml` with little memory.
fn run(text: impl AsRef<[u8]>) -> Ran {
    Suite::new()
        .file("t.yaml", text)
        .shell("ulimit -v 1048576; funcy run t.yaml")
        .within(Duration::from_secs(30))
}

/// A task file that is refused, where, and in which words.
struct Refused {
    what: &'static str,
    file: Vec<u8>,
    place: &'static str,
    says: &'static str,
}

/// One that differs from the good one in this text.
fn instead(
    of: &str,
    text: &str,
    what: &'static str,
    place: &'static str,
    says: &'static str,
) -> Refused {
    assert!(GOOD.contains(of), "{what}");
    Refused {
        what,
        file: GOOD.replace(of, text).into(),
        place,
        says,
    }
}

/// One with this in front of its states.
fn with(
    lines: impl AsRef<str>,
    what: &'static str,
    place: &'static str,
    says: &'static str,
) -> Refused {
    let lines = format!("version: 1\n{}\n", lines.as_ref());
    Refused {
        what,
        file: GOOD.replace("version: 1\n", &lines).into(),
        place,
        says,
    }
}

/// A whole file.
fn whole(
    file: impl Into<Vec<u8>>,
    what: &'static str,
    place: &'static str,
    says: &'static str,
) -> Refused {
    Refused {
        what,
        file: file.into(),
        place,
        says,
    }
}

fn refused(table: impl IntoIterator<Item = Refused>) {
    for Refused {
        what,
        file,
        place,
        says,
    } in table
    {
        let ran = run(&file);
        let place = format!("t.yaml{place}\n");
        assert_eq!(ran.status.code(), Some(2), "{what}\n{ran}");
        assert!(ran.stderr.contains(&place), "{what}: {place}\n{ran}");
        assert!(ran.stderr.contains(says), "{what}: {says}\n{ran}");
        assert!(
            ran.stderr.contains("1 error in 1 file; nothing was run"),
            "one mistake is one diagnostic: {what}\n{ran}"
        );
        assert!(ran.stdout.is_empty(), "{what}\n{ran}");
    }
}

#[test]
fn the_good_one_is_good() {
    run(GOOD).exits(0);
    run([b"\xef\xbb\xbf", GOOD.as_bytes()].concat()).exits(0);
}

#[test]
fn files_that_are_no_yaml() {
    let utf16: Vec<u8> = std::iter::once(0xfeff)
        .chain(GOOD.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let latin1 = [b"# caf\xe9\n", GOOD.as_bytes()].concat();
    refused([
        whole("", "an empty file", ":1:1", "the file is empty"),
        whole("# soon\n", "only a comment", ":1:1", "the file is empty"),
        whole("---\n", "an empty document", ":2:1", "no value stands here"),
        whole("hello\n", "a text", ":1:1", "a task is a map"),
        whole("- a\n- b\n", "a list", ":1:1", "a task is a map"),
        whole(utf16, "UTF-16", ":1:1", "the file is UTF-16"),
        whole(latin1, "Latin-1", ":1:6", "byte 5 belongs to no character"),
        instead(
            "    next",
            "\tnext",
            "a tab",
            ":6:1",
            "a tab cannot indent a line",
        ),
        instead(
            "next: there",
            "next: \"there",
            "a file that is half saved",
            ":6:11",
            "this quote is never closed",
        ),
        instead(
            "next: there",
            "next: th\0ere",
            "a NUL",
            ":6:13",
            "a control character (U+0000)",
        ),
        whole(
            format!("{GOOD}---\n{GOOD}"),
            "two documents",
            ":8:1",
            "a second document begins here",
        ),
    ]);
}

#[test]
fn yaml_that_means_no_task() {
    refused([
        instead(
            "    next: there",
            "    next: there\n    next: there",
            "a key twice",
            ":7:5",
            "the key `next` stands here twice",
        ),
        instead(
            "    next",
            "    tiemout: 3s\n    next",
            "a key that does not exist",
            ":6:5",
            "did you mean `timeout`?",
        ),
        with(
            "vars: { x: !!python/object:os.system [ls] }",
            "a tag of another language",
            ":2:12",
            "as a tag",
        ),
        with("vars: { x: !done 1 }", "a tag", ":2:12", "as a tag"),
        with(
            "vars: { x: 18446744073709551616 }",
            "an integer of 65 bits",
            ":2:12",
            "too large to be kept exactly",
        ),
        with("vars: { x: .nan }", "no number", ":2:12", "`.nan` is no"),
        with("vars: { x: 1e999 }", "infinity", ":2:12", "too large"),
        instead(
            "next: there",
            "next: thre",
            "a state that does not exist",
            ":6:11",
            "did you mean `there`?",
        ),
        instead(
            "start_state: here\n",
            "",
            "no start",
            ":1:1",
            "needs the key `start_state`",
        ),
        instead(
            "final_state: there",
            "final_state: ther",
            "an end that does not exist",
            ":3:14",
            "did you mean `there`?",
        ),
        whole(
            format!("{GOOD}  lost:\n    next: there\n"),
            "a state that nothing reaches",
            ":8:3",
            "no path from the start leads to `lost`",
        ),
        instead(
            "    next: there\n",
            "",
            "no way out",
            ":5:3",
            "nothing leads out of `here`",
        ),
        instead(
            "    next: there\n",
            "    next: again\n  again:\n    next: here\n    on_error: there\n",
            "a loop that nothing ends",
            ":5:3",
            "nothing leaves or slows down the loop here → again → here",
        ),
    ]);
}

#[test]
fn lengths_of_time_that_are_none() {
    for (length, says) in [
        ("-1s", "is negative"),
        ("0s", "more than nothing"),
        ("300y", "is no length of time"),
        ("9999999999h", "longer than a year"),
        ("5", "has no unit"),
        ("soon", "is no length of time"),
        ("[5s]", "is a list"),
        ("null", "is null"),
    ] {
        let line = format!("    timeout: {length}\n    next");
        refused([instead(
            "    next",
            &line,
            "a length of time",
            ":6:14",
            says,
        )]);
    }
}

#[test]
fn yaml_that_grows() {
    let mut laughs = String::new();
    for (name, before) in ('b'..='j').zip('a'..='i') {
        let nine = vec![format!("*{before}"); 9].join(",");
        let _ = write!(laughs, "\n  {name}: &{name} [{nine}]");
    }
    let scalar = format!(
        "vars:\n  a: &a {}\n  b: [{}]",
        "x".repeat(1_000_000),
        vec!["*a"; 5_000].join(",")
    );
    let deep = |open: &str| format!("a: {}", open.repeat(100_000));
    refused([
        whole(deep("["), "lists in lists", ":1:151", "more than 64 deep"),
        whole(deep("{a: "), "maps in maps", ":1:151", "more than 64 deep"),
        with(
            format!("vars:\n  a: &a [x,x,x,x,x,x,x,x,x]{laughs}"),
            "a billion laughs",
            ":7:9",
            "aliases make this file too large",
        ),
        with(
            scalar,
            "a large text, repeated",
            ":4:19",
            "aliases make this file too large",
        ),
        with(
            "vars: &a\n  x: *a",
            "an alias inside itself",
            ":3:6",
            "stands inside the value that it means",
        ),
        with(
            "vars: &a\n  <<: *a",
            "a merge of itself",
            ":3:7",
            "stands inside the value that it means",
        ),
        whole(
            format!("{GOOD}{}", "# more\n".repeat(200_000)),
            "more than a mebibyte",
            "",
            "larger than 1 MiB, the most that is read",
        ),
    ]);
}

#[test]
fn words_that_other_yaml_takes_for_bools_and_times_are_texts() {
    let task = "version: 1
name: no
tags: [on, yes]
vars: { a: no, b: on, c: 22:22, d: 007, e: y }
start_state: here
final_state: here
states:
  here:
    instructions:
      - expect: [a == 'no', b == 'on', \"c == '22:22'\", d == '007', e == 'y']
";
    run(task).exits(0);
}

/// A task that does nothing but evaluate this.
fn evaluates(script: &str) -> String {
    let body = script.replace('\n', "\n          ");
    format!(
        "version: 1
vars: {{ n: 1, list: [1] }}
start_state: here
final_state: here
states:
  here:
    instructions:
      - eval: |
          {body}
"
    )
}

#[test]
fn scripts_that_are_refused_before_anything_runs() {
    let at = |script, place, says| whole(evaluates(script), script, place, says);
    refused([
        at("let x = ;", ":9:19", "a value is expected here, not `;`"),
        at("(1 == 2", ":9:11", "this `(` is never closed"),
        at("import \"/etc/x\" as x; 1", ":9:11", "`import` is not part"),
        at("import \"../x\" as x; 1", ":9:11", "`import` is not part"),
        at("eval(\"1 + 1\")", ":9:11", "`eval` is not part"),
        at("sleep(1000000000)", ":9:11", "`wait` is a strategy"),
        at("missing + 1", ":9:11", "there is no variable `missing`"),
        at("lenn(list)", ":9:11", "did you mean `len`?"),
        at("missing::f(1)", ":9:20", "there is no module `missing`"),
        at("n.foo()", ":9:13", "there is no function `foo`"),
    ]);
}

#[test]
fn scripts_that_would_never_end_or_fill_the_memory() {
    for (script, says) in [
        ("loop {}", "more than"),
        // A debug build on a busy machine takes its two seconds first.
        ("let i = 0; while true { i += 1; }", "more than"),
        ("fn f(x) { f(x + 1) } f(0)", "too deeply"),
        ("let s = 'x'; loop { s += s; }", "too large"),
        ("let l = [1]; loop { l += l; }", "too large"),
        ("let l = [1]; loop { l = [l, l]; }", ""),
        (
            "let m = #{}; let i = 0; loop { m[`${i}`] = m; i += 1; }",
            "",
        ),
        ("let l = []; for i in 0..2000 { l = [l]; } l", ""),
        // Rhai's own work on large and deep values is slow: the clock ends it.
        (
            "let m = #{}; for i in 0..4000 { m = #{a: m}; } m.to_debug()",
            "",
        ),
        ("let l = []; loop { l.push('x'.pad(40, 'x')); }", ""),
    ] {
        let ran = run(evaluates(script)).exits(3).prints("1 error");
        assert!(ran.stdout.contains(says), "{script}: {says}\n{ran}");
        assert!(ran.stdout.contains("t.yaml:9:"), "{script}\n{ran}");
    }
}

/// One evaluation has the clock's two seconds, also where a function calls a closure for each of many items.
#[test]
fn closures_of_functions_look_at_the_clock() {
    for script in [
        "range(0, 100000).sort(|a, b| { for i in 0..10 {} b - a })",
        "range(0, 100000).reduce(|sum, x| { for i in 0..10 {} sum + x }, 0)",
        "range(0, 100000).map(|x| { for i in 0..10 {} x })",
    ] {
        run(evaluates(script))
            .exits(3)
            .prints("more than 2 seconds")
            .within(Duration::from_secs(30));
    }
}

#[test]
fn scripts_that_compute_nonsense() {
    for (script, says) in [
        ("9223372036854775807 + n", "does not fit into 64 bits"),
        ("1 / (n - 1)", "division by zero"),
        ("1 % (n - 1)", "division by zero"),
        ("1 << 100 * n", "cannot be shifted by 100"),
        ("1 << -1 * n", "cannot be shifted by -1"),
        ("n ** -1", "is no exponent"),
        ("n + list", "`+` cannot be applied"),
        ("n > 'x'", "cannot compare"),
        ("throw 'no more'", "no more"),
    ] {
        let ran = run(evaluates(script)).exits(3).prints("1 error");
        assert!(ran.stdout.contains(says), "{script}: {says}\n{ran}");
        assert!(ran.stdout.contains("t.yaml:9:"), "{script}\n{ran}");
    }
}

#[test]
fn a_condition_is_true_or_false() {
    let task = evaluates("1").replace("- eval: |\n          1", "- expect: n + 1");
    run(task)
        .exits(3)
        .prints("t.yaml:8:17")
        .prints("a condition needs true or false, this is the integer 2");
}

#[test]
fn arguments_that_mean_nothing() {
    let suite = Suite::new().file("t.yaml", PASSES);
    for (args, says) in [
        (&["run", "--fiter", "x"][..], "'--filter'"),
        (&["rum"], "'run'"),
        (&["run", "nowhere.yaml"], "there is no such file or folder"),
        (&["check", "nowhere"], ""),
        (&["run", "t.yaml", "--jobs", "0"], "1..=100000"),
        (&["run", "t.yaml", "--jobs", "1000000000"], "1..=100000"),
        (&["run", "t.yaml", "--jobs", "-1"], "-1"),
        (&["run", "t.yaml", "--report", "pdf=x"], "the formats are"),
        (&["run", "t.yaml", "--report", "junit"], "FORMAT=FILE"),
        (&["run", "t.yaml", "--shard", "0/3"], "I/N"),
        (&["run", "t.yaml", "--seed", "x"], "--seed"),
        (&["run", "t.yaml", "--var", "=1"], "no name"),
        (&["run", ""], ""),
    ] {
        let ran = suite.run(args).exits(2);
        assert!(
            ran.stderr.contains(says) && !ran.stdout.contains("passed"),
            "{args:?}: {says}\n{ran}"
        );
    }
    suite
        .run([
            OsStr::new("run"),
            OsStr::new("--tag"),
            OsStr::from_bytes(b"\xff"),
        ])
        .exits(2)
        .says("UTF-8");
    suite
        .run(["run", "t.yaml", "--filter", "zzz"])
        .exits(4)
        .prints_nothing();
}

#[test]
fn a_report_that_cannot_be_written_is_said_before_the_first_task() {
    let suite = Suite::new().file("t.yaml", PASSES).folder("reports");
    for path in ["reports", "t.yaml/x.xml", "/proc/x.xml"] {
        suite
            .run(["run", "t.yaml", "--report", &format!("junit={path}")])
            .exits(3)
            .says(path)
            .prints_nothing();
    }
    // What fails later, such as a full disk, is said too, and the verdict stays.
    suite
        .run(["run", "t.yaml", "--report", "junit=/dev/full"])
        .exits(0)
        .prints("1 passed")
        .says("the report /dev/full could not be written");
    suite
        .shell("funcy run t.yaml >/dev/full")
        .exits(0)
        .says("stdout could not be written");
}

#[test]
fn traces_that_nobody_reads_are_no_error_of_the_task() {
    let suite = Suite::new().file("t.yaml", PASSES);
    for command in [
        "{ funcy run t.yaml -vv 2>&1; echo $? >code; } | true",
        "{ funcy run t.yaml -vv; echo $? >code; } 2>/dev/full",
        "{ funcy run t.yaml -vv; echo $? >code; } 2>&-",
    ] {
        let ran = suite.shell(command);
        assert_eq!(suite.text("code"), "0\n", "{command}\n{ran}");
        assert!(!ran.stderr.contains("panicked"), "{command}\n{ran}");
    }
}

#[test]
fn a_link_to_itself_is_not_passed_over() {
    Suite::new()
        .file("tasks/t.yaml", PASSES)
        .link("tasks/self.yaml", "self.yaml")
        .run(["run"])
        .exits(2)
        .says("--> tasks/self.yaml\n")
        .says("cannot be read");
}
