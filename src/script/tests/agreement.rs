//! One tree means one thing: written and read again it is the same tree, and our evaluator and Rhai alone agree on its
//! value, or on what is wrong with it.

use super::grow::{
    KIT, grown, kind_name, loop_name, piece_name, rows, statement_name, target_name,
};
use super::write::written;
use super::{Desk, Still, on_big_stack, order};
use crate::script::{Engine, EvalError, Module};
use crate::syntax;
use crate::syntax::tree::{Block, Child, Kind, Node, Piece};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

/// Longest list of choices that a tree is grown from.
const CHOICES: usize = 160;

static DESK: LazyLock<(Engine, Arc<Json>)> = LazyLock::new(|| {
    let (engine, errors) = Engine::new(&[Module {
        name: "kit".into(),
        file: "scripts/kit.rhai".into(),
        source: KIT.into(),
    }]);
    assert_eq!(errors, []);
    (engine, Arc::new(order()))
});

/// A desk with variables of each type, a new host and the engine that all share.
fn desk() -> Desk {
    let (engine, res) = &*DESK;
    let desk = Desk {
        engine: engine.clone(),
        scope: crate::script::Scope::new(),
        res: res.clone(),
        host: Arc::new(Still::default()),
    };
    desk.with("n", json!(2))
        .with("flag", json!(true))
        .with("name", json!("a"))
        .with("list", json!([3, 1, 2.5, 1]))
        .with("default", json!(7))
}

/// What a tree is grown from; shown as the text of that tree.
#[derive(Clone)]
struct Choices(Vec<u16>);

impl std::fmt::Debug for Choices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&written(&grown(&self.0), false))
    }
}

fn choices() -> impl Strategy<Value = Choices> {
    prop::collection::vec(any::<u16>(), 1..CHOICES).prop_map(Choices)
}

/// What an evaluation comes to, as far as both ways must agree.
fn outcome(result: Result<Json, EvalError>) -> Result<Json, String> {
    result.map_err(|error| format!("{:?}: {}", error.kind, said(&error.message)))
}

/// A message without the name of what is missing: that depends on how much of the text an error covers.
fn said(message: &str) -> &str {
    message.split_once(": `").map_or(message, |(said, _)| said)
}

proptest! {
    #![proptest_config(super::cases(400))]

    #[test]
    fn what_is_written_is_read_as_the_same_tree(choices in choices()) {
        let tree = grown(&choices.0);
        let source = written(&tree, false);
        let read = syntax::script(&source);
        prop_assert!(read.is_ok(), "{}\n{:?}", source, read);
        prop_assert_eq!(written(&read.unwrap(), true), written(&tree, true), "{}", source);
    }

    #[test]
    fn our_evaluator_agrees_with_rhai(choices in choices()) {
        let tree = grown(&choices.0);
        let source = written(&tree, false);
        on_big_stack(|| {
            let by_rhai = format!("let by_rhai = 0; {}", if matches!(tree.kind, Kind::Block(_)) {
                source.clone()
            } else {
                format!("({source})")
            });
            let (engine, _) = &*DESK;
            match (engine.script(&source), engine.script(&by_rhai)) {
                (Ok(_), Ok(_)) => {}
                // What Rhai refuses first depends on where it begins.
                (Err(_), Err(_)) => return Ok(()),
                (ours, theirs) => prop_assert!(false, "{}\n{:?}\n{:?}", source, ours.err(), theirs.err()),
            }
            let (ours, theirs) = (outcome(desk().eval(&source)), outcome(desk().eval(&by_rhai)));
            prop_assert_eq!(ours, theirs, "{}", source);
            Ok(())
        })?;
    }
}

#[test]
fn every_constructor_is_grown() {
    let mut seen = HashSet::new();
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..3_000 {
        let choices: Vec<u16> = (0..CHOICES).map(|_| random.u16(..)).collect();
        note(&grown(&choices), &mut seen);
    }
    let missed: Vec<&str> = rows().filter(|row| !seen.contains(row)).collect();
    assert_eq!(missed, [] as [&str; 0]);
}

fn note(node: &Node, seen: &mut HashSet<&'static str>) {
    seen.insert(kind_name(&node.kind));
    match &node.kind {
        Kind::Interpolated(pieces) => pieces.iter().for_each(|piece: &Piece| {
            seen.insert(piece_name(piece));
        }),
        Kind::Call(call) => {
            seen.insert(target_name(&call.target));
        }
        Kind::Loop(looped) => {
            seen.insert(loop_name(looped));
        }
        _ => {}
    }
    node.kind.each_child(&mut |child| note_child(child, seen));
}

fn note_child(child: Child<'_>, seen: &mut HashSet<&'static str>) {
    match child {
        Child::Node(node) => note(node, seen),
        Child::Block(block) => note_block(block, seen),
    }
}

fn note_block(block: &Block, seen: &mut HashSet<&'static str>) {
    for statement in &block.statements {
        seen.insert(statement_name(&statement.kind));
        (statement.kind).each_child(&mut |child| note_child(child, seen));
    }
}
