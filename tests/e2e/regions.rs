//! Regions as a person meets them: in the reports of a run, in its past, and in a run that goes on from it.

use super::suite::Suite;

const TASK: &str = "version: 1
vars: { wanted: R-42 }
start_state: order
final_state: done
max_global_transition_timeout: 1s
states:
  order:
    instructions: [{ eval: 40 + 2, save: { id: res } }]
    next: fulfil
  fulfil:
    regions:
      payment:
        start_state: charge
        final_state: paid
        states:
          charge:
            instructions:
              - eval: '\"R-\" + id'
                save: { receipt: res }
                defer: { log: \"undo ${receipt} of ${id}\" }
            transitions: [{ to: paid, wait: 20ms }]
          paid:
      stock:
        start_state: reserve
        final_state: reserved
        states:
          reserve: { transitions: [{ to: reserved, when: regions.payment.receipt == wanted }] }
          reserved:
    next: check
  check:
    instructions: [{ expect: regions.payment.receipt == 'R-42' }]
    next: done
  done:
";

#[test]
fn what_happens_in_a_region_is_told_with_its_name() {
    let suite = Suite::new().file("t.yaml", TASK);
    suite.run(["run", "t.yaml"]).exits(0);
    suite
        .run(["show", "--state", "fulfil"])
        .exits(0)
        .prints("payment: receipt = \"R-42\"")
        .prints("stock: → reserved")
        .prints("payment: done in paid");
    suite
        .run(["show", "--state", "charge"])
        .exits(0)
        .prints("payment: charge, visit 1");
    suite
        .run([
            "run",
            "t.yaml",
            "--var",
            "wanted=R-41",
            "--report",
            "junit=junit.xml",
        ])
        .exits(1)
        .prints("region stock")
        .prints("state reserve")
        .prints("\"R-42\" ≠ \"R-41\"");
    assert!(suite.text("junit.xml").contains("region stock"));
}

#[test]
fn a_run_goes_on_behind_regions_and_is_simulated_with_them() {
    let suite = Suite::new().file("t.yaml", TASK);
    suite.run(["run", "t.yaml"]).exits(0);
    suite
        .run(["simulate", "t.yaml", "--run", "latest", "--runs", "3"])
        .exits(0);
    // What the regions had saved is there.
    let shown = suite.run(["show", "--format", "json"]).exits(0).stdout;
    let shown: serde_json::Value = serde_json::from_str(shown.lines().next().unwrap()).unwrap();
    let context = format!("latest@{}", shown["events"].as_u64().unwrap() - 5);
    suite
        .run(["run", "t.yaml", "--from", "check", "--context", &context])
        .exits(0);
}
