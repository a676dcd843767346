use super::{Edge, Graph, Node};
use serde::Serialize;

#[derive(Serialize)]
struct Document<'g> {
    name: &'g str,
    start: &'g str,
    states: &'g [Node],
    transitions: &'g [Edge],
}

impl Graph {
    /// For programs: `{name, start, states: [{id, kind, details}], transitions: [{from, to, label, kind}]}`, with a
    /// line break at the end. Empty details and labels are left out; `to` is null where the task can only fail.
    #[must_use]
    pub fn to_json(&self) -> String {
        let document = Document {
            name: &self.name,
            start: &self.start,
            states: &self.nodes,
            transitions: &self.edges,
        };
        let mut text = serde_json::to_string_pretty(&document)
            .expect("texts and lists can be written as JSON");
        text.push('\n');
        text
    }
}
