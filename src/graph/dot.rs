use super::text::{visible, visible_name};
use super::{EdgeKind, Graph, NodeKind};
use std::fmt::Write as _;

impl Graph {
    /// For Graphviz. Final states have a double border, failing ones a dashed one; the ways of `on_timeout` are
    /// dashed, those of `on_error` dotted.
    #[must_use]
    pub fn to_dot(&self) -> String {
        let resolved = self.resolve();
        let mut out = format!("digraph \"{}\" {{\n", escape(&visible_name(&self.name)));
        let mut line = |statement: std::fmt::Arguments| {
            writeln!(out, "  {statement};").expect("a string takes any text");
        };
        line(format_args!("rankdir=TB"));
        line(format_args!(
            "node [shape=box, style=rounded, fontname=\"sans-serif\"]"
        ));
        line(format_args!("edge [fontname=\"sans-serif\", fontsize=10]"));
        line(format_args!("start [shape=point, label=\"\"]"));
        for (number, node) in resolved.nodes.iter().enumerate() {
            let label: Vec<String> = std::iter::once(visible_name(node.id))
                .chain(node.details.iter().map(|detail| visible(detail)))
                .map(|text| escape(&text))
                .collect();
            let label = label.join(r"\n");
            let look = match node.kind {
                NodeKind::Normal => "",
                NodeKind::Final => ", peripheries=2",
                NodeKind::Fail => ", style=\"rounded,dashed\"",
            };
            line(format_args!("s{number} [label=\"{label}\"{look}]"));
        }
        line(format_args!("start -> s{}", resolved.start));
        for (number, (from, to, edge)) in resolved.edges.iter().enumerate() {
            let to = match to {
                Some(to) => format!("s{to}"),
                None => format!("f{number}"),
            };
            if edge.to.is_none() {
                line(format_args!("{to} [shape=plaintext, label=\"fails\"]"));
            }
            let label = escape(&visible(&edge.label));
            let look = match edge.kind {
                EdgeKind::Normal => "",
                EdgeKind::Timeout => ", style=dashed",
                EdgeKind::Error => ", style=dotted",
            };
            line(format_args!("s{from} -> {to} [label=\"{label}\"{look}]"));
        }
        out.push_str("}\n");
        out
    }
}

/// Between quotes, a backslash starts an escape (`\N` is the node's name), and an ampersand an entity.
fn escape(text: &str) -> String {
    text.replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('&', "&amp;")
}
