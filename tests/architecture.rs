//! The rules of the house: which folder may import which, what the pure floors may not name, where `unsafe`
//! may stand, how long a file may be, that every fold answers to every fact, and that the pointers in the docs
//! lead somewhere.
//!
//! Each rule is a function from a source text to what is wrong with it, and each is shown a text that
//! breaks it.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test may panic like the test itself"
)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A folder (or file) of `src/`, its floor, and what it may import: lower floors only.
struct Room {
    name: &'static str,
    floor: u8,
    imports: &'static [&'static str],
    /// Names no clock, no runtime and no IO.
    pure: bool,
}

const HOUSE: &[Room] = &[
    room("alloc", 0, &[]),
    room("docs", 0, &[]),
    room("os", 0, &[]),
    pure("event", 0, &[]),
    pure("syntax", 1, &["event"]),
    pure("definition", 2, &["event", "syntax"]),
    pure("script", 2, &["event", "syntax"]),
    pure("graph", 2, &["event"]),
    pure(
        "machine",
        3,
        &["event", "syntax", "definition", "script", "graph"],
    ),
    room("client", 3, &["event", "os", "syntax", "definition"]),
    room("journal", 2, &["event", "os"]),
    room("report", 2, &["event"]),
    pure(
        "sim",
        4,
        &["event", "syntax", "definition", "script", "machine"],
    ),
    room(
        "engine",
        5,
        &[
            "event",
            "os",
            "syntax",
            "definition",
            "script",
            "machine",
            "client",
            "journal",
            "sim",
        ],
    ),
    room("demo", 6, &[]),
    room(
        "watch",
        6,
        &[
            "event",
            "os",
            "syntax",
            "definition",
            "script",
            "graph",
            "machine",
            "client",
            "journal",
            "report",
            "sim",
            "engine",
        ],
    ),
    room(
        "cli",
        7,
        &[
            "event",
            "os",
            "syntax",
            "definition",
            "script",
            "graph",
            "machine",
            "client",
            "journal",
            "report",
            "sim",
            "engine",
            "demo",
            "watch",
            "docs",
        ],
    ),
];

