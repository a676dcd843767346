use super::text::{visible, visible_name};
use super::{EdgeKind, Graph, NodeKind};
use std::fmt::Write as _;

impl Graph {
    /// For Graphviz. Final states have a double border, failing ones a dashed one; the ways of `on_timeout` are
    /// dashed, those of `on_error` dotted.
    #[must_use]
    pub fn to_dot(&self) -> String {
        let mut drawing = Dot {
            out: format!("digraph \"{}\" {{\n", escape(&visible_name(&self.name))),
        };
        drawing.line(1, format_args!("rankdir=TB"));
        drawing.line(
            1,
            format_args!("node [shape=box, style=rounded, fontname=\"sans-serif\"]"),
        );
        drawing.line(
            1,
            format_args!("edge [fontname=\"sans-serif\", fontsize=10]"),
        );
        drawing.machine(self, "", 1);
        drawing.out.push_str("}\n");
        drawing.out
    }
}

struct Dot {
    out: String,
}

impl Dot {
    fn line(&mut self, depth: usize, statement: std::fmt::Arguments) {
        self.open(depth, format_args!("{statement};"));
    }

    /// A line that is no statement by itself.
    fn open(&mut self, depth: usize, text: std::fmt::Arguments) {
        let indent = depth * 2;
        writeln!(self.out, "{:indent$}{text}", "").expect("a string takes any text");
    }

    /// A machine. `prefix`: what the ids of its states begin with.
    fn machine(&mut self, graph: &Graph, prefix: &str, depth: usize) {
        let resolved = graph.resolve();
        self.line(
            depth,
            format_args!("{prefix}start [shape=point, label=\"\"]"),
        );
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
            let id = format!("{prefix}s{number}");
            self.line(depth, format_args!("{id} [label=\"{label}\"{look}]"));
            for (number, region) in node.regions.iter().enumerate() {
                self.region(region, &id, number, depth);
            }
        }
        self.line(
            depth,
            format_args!("{prefix}start -> {prefix}s{}", resolved.start),
        );
        for (number, (from, to, edge)) in resolved.edges.iter().enumerate() {
            let to = match to {
                Some(to) => format!("{prefix}s{to}"),
                None => format!("{prefix}f{number}"),
            };
            if edge.to.is_none() {
                self.line(
                    depth,
                    format_args!("{to} [shape=plaintext, label=\"fails\"]"),
                );
            }
            let label = escape(&visible(&edge.words()));
            let look = match edge.kind {
                EdgeKind::Normal => "",
                EdgeKind::Timeout => ", style=dashed",
                EdgeKind::Error => ", style=dotted",
            };
            self.line(
                depth,
                format_args!("{prefix}s{from} -> {to} [label=\"{label}\"{look}]"),
            );
        }
    }

    /// A machine inside of a state: a box around it, and a line from the state to its beginning.
    fn region(&mut self, region: &Graph, state: &str, number: usize, depth: usize) {
        let id = format!("{state}r{number}");
        let name = escape(&visible_name(&region.name));
        self.open(depth, format_args!("subgraph cluster_{id} {{"));
        let look = "fontname=\"sans-serif\"; style=rounded";
        self.line(depth + 1, format_args!("label=\"{name}\"; {look}"));
        self.machine(region, &id, depth + 1);
        self.open(depth, format_args!("}}"));
        self.line(
            depth,
            format_args!("{state} -> {id}start [style=dotted, arrowhead=none]"),
        );
    }
}

/// Between quotes, a backslash starts an escape (`\N` is the node's name), and an ampersand an entity.
fn escape(text: &str) -> String {
    text.replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('&', "&amp;")
}
