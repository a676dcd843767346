//! Every kind of grant against every way to ask for more. The oracle asks the file system, not funcy, where a path leads.

use super::suite::Suite;
use super::{endings, sampled};
use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

/// What a case asks for, and under which grant.
#[derive(Clone, Debug)]
struct Case {
    /// The key of `permissions`, and what it lists; `None`: the key is not written.
    key: &'static str,
    grant: Option<Vec<String>>,
    /// What is asked for.
    wanted: String,
}

/// Folders that a suite may be granted.
const FOLDERS: [&[&str]; 7] = [
    &[],
    &["."],
    &["deep"],
    &["dee"],
    &["../outside"],
    &["/"],
    &["out"],
];

const READ: [&str; 9] = [
    "in.txt",
    "deep/in.txt",
    "deep/../in.txt",
    "../outside/secret.txt",
    "deep/../../outside/secret.txt",
    "link/secret.txt",
    "linked.txt",
    "OUTSIDE/secret.txt",
    "deeper/in.txt",
];

const WRITTEN: [&str; 9] = [
    "new.txt",
    "out/new.txt",
    "outer/new.txt",
    "out/../new.txt",
    "../outside/new.txt",
    "link/new.txt",
    "funcy.yaml",
    "scripts/m.rhai",
    ".funcy/new.txt",
];

/// What no grant of a folder includes by the way.
const DECISIVE: [&str; 3] = ["funcy.yaml", "scripts", ".funcy"];

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |key, wanted: &[&str], grants: &[&[&str]]| {
        for wanted in wanted {
            let written = grants.iter().map(|grant| {
                let texts = grant.iter().map(|text| (*text).to_owned());
                Some(texts.collect::<Vec<_>>())
            });
            for grant in std::iter::once(None).chain(written) {
                let wanted = (*wanted).to_owned();
                cases.push(Case { key, grant, wanted });
            }
        }
    };
    add("read", &READ, &FOLDERS);
    add("write", &WRITTEN, &FOLDERS);
    add(
        "write",
        &WRITTEN[6..],
        &[&["funcy.yaml"], &[".", "scripts"], &[".funcy"]],
    );
    add(
        "net",
        &["127.0.0.1", "localhost"],
        &[
            &[],
            &["127.0.0.1"],
            &["LOCALHOST"],
            &["127.0.0"],
            &["127.0.0.1.example"],
        ],
    );
    add(
        "exec",
        &["echo", "/bin/echo", "./tool", "deep/../tool"],
        &[&[], &["echo"], &["ech"], &["./tool"], &["tool"], &["ECHO"]],
    );
    add(
        "env",
        &["FUNCY_OF_TEST", "HOME"],
        &[&[], &["HOME"], &["HO"], &["FUNCY_OF_TEST"]],
    );
    cases
}

/// The instruction that asks, in a folder whose neighbour is `outside`.
fn instruction(case: &Case, outside: &Path, port: u16) -> String {
    let wanted = case.wanted.replace("OUTSIDE", outside.to_str().unwrap());
    match case.key {
        "read" => format!("file: {{ read: '{wanted}' }}"),
        "write" => format!("file: {{ write: '{wanted}', text: written }}"),
        "net" => format!("http: GET http://{wanted}:{port}/"),
        "exec" => format!("exec: {{ command: ['{wanted}'] }}"),
        _ => format!("eval: env('{wanted}')"),
    }
}