const fn room(name: &'static str, floor: u8, imports: &'static [&'static str]) -> Room {
    Room {
        name,
        floor,
        imports,
        pure: false,
    }
}

const fn pure(name: &'static str, floor: u8, imports: &'static [&'static str]) -> Room {
    Room {
        name,
        floor,
        imports,
        pure: true,
    }
}

/// The crate's own files, which belong to no floor: they name the rooms.
const ROOTS: [&str; 2] = ["lib.rs", "main.rs"];

/// What a pure floor may not name.
const IMPURE: &[&str] = &[
    "tokio",
    "tokio_util",
    "reqwest",
    "hyper",
    "axum",
    "rusqlite",
    "async_nats",
    "rustix",
    "Instant",
    "SystemTime",
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "thread::spawn",
    "thread::sleep",
    "Timestamp::now",
    "Zoned::now",
    "fastrand",
];

/// What opens, lists or removes files by their path, following links and waiting for pipes.
const OPENINGS: &[&str] = &[
    "File::open",
    "File::create",
    "File::create_new",
    "OpenOptions",
    "Connection::open",
    "Connection::open_with_flags",
    "fs::read",
    "fs::read_to_string",
    "fs::write",
    "fs::read_dir",
    "fs::create_dir_all",
    "fs::remove_file",
    "fs::rename",
];

/// The files that may name them all the same: each says why. Those of the rooms in [`CAREFUL`] use `os` instead.
const OPENERS: [&str; 4] = [
    // SQLite opens a path that `journal::files` has examined, and follows no link.
    "src/journal/sqlite/mod.rs",
    // Task files and scripts are found by listing folders, which waits for nothing; they are read by `os::read`.
    "src/engine/load.rs",
    "src/engine/discover.rs",
    "src/engine/stray_module.rs",
];

/// The rooms that read what a checkout holds, or keep something in it.
const CAREFUL: [&str; 2] = ["journal", "engine"];

/// What only systems of the Unix kind have, and the room that may name it: others call its plain functions.
const UNIX: &[&str] = &[
    "rustix",
    "libc",
    "nix",
    "std::os::unix",
    "std::os::linux",
    "std::os::fd",
];
const OF_UNIX: &str = "os";

/// The one file that may hold `unsafe`.
const UNSAFE: &str = "alloc.rs";

/// A file longer than this has more than one subject; the limit leaves room for a table of data.
const LONG: usize = 500;
const TOO_LONG: usize = 700;

// ---------------------------------------------------------------------------------------------------------
// The rules, each on one file.

/// The rooms that a file names through `crate::` or through `super::` chains that reach the crate.
fn imports(file: &Source) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (path, at) in paths_from(&file.code, "crate") {
        found.extend(first_segments(&file.code[at..], &path));
    }
    // `super` as often as the module is deep is the crate.
    let chain = vec!["super"; file.depth].join("::");
    if file.depth > 0 {
        for (path, at) in paths_from(&file.code, &chain) {
            found.extend(first_segments(&file.code[at..], &path));
        }
    }
    found.remove(file.room.as_str());
    found
}

fn wrong_imports(file: &Source) -> Vec<String> {
    let Some(room) = HOUSE.iter().find(|room| room.name == file.room) else {
        return vec![format!("{}: `{}` has no floor", file.path, file.room)];
    };
    imports(file)
        .into_iter()
        // A name that is no room is an item of lib.rs; there is none but the rooms.
        .filter(|name| !room.imports.contains(&name.as_str()))
        .map(|name| {
            format!(
                "{}: `{}` (floor {}) imports `{name}`",
                file.path, room.name, room.floor
            )
        })
        .collect()
}

fn impurities(file: &Source) -> Vec<String> {
    let pure = HOUSE.iter().any(|room| room.name == file.room && room.pure);
    if !pure {
        return Vec::new();
    }
    IMPURE
        .iter()
        .flat_map(|word| {
            occurrences(&file.code, word)
                .map(move |at| format!("{}:{}: names `{word}`", file.path, file.line(at)))
        })
        // A folder named in full, `use std::{fs, …}`.
        .chain(["fs", "net", "process"].iter().filter_map(|module| {
            let groups = paths_from(&file.code, "std");
            groups
                .iter()
                .any(|(path, at)| {
                    path.is_empty() && first_segments(&file.code[*at..], path).contains(*module)
                })
                .then(|| format!("{}: names `std::{{{module}}}`", file.path))
        }))
        .collect()
}

fn unsafety(file: &Source) -> Vec<String> {
    if file.path.ends_with(UNSAFE) {
        return Vec::new();
    }
    occurrences(&file.code, "unsafe")
        .chain(occurrences(&file.code, "unsafe_code"))
        .map(|at| format!("{}:{}: `unsafe`", file.path, file.line(at)))
        .collect()
}

/// Files that are opened beside the door.
fn openings(file: &Source) -> Vec<String> {
    if !CAREFUL.contains(&file.room.as_str()) || OPENERS.contains(&file.path.as_str()) {
        return Vec::new();
    }
    OPENINGS
        .iter()
        .flat_map(|word| {
            occurrences(&file.code, word).map(move |at| {
                let line = file.line(at);
                format!("{}:{line}: `{word}`: open it through `os`", file.path)
            })
        })
        .collect()
}

/// What ties a file to one kind of operating system.
fn unix_names(file: &Source) -> Vec<String> {
    if file.room == OF_UNIX {
        return Vec::new();
    }
    UNIX.iter()
        .flat_map(|word| {
            occurrences(&file.code, word).map(move |at| {
                let line = file.line(at);
                format!(
                    "{}:{line}: `{word}`: call a function of `{OF_UNIX}`",
                    file.path
                )
            })
        })
        .collect()
}

/// A limit of funcy's own that is told without what could be done about it.
fn dead_ends(file: &Source) -> Vec<String> {
    occurrences(&file.code, "Failure::resource")
        .filter_map(|at| {
            let open = at + "Failure::resource".len();
            let inside = file.code[open..].strip_prefix('(')?;
            let end = at_depth_zero(inside, ")").unwrap_or(inside.len());
            let behind = inside.get(end + 1..).unwrap_or_default().trim_start();
            let line = file.line(at);
            (!behind.starts_with(".hint(")).then(|| {
                format!(
                    "{}:{line}: a limit without `.hint(…)`: name the way out",
                    file.path
                )
            })
        })
        .collect()
}

/// Every `match` over facts with an arm for whatever else there is: with it, a new fact would compile without
/// an answer.
fn open_folds(file: &Source) -> Vec<String> {
    let wrong = occurrences(&file.code, "match").filter(|at| {
        let Some(block) = match_block(&file.code[*at..]) else {
            return false;
        };
        let patterns = patterns(block);
        let of_facts = patterns.iter().any(|pattern| {
            occurrences(pattern, "Fact").any(|at| pattern[at..].starts_with("Fact::"))
        });
        of_facts && patterns.iter().any(|pattern| is_catch_all(pattern))
    });
    wrong
        .map(|at| {
            let line = file.line(at);
            format!("{}:{line}: a `_ =>` in a match over `Fact`", file.path)
        })
        .collect()
}

/// The inside of the braces of the `match` that this text begins with.
fn match_block(text: &str) -> Option<&str> {
    let mut depth = 0_usize;
    for (at, one) in text.char_indices() {
        match one {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.checked_sub(1)?,
            '{' if depth == 0 => return Some(&text[at + 1..closing(text, at) - 1]),
            // A word in a macro's pattern, not the keyword.
            ';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// The pattern of each arm, with its guard.
fn patterns(block: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut left = block;
    while let Some(arrow) = at_depth_zero(left, "=>") {
        found.push(left[..arrow].trim());
        let body = &left[arrow + 2..];
        let start = body.len() - body.trim_start().len();
        let end = if body[start..].starts_with('{') {
            let end = closing(body, start);
            let comma = body[end..].trim_start().starts_with(',');
            end + body[end..]
                .find(',')
                .filter(|_| comma)
                .map_or(0, |comma| comma + 1)
        } else {
            at_depth_zero(body, ",").map_or(body.len(), |comma| comma + 1)
        };
        left = &body[end..];
    }
    found
}

/// Where this stands outside of any bracket.
fn at_depth_zero(text: &str, wanted: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, one) in text.char_indices() {
        if depth == 0 && text[at..].starts_with(wanted) {
            return Some(at);
        }
        match one {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// `_`, `_other`, `(_, _)`, also with a guard.
fn is_catch_all(pattern: &str) -> bool {
    let bare = pattern.split(" if ").next().unwrap_or_default();
    let names: Vec<&str> = bare
        .split(['(', ')', ',', '|'])
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    let ignores = |name: &&str| name.starts_with('_') && name.bytes().all(is_word);
    !names.is_empty() && names.iter().all(ignores)
}

fn length(file: &Source) -> Option<String> {
    (file.lines > TOO_LONG)
        .then(|| format!("{}: {} lines, more than {TOO_LONG}", file.path, file.lines))
}

/// What is wrong with the table itself.
fn bad_rooms(house: &[Room]) -> Vec<String> {
    let mut wrong = Vec::new();
    for room in house {
        for import in room.imports {
            match house.iter().find(|other| other.name == *import) {
                None => wrong.push(format!(
                    "`{}` may import `{import}`, which is no room",
                    room.name
                )),
                Some(other) if other.floor >= room.floor => wrong.push(format!(
                    "`{}` (floor {}) may import `{import}` (floor {})",
                    room.name, room.floor, other.floor
                )),
                Some(other) if room.pure && !other.pure => {
                    wrong.push(format!(
                        "`{}` is pure and may import `{import}`, which is not",
                        room.name
                    ));
                }
                Some(_) => {}
            }
        }
    }
    wrong
}

// ---------------------------------------------------------------------------------------------------------
// The rules on the whole house.

#[test]
fn imports_go_down() {
    assert_clean(&bad_rooms(HOUSE));
    assert_clean(&all(wrong_imports));
}

#[test]
fn every_room_exists_and_has_a_floor() {
    let found: BTreeSet<String> = sources().into_iter().map(|file| file.room).collect();
    let known: BTreeSet<String> = HOUSE.iter().map(|room| room.name.to_owned()).collect();
    assert_eq!(
        found, known,
        "rooms of src/, and rooms with a floor in tests/architecture.rs"
    );
}

#[test]
fn pure_floors_name_no_clock_no_runtime_and_no_io() {
    assert_clean(&all(impurities));
}

#[test]
fn unsafe_stands_in_one_file() {
    let allocator = std::fs::read_to_string(root().join("src").join(UNSAFE)).unwrap();
    assert!(
        allocator.contains("unsafe impl GlobalAlloc"),
        "the allocator has moved: {UNSAFE}"
    );
    assert_clean(&all(unsafety));
}

#[test]
fn what_a_checkout_may_have_replaced_is_opened_through_one_door() {
    assert_clean(&all(openings));
}

#[test]
fn what_only_unix_has_stands_in_one_room() {
    assert_clean(&all(unix_names));
}

#[test]
fn every_limit_names_a_way_out() {
    assert_clean(&all(dead_ends));
}

#[test]
fn every_fold_answers_to_every_fact() {
    assert_clean(&all(open_folds));
}

#[test]
fn files_have_one_subject() {
    let mut long = String::new();
    for file in sources().iter().filter(|file| file.lines > LONG) {
        let _ = writeln!(long, "{}: {} lines", file.path, file.lines);
    }
    // For whoever looks (`--nocapture`): the next ones to split.
    eprint!("{long}");
    assert_clean(&all(|file| length(file).into_iter().collect()));
}

#[test]
fn the_map_in_the_crate_docs_is_the_house() {
    let docs = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    assert_clean(&wrong_map(&docs, HOUSE));
}

/// Each room has its line in the map, `//! | 2 | [`client`] | … |`, with its floor.
fn wrong_map(docs: &str, house: &[Room]) -> Vec<String> {
    let rows: Vec<(&str, &str)> = docs
        .lines()
        .filter_map(|line| line.strip_prefix("//! | ")?.split_once(" | [`"))
        .filter_map(|(floor, rest)| Some((floor.trim(), rest.split_once("`]")?.0)))
        .collect();
    let lacking = house
        .iter()
        .filter(|room| !rows.contains(&(&*room.floor.to_string(), room.name)))
        .map(|room| {
            format!(
                "src/lib.rs: no line for `{}` on floor {}",
                room.name, room.floor
            )
        });
    let surplus = rows
        .iter()
        .filter(|(_, name)| !house.iter().any(|room| room.name == *name))
        .map(|(_, name)| format!("src/lib.rs: a line for `{name}`, which is no room"));
    lacking.chain(surplus).collect()
}

#[test]
fn paths_in_the_docs_exist() {
    let mut wrong = Vec::new();
    for name in [
        "src/lib.rs",
        "src/docs/editors.md",
        "src/docs/mod.rs",
        "README.md",
        ".github/CONTRIBUTING.md",
    ] {
        let text = std::fs::read_to_string(root().join(name)).unwrap();
        wrong.extend(
            // What `funcy init` makes is the reader's.
            lost_paths(&text, &|path| {
                let made = path
                    .strip_prefix("tasks/")
                    .map(|name| root().join("src/cli/init").join(name));
                root().join(path).exists() || made.is_some_and(|made| made.exists())
            })
            .into_iter()
            .map(|path| format!("{name}: `{path}` does not exist")),
        );
    }
    assert_clean(&wrong);
}

/// A recorded file tells of the machine that made it by the path of its checkout, as text or in the hex of a database.
#[test]
fn no_file_names_the_machine_that_made_it() {
    let own = format!("{}/", env!("CARGO_MANIFEST_DIR"));
    let hex: String = own.bytes().map(|byte| format!("{byte:02X}")).collect();
    let mut files = Vec::new();
    for folder in ["src", "tests", "tasks", "scripts", "benches", ".github"] {
        walk_all(&root().join(folder), &mut files);
    }
    assert!(files.len() > 300, "{} files", files.len());
    let named = |path: &PathBuf| {
        let text = std::fs::read(path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        text.contains(&own) || text.contains(&hex)
    };
    let wrong: Vec<String> = files
        .iter()
        .filter(|path| named(path))
        .map(|path| format!("{} holds {own}", path.display()))
        .collect();
    assert_clean(&wrong);
}

/// Words outside fenced blocks that look like a path of this repository and are none.
fn lost_paths(text: &str, exists: &dyn Fn(&str) -> bool) -> Vec<String> {
    const TOPS: [&str; 8] = [
        "src/", "tests/", "benches/", "tasks/", "scripts/", ".ci/", ".github/", ".deny",
    ];
    let prose = text.split("```").step_by(2);
    prose
        .flat_map(|text| text.split(['`', '(', ')', '[', ']', ' ', '\n', '"']))
        .map(|word| word.trim_end_matches(['.', ',', ':', ';']))
        .filter(|word| {
            TOPS.iter()
                .any(|top| word.starts_with(top) && word.len() > top.len())
        })
        // `src/NAME.rs` and `tests/…` stand for a file that the reader makes.
        .filter(|word| {
            !word.contains(['*', '…', '<', '{']) && !word.chars().any(char::is_uppercase)
        })
        .filter(|word| !exists(word))
        .map(str::to_owned)
        .collect()
}

fn all(rule: impl Fn(&Source) -> Vec<String>) -> Vec<String> {
    sources().iter().flat_map(rule).collect()
}

#[track_caller]
fn assert_clean(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

// ---------------------------------------------------------------------------------------------------------
// Reading sources.

/// A file of `src/` without its comments, texts and test modules; positions and lines stay as they were.
struct Source {
    /// Relative to the repository.
    path: String,
    /// The folder or file below `src/`.
    room: String,
    /// How many `super` lead from its items to the crate.
    depth: usize,
    code: String,
    lines: usize,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        let inside = path.strip_prefix("src/").unwrap_or(path);
        let module = inside.trim_end_matches(".rs").trim_end_matches("/mod");
        let room = module.split('/').next().unwrap_or_default().to_owned();
        let (code, test_lines) = without_test_modules(&code_only(text));
        Self {
            path: path.to_owned(),
            room,
            depth: module.split('/').count(),
            // Tests may be as long as they need to be.
            lines: text.lines().count() - test_lines,
            code,
        }
    }

    fn line(&self, at: usize) -> usize {
        self.code[..at].matches('\n').count() + 1
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every source that is built into the library: all of `src/` but the crate's own files and modules that
/// are compiled for tests alone.
fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    walk(&root().join("src"), &mut files);
    files.sort();
    let read: Vec<(PathBuf, String)> = files
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            (path, text)
        })
        .collect();
    let tests: Vec<PathBuf> = read
        .iter()
        .flat_map(|(path, text)| test_modules(path, text))
        .collect();
    let found: Vec<Source> = read
        .iter()
        .filter(|(path, _)| {
            !tests
                .iter()
                .any(|test| path.starts_with(test) || *path == test.with_extension("rs"))
        })
        .filter_map(|(path, text)| {
            let path = path.strip_prefix(root()).ok()?.to_str()?;
            (!ROOTS.contains(&path.strip_prefix("src/")?)).then(|| Source::new(path, text))
        })
        .collect();
    assert!(found.len() > 50, "only {} sources found", found.len());
    found
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut all = Vec::new();
    walk_all(folder, &mut all);
    all.retain(|path| path.extension().is_some_and(|end| end == "rs"));
    files.append(&mut all);
}

fn walk_all(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk_all(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// The modules that a file declares under `#[cfg(test)]`, as paths without their ending.
fn test_modules(path: &Path, text: &str) -> Vec<PathBuf> {
    let folder = match path.file_stem().and_then(|stem| stem.to_str()) {
        Some("mod" | "lib" | "main") => path.parent().unwrap().to_owned(),
        _ => path.with_extension(""),
    };
    let code = code_only(text);
    let mut found = Vec::new();
    for (at, attribute) in code.match_indices("#[cfg(test)]") {
        let mut words = code[at + attribute.len()..]
            .split_whitespace()
            .skip_while(|word| word.starts_with("pub"));
        if let (Some("mod"), Some(name)) = (words.next(), words.next())
            && let Some(name) = name.strip_suffix(';')
        {
            found.push(folder.join(name));
        }
    }
    found
}

/// The text with comments and the insides of texts blanked out, so that only code is left. Line breaks
/// stay where they are.
fn code_only(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let taken = match rest {
            [b'/', b'/', ..] => rest
                .iter()
                .position(|byte| *byte == b'\n')
                .unwrap_or(rest.len()),
            [b'/', b'*', ..] => block_comment(rest),
            [b'"', ..] => quoted(rest),
            [b'r', b'"' | b'#', ..] if !after_word(bytes, at) && raw_hashes(rest).is_some() => {
                raw(rest)
            }
            [b'\'', ..] => character(rest),
            _ => 0,
        };
        if taken == 0 {
            code.push(bytes[at]);
            at += 1;
        } else {
            code.extend(
                rest[..taken]
                    .iter()
                    .map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }),
            );
            at += taken;
        }
    }
    String::from_utf8(code).unwrap()
}

fn block_comment(bytes: &[u8]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    at
}

fn quoted(bytes: &[u8]) -> usize {
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The number of `#` of a raw text that begins here.
fn raw_hashes(bytes: &[u8]) -> Option<usize> {
    let hashes = bytes[1..].iter().take_while(|byte| **byte == b'#').count();
    (bytes.get(1 + hashes) == Some(&b'"')).then_some(hashes)
}

fn raw(bytes: &[u8]) -> usize {
    let hashes = raw_hashes(bytes).unwrap_or(0);
    let end: Vec<u8> = std::iter::once(b'"')
        .chain(std::iter::repeat_n(b'#', hashes))
        .collect();
    let from = 2 + hashes;
    bytes[from..]
        .windows(end.len())
        .position(|window| window == end)
        .map_or(bytes.len(), |at| from + at + end.len())
}

/// A character, or nothing for a lifetime.
fn character(bytes: &[u8]) -> usize {
    if bytes.get(1) == Some(&b'\\') {
        // The character behind the backslash may be a quote itself.
        let end = bytes.iter().skip(3).position(|byte| *byte == b'\'');
        return end.map_or(0, |end| end + 4);
    }
    let width = match bytes.get(1) {
        None => 0,
        Some(0..0x80) => 1,
        Some(..0xE0) => 2,
        Some(..0xF0) => 3,
        Some(_) => 4,
    };
    let closed = width > 0 && bytes.get(1 + width) == Some(&b'\'');
    if closed { width + 2 } else { 0 }
}

fn after_word(bytes: &[u8], at: usize) -> bool {
    at > 0 && is_word(bytes[at - 1])
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Blanks `#[cfg(test)] mod name { … }`, and says how many lines that was.
fn without_test_modules(code: &str) -> (String, usize) {
    let mut left = code.to_owned();
    let mut lines = 0;
    while let Some(at) = left.find("#[cfg(test)]") {
        let rest = &left[at..];
        let end = match (rest.find('{'), rest.find(';')) {
            (Some(open), semicolon) if semicolon.is_none_or(|semicolon| open < semicolon) => {
                closing(rest, open)
            }
            (_, Some(semicolon)) => semicolon + 1,
            _ => rest.len(),
        };
        let blank: String = rest[..end]
            .chars()
            .map(|one| if one == '\n' { '\n' } else { ' ' })
            .collect();
        lines += blank.matches('\n').count();
        left.replace_range(at..at + end, &blank);
    }
    (left, lines)
}

/// Behind the brace that closes the one at `open`.
fn closing(text: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, one) in text[open..].char_indices() {
        match one {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return open + at + 1;
        }
    }
    text.len()
}

/// Where a word or path stands in code, as a whole.
fn occurrences<'c>(code: &'c str, word: &'c str) -> impl Iterator<Item = usize> + 'c {
    code.match_indices(word)
        .map(|(at, _)| at)
        .filter(move |at| {
            let before = at.checked_sub(1).map(|before| code.as_bytes()[before]);
            let after = code.as_bytes().get(at + word.len()).copied();
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
}

/// Every path that begins with `start::`: what follows as a name (empty before a brace), and where that
/// begins.
fn paths_from(code: &str, start: &str) -> Vec<(String, usize)> {
    occurrences(code, start)
        // `x::crate` does not exist, and `super::super` is a longer chain than asked for.
        .filter(|at| !code[..*at].ends_with("::"))
        .filter_map(|at| {
            let behind = at + start.len();
            let path = code[behind..].strip_prefix("::")?;
            let name = path
                .chars()
                .take_while(|one| one.is_ascii_alphanumeric() || *one == '_')
                .collect();
            Some((name, behind + 2))
        })
        .collect()
}

/// The first names behind `crate::`: one, or those of a group.
fn first_segments(text: &str, name: &str) -> BTreeSet<String> {
    if !name.is_empty() {
        return BTreeSet::from([name.to_owned()]);
    }
    let text = text.trim_start();
    if !text.starts_with('{') {
        return BTreeSet::new();
    }
    let group = &text[1..closing(text, 0) - 1];
    let mut depth = 0_usize;
    let mut names = BTreeSet::new();
    for part in group.split(|one| {
        match one {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        one == ',' && depth == 0
    }) {
        let name: String = part
            .trim_start()
            .chars()
            .take_while(|one| one.is_ascii_alphanumeric() || *one == '_')
            .collect();
        if !name.is_empty() {
            names.insert(name);
        }
    }
    names
}

// ---------------------------------------------------------------------------------------------------------
// Each rule can fail.

fn source(path: &str, text: &str) -> Source {
    Source::new(path, text)
}

#[test]
fn an_import_that_goes_up_or_sideways_is_found() {
    let wrong = |path: &str, text: &str| !wrong_imports(&source(path, text)).is_empty();
    assert!(
        wrong("src/event/x.rs", "use crate::definition::Task;"),
        "up"
    );
    assert!(
        wrong("src/graph/mod.rs", "use crate::script::Engine;"),
        "sideways"
    );
    assert!(
        wrong("src/machine/run.rs", "fn f() { crate::engine::go() }"),
        "inline"
    );
    assert!(
        wrong(
            "src/report/x.rs",
            "use crate::{event::Event, client::{Scope, Client}};"
        ),
        "in a group"
    );
    assert!(
        wrong(
            "src/report/failure/x.rs",
            "use super::super::super::client::Scope;"
        ),
        "by super"
    );
    assert!(
        wrong("src/report/mod.rs", "use super::client::Scope;"),
        "by super, in mod.rs"
    );
    assert!(wrong("src/attic/x.rs", ""), "no floor");
    assert!(
        wrong("src/engine/run.rs", "pub use crate::report::Terminal;"),
        "engine knows no report"
    );

    assert!(!wrong(
        "src/machine/run.rs",
        "use crate::{event::{Fact, Name}, script};"
    ));
    assert!(!wrong(
        "src/machine/run.rs",
        "use crate::machine::x; use super::y; use super::super::event::Fact;"
    ));
    assert!(!wrong("src/report/failure/x.rs", "use super::super::row;"));
    assert!(!wrong(
        "src/event/x.rs",
        "// crate::engine\n/* crate::cli /* nested */ crate::cli */ const A: &str = \"crate::cli\";"
    ));
    assert!(!wrong(
        "src/event/x.rs",
        "const B: &str = r#\"crate::\"cli\"#; const C: char = '\"'; /// [`crate::cli`]\nfn f<'a>() {}"
    ));
    assert!(!wrong(
        "src/event/x.rs",
        "#[cfg(test)]\nmod tests { use crate::engine::Run; fn f() { { } } }\n"
    ));
    assert!(
        wrong(
            "src/event/x.rs",
            "#[cfg(test)]\nmod tests { fn f() {} }\nuse crate::engine::Run;"
        ),
        "behind a test module"
    );
}

#[test]
fn a_table_that_does_not_go_down_is_found() {
    assert_eq!(
        bad_rooms(&[room("a", 0, &[]), room("b", 0, &["a"])]).len(),
        1,
        "sideways"
    );
    assert_eq!(
        bad_rooms(&[room("a", 0, &["b"]), room("b", 1, &[])]).len(),
        1,
        "up"
    );
    assert_eq!(bad_rooms(&[room("a", 0, &["gone"])]).len(), 1, "unknown");
    assert_eq!(
        bad_rooms(&[room("a", 0, &[]), pure("b", 1, &["a"])]).len(),
        1,
        "impure"
    );
}

#[test]
fn a_fold_that_passes_over_a_fact_unnamed_is_found() {
    let wrong = |text: &str| !open_folds(&source("src/report/x.rs", text)).is_empty();
    for text in [
        "match &event.fact { Fact::A { .. } => {} _ => {} }",
        "match fact { Fact::A(one) => { f(one) }, _ => {} }",
        "match fact { crate::event::Fact::A(one) => f(one, 1), _ if x => 1, Fact::B => 2 }",
        "match (&event.fact, 1) { (Fact::A, 1) => g(), (_, _) => h() }",
        "let x = f(|y| match fact { Fact::A | Fact::B => 1, _rest => 0 });",
        "match x { 1 => match fact { Fact::A => 1, _ => 2 }, 2 => 3 }",
    ] {
        assert!(wrong(text), "{text}");
    }
    for text in [
        "match fact { Fact::A { .. } => { match x { _ => 1 } } Fact::B | Fact::C(_) => {} }",
        "match x { 1 => Fact::A, _ => Fact::B }",
        "match ArtiFact::new() { ArtiFact::A => 1, _ => 2 }",
        "let Fact::A(x) = fact else { return }; match x { Some(_) => 1, _ => 2 }",
    ] {
        assert!(!wrong(text), "{text}");
    }
}

#[test]
fn an_impure_name_is_found() {
    let wrong = |path: &str, text: &str| impurities(&source(path, text));
    for text in [
        "use tokio::sync::Mutex;",
        "use std::time::Instant;",
        "fn f() { let x = std::time::SystemTime::now(); }",
        "use std::fs;",
        "use std::{fmt, fs, io::{self, Read}};",
        "fn f() { std::thread::spawn(|| ()); }",
        "fn f() { std::process::abort() }",
    ] {
        assert_eq!(wrong("src/machine/x.rs", text).len(), 1, "{text}");
        assert_eq!(wrong("src/engine/x.rs", text).len(), 0, "{text}");
    }
    assert_eq!(
        wrong("src/event/x.rs", "\n\nuse tokio::x;"),
        ["src/event/x.rs:3: names `tokio`"]
    );
    assert_eq!(
        wrong(
            "src/machine/x.rs",
            "// tokio\nuse std::{fmt, time::Duration}; struct InstantReply;"
        )
        .len(),
        0
    );
    assert_eq!(
        wrong(
            "src/machine/x.rs",
            "#[cfg(test)]\nmod tests { use std::time::Instant; }"
        )
        .len(),
        0
    );
}

#[test]
fn a_file_that_is_opened_beside_the_door_is_found() {
    let text = "fn f() { std::fs::read(p); File::open(p); my_fs::reader(p); }";
    assert_eq!(openings(&source("src/journal/x.rs", text)).len(), 2);
    assert_eq!(openings(&source("src/report/x.rs", text)).len(), 0);
    let tests = "#[cfg(test)]\nmod tests { fn f() { std::fs::write(p, t); } }";
    assert_eq!(openings(&source("src/journal/x.rs", tests)).len(), 0);
}

#[test]
fn a_limit_without_a_way_out_is_found() {
    let wrong = |text: &str| dead_ends(&source("src/client/x.rs", text)).len();
    assert_eq!(wrong("fn f() { Failure::resource(format!(\"a {b}\")) }"), 1);
    assert_eq!(
        wrong("fn f() { Failure::resource(x(y))\n    .hint(\"z\") }"),
        0
    );
    assert_eq!(wrong("fn f() { let make = Failure::resource; }"), 0);
}

#[test]
fn unix_elsewhere_is_found() {
    let wrong = |path: &str, text: &str| unix_names(&source(path, text)).len();
    assert_eq!(wrong("src/cli/x.rs", "use rustix::fs::OFlags;"), 1);
    assert_eq!(
        wrong(
            "src/client/x.rs",
            "use std::os::unix::process::ExitStatusExt as _;"
        ),
        1
    );
    assert_eq!(wrong("src/os/x.rs", "use rustix::fs::OFlags;"), 0);
    let tests = "#[cfg(test)]\nmod tests { use std::os::unix::fs::symlink; }";
    assert_eq!(wrong("src/journal/x.rs", tests), 0);
}

#[test]
fn unsafe_elsewhere_is_found() {
    assert_eq!(
        unsafety(&source("src/client/x.rs", "fn f() { unsafe { g() } }")).len(),
        1
    );
    assert_eq!(
        unsafety(&source("src/client/x.rs", "#![allow(unsafe_code)]")).len(),
        1
    );
    assert_eq!(
        unsafety(&source("src/client/x.rs", "// unsafe\nfn unsafe_like() {}")).len(),
        0
    );
    assert_eq!(
        unsafety(&source("src/alloc.rs", "unsafe impl X for Y {}")).len(),
        0
    );
}

#[test]
fn a_file_that_is_too_long_is_found() {
    assert!(length(&source("src/cli/x.rs", &"\n".repeat(TOO_LONG + 1))).is_some());
    assert!(length(&source("src/cli/x.rs", &"\n".repeat(TOO_LONG))).is_none());
    let tested = format!("#[cfg(test)]\nmod tests {{{}}}", "\n".repeat(TOO_LONG));
    assert!(length(&source("src/cli/x.rs", &tested)).is_none());
}

#[test]
fn test_modules_in_files_of_their_own_are_known() {
    let found = |path: &str, text: &str| test_modules(Path::new(path), text);
    assert_eq!(
        found("src/a/mod.rs", "#[cfg(test)]\nmod tests;"),
        [PathBuf::from("src/a/tests")]
    );
    assert_eq!(
        found("src/a/b.rs", "#[cfg(test)] pub(crate) mod stub;"),
        [PathBuf::from("src/a/b/stub")]
    );
    assert!(found("src/a/b.rs", "mod tests; #[cfg(test)] mod inline { }").is_empty());
}

#[test]
fn a_map_that_lies_is_found() {
    let house = &[room("a", 0, &[]), room("b", 1, &[])];
    assert_eq!(
        wrong_map("//! | 0 | [`a`] | x |\n//! | 1 | [`b`] | y |", house).len(),
        0
    );
    assert_eq!(
        wrong_map("//! | 0 | [`a`] | x |", house).len(),
        1,
        "missing"
    );
    assert_eq!(
        wrong_map("//! | 0 | [`a`] | x |\n//! | 2 | [`b`] | y |", house).len(),
        1,
        "another floor"
    );
    assert_eq!(
        wrong_map(
            "//! | 0 | [`a`] | x |\n//! | 1 | [`b`] | y |\n//! | 1 | [`c`] | z |",
            house
        )
        .len(),
        1,
        "too much"
    );
}

#[test]
fn a_path_that_leads_nowhere_is_found() {
    let lost = |text: &str| lost_paths(text, &|path| path == "src/lib.rs");
    assert_eq!(
        lost("see `src/lib.rs`, and [this](src/gone.rs)."),
        ["src/gone.rs"]
    );
    assert!(lost("write `src/client/NAME.rs` or tests/e2e/*.rs, run tasks/").is_empty());
}
