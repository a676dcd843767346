//! The cases of a task as a person meets them: each is a run of its own, under its name in every report.

use super::suite::Suite;
use serde_json::Value;

/// A task over a table; the case of B-2 fails.
const TASK: &str = "version: 1
name: price
cases: { file: data/prices.csv }
vars: { label: \"${sku} × ${qty}\" }
start_state: here
final_state: here
states:
  here:
    instructions:
      - log: \"${label}\"
      - expect: qty * 10 == total
";

const PRICES: &str = "sku,qty,total\nA-1,2,20\nB-2,3,31\nC-3,1,10\n";

fn suite() -> Suite {
    Suite::new()
        .file("tasks/price.yaml", TASK)
        .file("tasks/data/prices.csv", PRICES)
}

fn task(cases: &str, expect: &str) -> String {
    format!(
        "version: 1\nname: t\n{cases}\nstart_state: here\nfinal_state: here\nstates:\n  here:\n    instructions:\n      - expect: {expect}\n"
    )
}

#[test]
fn each_case_is_a_run_of_its_own_with_its_name_everywhere() {
    let suite = suite();
    suite
        .run(["run", "--list"])
        .exits(0)
        .prints("price[A-1-2-20]  tasks/price.yaml\nprice[B-2-3-31]  tasks/price.yaml\n");
    let ran = suite
        .run([
            "run",
            "--report",
            "junit=out/j.xml",
            "--report",
            "json=out/r.json",
            "--report",
            "html=out/r.html",
            "--report",
            "markdown=out/r.md",
        ])
        .exits(1)
        .prints("✗ price[B-2-3-31] · state here")
        .prints("1 failed")
        .prints("2 passed")
        .prints("again:   funcy run tasks/price.yaml --filter 'price[B-2-3-31]'");
    assert!(ran.stdout.contains("qty * 10"), "{ran}");
    let junit = suite.text("out/j.xml");
    for name in ["price[A-1-2-20]", "price[B-2-3-31]", "price[C-3-1-10]"] {
        assert!(
            junit.contains(&format!("testcase name=\"{name}\"")),
            "{junit}"
        );
    }
    assert!(suite.text("out/r.html").contains("price[B-2-3-31]"));
    assert!(suite.text("out/r.md").contains("price[B-2-3-31]"));
    let document: Value = serde_json::from_str(&suite.text("out/r.json")).unwrap();
    let tasks = document["tasks"].as_array().unwrap();
    let cases: Vec<&Value> = tasks.iter().map(|task| &task["case"]).collect();
    assert_eq!(cases, ["A-1-2-20", "B-2-3-31", "C-3-1-10"]);
    // From the journal the same, and only what has failed is run again.
    suite
        .run(["show", "--task", "price[B*"])
        .exits(0)
        .prints("price[B-2-3-31]");
    suite
        .run(["run", "--failed"])
        .exits(1)
        .says("(1/1)")
        .prints("price[B-2-3-31]");
}

#[test]
fn a_filter_names_a_case_exactly_before_it_is_a_pattern() {
    let cases = "cases:\n  - { name: a*, n: 1 }\n  - { name: ab, n: 2 }\n  - { name: other, n: 3 }";
    let suite = Suite::new()
        .file("tasks/t.yaml", task(cases, "n > 0"))
        .file(
            "tasks/u.yaml",
            task("", "true").replace("name: t", "name: u"),
        );
    let list = |filter: &str| {
        let ran = suite.run(["run", "--list", "--filter", filter]).exits(0);
        let names = ran
            .stdout
            .lines()
            .map(|line| line.split("  ").next().unwrap());
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(list("t[a*]"), ["t[a*]"], "the name of a case");
    assert_eq!(list("t[?b]"), ["t[ab]"]);
    assert_eq!(list("t[*"), ["t[a*]", "t[ab]", "t[other]"]);
    assert_eq!(
        list("t"),
        ["t[a*]", "t[ab]", "t[other]", "u"],
        "u's file ends in `t`: a part matches"
    );
    assert_eq!(list("other"), ["t[other]"]);
    assert_eq!(list("tasks/t.yaml"), ["t[a*]", "t[ab]", "t[other]"]);
}

#[test]
fn a_case_is_weaker_than_a_flag_and_stronger_than_the_task() {
    let cases = "vars: { who: task, text: \"${who}!\" }\ncases: [{ who: case }]";
    let suite = Suite::new().file("tasks/t.yaml", task(cases, "text == wanted"));
    let suite = suite.file(
        "tasks/t.yaml",
        task(cases, "text == wanted").replace("cases:", "params: [wanted]\ncases:"),
    );
    suite
        .run(["run", "--var", "wanted=case!"])
        .exits(0)
        .prints("1 passed");
    suite
        .run(["run", "--var", "wanted=flag!", "--var", "who=flag"])
        .exits(0)
        .prints("1 passed");
}

#[test]
fn a_cell_is_typed_only_where_it_is_exactly_a_number_or_bool() {
    let csv = "name,cell,type\na,01,text\nb,1,integer\nc,1.10,text\nd,true,bool\ne,yes,text\nf,\"x, \"\"y\"\"\",text\n";
    let suite = Suite::new().file("tasks/c.csv", csv).file(
        "tasks/t.yaml",
        task("cases: { file: c.csv }", "type_of(cell) == type"),
    );
    suite.run(["run"]).exits(0).prints("6 passed");
}

#[test]
fn cases_stand_in_json_and_yaml_as_well_and_a_matrix_combines() {
    let json = "[\n\t{ \"name\": \"one\", \"n\": 1.10, \"of\": { \"a\": [1] } },\n\t{ \"name\": \"two\", \"n\": 2, \"of\": { \"a\": [2] } }\n]\n";
    let suite = Suite::new()
        .file("tasks/c.json", json)
        .file(
            "tasks/c.yaml.yml",
            "- { name: one, n: 1, of: { a: [1] } }\n",
        )
        .file(
            "tasks/t.yaml",
            task("cases: { file: c.json }", "n > 0 && of.a[0] > 0"),
        );
    suite
        .run(["run", "tasks/t.yaml"])
        .exits(0)
        .prints("2 passed");
    let suite = Suite::new()
        .file("tasks/_c.yml", "- { n: 1 }\n- { n: 2 }\n")
        .file("tasks/t.yaml", task("cases: { file: _c.yml }", "n > 0"));
    suite
        .run(["run", "--list"])
        .exits(0)
        .prints("t[1]")
        .prints("t[2]");
    let matrix = "cases: { matrix: { region: [eu, us], plan: [free, 2] } }";
    let suite = Suite::new().file("tasks/t.yaml", task(matrix, "region != '' && plan != ''"));
    suite.run(["run", "--list"]).exits(0).prints(
        "t[eu-free]  tasks/t.yaml\nt[eu-2]  tasks/t.yaml\nt[us-free]  tasks/t.yaml\nt[us-2]",
    );
    suite.run(["run"]).exits(0).prints("4 passed");
}

#[test]
fn each_case_has_a_past_of_its_own() {
    let suite = suite();
    suite.run(["run"]).exits(1);
    suite.run(["run", "--filter", "price[B-2-3-31]"]).exits(1);
    suite
        .run(["runs", "stats", "price[B-2-3-31]"])
        .exits(0)
        .prints("price[B-2-3-31]")
        .prints("✗✗");
    suite
        .run(["runs", "stats", "price[A-1-2-20]"])
        .exits(0)
        .prints_no("✗");
}

/// Each case draws chance of its own, and the same again with the same seed.
#[test]
fn cases_do_not_share_their_chance() {
    let text = task("cases: [{ n: 1 }, { n: 2 }]", "n > 0") + "outputs: { id: uuid() }\n";
    let suite = Suite::new().file("tasks/t.yaml", text);
    let ids = || {
        suite
            .run(["run", "--seed", "7", "--report", "json=r.json"])
            .exits(0);
        let document: Value = serde_json::from_str(&suite.text("r.json")).unwrap();
        let tasks = document["tasks"].as_array().unwrap().clone();
        let of = |task: &Value| task["attempts"][0]["outputs"]["id"].clone();
        tasks.iter().map(of).collect::<Vec<_>>()
    };
    let first = ids();
    assert_ne!(first[0], first[1]);
    assert_eq!(first, ids());
}

#[test]
fn retries_are_for_each_case() {
    let cases = "retries: 1\ncases: [{ fails: 1 }, { fails: 0 }, { fails: 9 }]";
    let suite = Suite::new().file("tasks/t.yaml", task(cases, "run.attempt > fails"));
    suite
        .run(["run"])
        .exits(1)
        .prints("t[1]")
        .prints("1 failed")
        .prints("1 flaky")
        .prints("1 passed");
}

#[test]
fn one_case_is_simulated_by_its_name() {
    let suite = suite();
    suite
        .run(["simulate", "tasks/price.yaml"])
        .exits(0)
        .says("of 3 cases this is `A-1-2-20`; `--case NAME` takes another");
    suite
        .run(["simulate", "tasks/price.yaml", "--case", "A-1-2-21"])
        .exits(2)
        .says("did you mean `A-1-2-20`?");
    suite
        .run(["simulate", "tasks/price.yaml", "--case", "A-1-2-20"])
        .exits(0)
        .prints("1 passed");
    suite
        .run(["simulate", "tasks/price.yaml", "--case", "B-2-3-31"])
        .exits(1)
        .prints("--case B-2-3-31");
    suite
        .run(["simulate", "tasks/price.yaml", "--explore"])
        .exits(0);
    // And from what a run has recorded.
    suite.run(["run"]).exits(1);
    suite
        .run([
            "simulate",
            "tasks/price.yaml",
            "--run",
            "latest",
            "--case",
            "C-3-1-10",
        ])
        .exits(0);
}

#[test]
fn a_file_of_cases_that_leads_out_of_the_suite_is_refused() {
    let suite = Suite::new()
        .file("other/c.csv", "n\n1\n")
        .file("tasks/funcy.yaml", "version: 1\n")
        .file("tasks/t.yaml", task("cases: { file: link.csv }", "n > 0"))
        .link("tasks/link.csv", "../other/c.csv");
    suite
        .run(["check"])
        .exits(2)
        .prints("the task may not read")
        .prints("--allow-read=");
    suite.run(["check", "--allow-read", "other"]).exits(0);
}

#[test]
fn a_mistake_in_a_file_of_cases_is_shown_in_that_file() {
    let suite = Suite::new()
        .file("tasks/c.csv", "n,of\n1,a\n2\n3,c,d\n")
        .file(
            "tasks/t.yaml",
            task("cases: { file: c.csv }", "n > 0 && of != ''"),
        );
    suite
        .run(["check"])
        .exits(2)
        .prints("--> tasks/c.csv:3:1")
        .prints("this row has 1 cells, and the first has 2")
        .prints("--> tasks/c.csv:4:1")
        .prints("2 errors");
    let many: String = (0..100_001).map(|number| format!("{number}\n")).collect();
    let suite = suite
        .file("tasks/c.csv", format!("n\n{many}"))
        .file("tasks/t.yaml", task("cases: { file: c.csv }", "n >= 0"));
    suite
        .run(["check"])
        .exits(2)
        .prints("a task has at most 100000 cases");
}

/// What a run of many cases holds does not grow with the text of the task.
#[test]
fn ten_thousand_cases_load_once() {
    let rows: String = (0..10_000)
        .map(|number| format!("{number},text {number}\n"))
        .collect();
    let suite = Suite::new()
        .file("tasks/c.csv", format!("n,text\n{rows}"))
        .file(
            "tasks/t.yaml",
            task("cases: { file: c.csv }", "text == 'text ' + n"),
        );
    let ran = suite.shell(
        "funcy run --journal none > out.txt & pid=$!; peak=0
         while kill -0 $pid 2>/dev/null; do
           now=$(awk '/VmHWM/ {print $2}' /proc/$pid/status 2>/dev/null); [ \"${now:-0}\" -gt $peak ] && peak=$now
         done; wait $pid; echo $? $peak",
    );
    let numbers: Vec<u64> = (ran.stdout.split_whitespace())
        .map(|word| word.parse().unwrap())
        .collect();
    assert_eq!(numbers[0], 0, "{ran}");
    assert!(suite.text("out.txt").contains("10000 passed"));
    println!("PEAK {} KiB", numbers[1]);
    assert!(
        numbers[1] > 0 && numbers[1] < 120 << 10,
        "{} KiB",
        numbers[1]
    );
}