/// Whether the case may have what it asks for.
fn may(case: &Case, folder: &Path, outside: &Path) -> bool {
    let names = |name: &str| {
        let grant = case.grant.iter().flatten();
        grant.into_iter().any(|granted| granted == name)
    };
    match case.key {
        "net" => {
            let grant = case.grant.as_ref();
            grant.is_none_or(|hosts| {
                hosts
                    .iter()
                    .any(|host| host.eq_ignore_ascii_case(&case.wanted))
            })
        }
        "exec" | "env" => names(&case.wanted),
        _ => {
            let path = folder.join(case.wanted.replace("OUTSIDE", outside.to_str().unwrap()));
            // A file that is to be made has the place of its folder.
            let real = path.canonicalize().unwrap_or_else(|_| {
                let parent = path.parent().unwrap();
                real(parent).join(path.file_name().unwrap())
            });
            let default = if case.key == "read" {
                vec![".".to_owned()]
            } else {
                Vec::new()
            };
            let granted: Vec<PathBuf> = (case.grant.as_ref().unwrap_or(&default).iter())
                .map(|grant| real_or_written(&folder.join(grant)))
                .collect();
            let own = DECISIVE
                .iter()
                .map(|own| folder.join(own))
                .find(|own| real.starts_with(own));
            granted.iter().any(|grant| {
                real.starts_with(grant)
                    && (case.key == "read" || own.as_ref().is_none_or(|own| grant.starts_with(own)))
            })
        }
    }
}

/// Where a folder that may not be there yet leads.
fn real(folder: &Path) -> PathBuf {
    folder
        .canonicalize()
        .unwrap_or_else(|_| real(folder.parent().unwrap()).join(folder.file_name().unwrap()))
}

fn real_or_written(folder: &Path) -> PathBuf {
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}

#[test]
fn no_grant_gives_more_than_it_says() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
            let mut stream = stream.unwrap();
            std::io::Read::read(&mut stream, &mut [0; 4096]).unwrap();
            std::io::Write::write_all(&mut stream, answer).unwrap();
        }
    });
    let mut suite = Suite::new().env("FUNCY_OF_TEST", "hunter22");
    let cases = sampled(cases(), 60);
    for (number, case) in cases.iter().enumerate() {
        let own = format!("c{number:03}");
        let folder = format!("{own}/suite");
        let outside = suite
            .path(&own)
            .canonicalize()
            .unwrap_or(suite.path(&own))
            .join("outside");
        let mut file = "version: 1\n".to_owned();
        if let Some(grant) = &case.grant {
            let _ = writeln!(
                file,
                "permissions: {{ {}: {} }}",
                case.key,
                serde_json::json!(grant)
            );
        }
        let task = format!(
            "version: 1\nname: {own}\nstart_state: a\nfinal_state: a\nstates:\n  a:\n    instructions:\n      - {}\n",
            instruction(case, &outside, port)
        );
        suite = suite
            .file(format!("{folder}/t.yaml"), task)
            .file(format!("{folder}/in.txt"), "in")
            .file(format!("{folder}/deep/in.txt"), "in")
            .file(format!("{folder}/deeper/in.txt"), "in")
            .file(format!("{own}/outside/secret.txt"), "hunter22")
            .file(format!("{folder}/scripts/m.rhai"), "fn one() { 1 }\n")
            .file(format!("{folder}/funcy.yaml"), file)
            .folder(&format!("{folder}/out"))
            .folder(&format!("{folder}/outer"))
            .folder(&format!("{folder}/.funcy"))
            .link(&format!("{folder}/link"), "../outside")
            .link(&format!("{folder}/linked.txt"), "../outside/secret.txt")
            .link(&format!("{folder}/tool"), "/bin/true");
    }
    // Before the run: what it writes changes where paths lead.
    let root = suite.path("").canonicalize().unwrap();
    let expected: Vec<bool> = (cases.iter().enumerate())
        .map(|(number, case)| {
            let own = root.join(format!("c{number:03}"));
            may(case, &own.join("suite"), &own.join("outside"))
        })
        .collect();
    let ran = suite.run(["run", ".", "--format", "json", "--jobs", "8"]);
    let endings = endings(&ran.stdout);
    let mut wrong = Vec::new();
    for (number, (case, may)) in cases.iter().zip(&expected).enumerate() {
        let (outcome, failure) = &endings[&format!("c{number:03}")];
        let refused = failure.contains("may not");
        if refused == *may || (*may && outcome != "passed") {
            wrong.push(format!(
                "c{number:03} {case:?}: may: {may}, {outcome} {failure}"
            ));
        }
    }
    let granted = expected.iter().filter(|may| **may).count();
    println!("{granted} of {} cases are granted", cases.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        granted * 10 > cases.len(),
        "hardly anything is granted: {granted}"
    );
}
