//! Drawing of a machine: plain data in, text out, the same bytes for the same data.
//!
//! [`Graph`] knows nothing of tasks; who has one describes it in these words. The formats:
//!
//! - [`Graph::to_ascii`]: an outline for terminals. States stand in the order of the file, each with its
//!   transitions in the order in which they are tried; a rail runs down to the state below, other
//!   transitions name their target.
//! - [`Graph::to_mermaid`]: a `stateDiagram-v2`, which forges and editors show as a picture.
//! - [`Graph::to_dot`]: for Graphviz.
//! - [`Graph::to_json`]: for programs.
//!
//! A name or a guard may hold anything: each format escapes it by its own rules, and line breaks, control
//! characters and invisible marks are written out.

mod dot;
mod json;
mod mermaid;
mod outline;
mod text;

#[cfg(test)]
mod tests;

pub use outline::Glyphs;

use crate::event::Name;
use serde::Serialize;
use std::collections::HashMap;

/// A machine to draw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Graph {
    /// The task, or the region.
    pub name: Name,
    /// The state in which it begins.
    pub start: Name,
    /// Its states, in the order of the file.
    #[serde(rename = "states")]
    pub nodes: Vec<Node>,
    /// Its transitions; those of one state in the order in which they are tried.
    #[serde(rename = "transitions")]
    pub edges: Vec<Edge>,
}

/// One state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Its name, unique in the graph.
    pub id: Name,
    /// What entering it means.
    pub kind: NodeKind,
    /// Short remarks: `2 instructions`, `at most 3 visits`, the message of a failure.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
    /// The machines that run side by side in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<Graph>,
    /// How often it was entered, where that is to be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entered: Option<u64>,
}

/// What entering a state means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// The machine goes on from here.
    Normal,
    /// The task passes.
    Final,
    /// The task fails.
    Fail,
}

/// One transition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Edge {
    /// The state that is left.
    pub from: Name,
    /// The state that is entered; `None`: the task can only fail here.
    pub to: Option<Name>,
    /// When it is taken: strategy and guard, in short. Empty: always.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// What leads to it.
    pub kind: EdgeKind,
    /// How often it was taken, where that is to be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken: Option<u64>,
}

impl Edge {
    /// When it is taken, and how often it was.
    fn words(&self) -> String {
        match times(self.taken) {
            None => self.label.clone(),
            Some(times) if self.label.is_empty() => times,
            Some(times) => format!("{}, {times}", self.label),
        }
    }
}

impl Node {
    /// The remarks, and how often it was entered.
    fn remarks(&self) -> Vec<String> {
        self.details
            .iter()
            .cloned()
            .chain(times(self.entered))
            .collect()
    }
}

fn times(times: Option<u64>) -> Option<String> {
    times.map(|times| match times {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        times => format!("{times} times"),
    })
}

/// What leads to a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeKind {
    /// Its condition.
    Normal,
    /// `on_timeout`.
    Timeout,
    /// `on_error`.
    Error,
}

/// A graph whose names are resolved.
struct Resolved<'g> {
    graph: &'g Graph,
    /// The states that are named only by an edge or as the start, behind those that are defined.
    nodes: Vec<Shown<'g>>,
    start: usize,
    edges: Vec<(usize, Option<usize>, &'g Edge)>,
}

struct Shown<'g> {
    id: &'g str,
    kind: NodeKind,
    details: Vec<String>,
    regions: &'g [Graph],
    is_defined: bool,
}

impl Graph {
    fn resolve(&self) -> Resolved<'_> {
        let mut index: HashMap<&str, usize> = HashMap::new();
        let mut nodes: Vec<Shown> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            index.entry(&node.id).or_insert(nodes.len());
            nodes.push(Shown {
                id: &node.id,
                kind: node.kind,
                details: node.remarks(),
                regions: &node.regions,
                is_defined: true,
            });
        }
        let mut place = |id| {
            *index.entry(id).or_insert_with(|| {
                nodes.push(Shown {
                    id,
                    kind: NodeKind::Normal,
                    details: Vec::new(),
                    regions: &[],
                    is_defined: false,
                });
                nodes.len() - 1
            })
        };
        let start = place(&self.start);
        let edges = self
            .edges
            .iter()
            .map(|edge| (place(&edge.from), edge.to.as_deref().map(&mut place), edge))
            .collect();
        Resolved {
            graph: self,
            nodes,
            start,
            edges,
        }
    }
}
