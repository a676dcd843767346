use super::text::{visible, visible_name};
use super::{EdgeKind, Graph, NodeKind};
use std::fmt::Write as _;

impl Graph {
    /// A Mermaid `stateDiagram-v2`. Names and guards stand in it as labels, never as ids, so that they may hold
    /// anything. Mermaid draws all arrows alike: `⧖` marks `on_timeout`, `!` marks `on_error`.
    #[must_use]
    pub fn to_mermaid(&self) -> String {
        let mut drawing = Mermaid {
            out: format!(
                "%% {}\nstateDiagram-v2\n",
                escape(&visible_name(&self.name))
            ),
            failing: Vec::new(),
        };
        drawing.machine(self, "", 1);
        if !drawing.failing.is_empty() {
            let failing = drawing.failing.join(",");
            drawing.line(1, format_args!("classDef fails stroke-dasharray: 4 3"));
            drawing.line(1, format_args!("class {failing} fails"));
        }
        drawing.out
    }
}

struct Mermaid {
    out: String,
    /// What fails, to be drawn in another way.
    failing: Vec<String>,
}

impl Mermaid {
    fn line(&mut self, depth: usize, statement: std::fmt::Arguments) {
        let indent = depth * 4;
        writeln!(self.out, "{:indent$}{statement}", "").expect("a string takes any text");
    }

    /// A machine. `prefix`: what the ids of its states begin with.
    fn machine(&mut self, graph: &Graph, prefix: &str, depth: usize) {
        let resolved = graph.resolve();
        for (number, node) in resolved.nodes.iter().enumerate() {
            let id = format!("{prefix}s{number}");
            let name = escape(&visible_name(node.id));
            self.line(depth, format_args!("state \"{name}\" as {id}"));
            for detail in node.details.iter().map(|detail| visible(detail)) {
                if !detail.is_empty() {
                    self.line(depth, format_args!("{id}: {}", escape(&detail)));
                }
            }
            self.regions(node.regions, &id, depth);
        }
        self.line(depth, format_args!("[*] --> {prefix}s{}", resolved.start));
        for (number, (from, to, edge)) in resolved.edges.iter().enumerate() {
            let to = match to {
                Some(to) => format!("{prefix}s{to}"),
                None => format!("{prefix}f{number}"),
            };
            if edge.to.is_none() {
                self.line(depth, format_args!("state \"fails\" as {to}"));
            }
            let mark = match edge.kind {
                EdgeKind::Normal => "",
                EdgeKind::Timeout => "⧖ ",
                EdgeKind::Error => "! ",
            };
            let label = format!("{mark}{}", escape(&visible(&edge.words())));
            match label.trim() {
                "" => self.line(depth, format_args!("{prefix}s{from} --> {to}")),
                label => self.line(depth, format_args!("{prefix}s{from} --> {to}: {label}")),
            }
        }
        for (number, node) in resolved.nodes.iter().enumerate() {
            match node.kind {
                NodeKind::Normal => {}
                NodeKind::Final => {
                    self.line(depth, format_args!("{prefix}s{number} --> [*]"));
                }
                NodeKind::Fail => self.failing.push(format!("{prefix}s{number}")),
            }
        }
        let watches = resolved.edges.iter().enumerate();
        let fails = watches.filter(|(_, (_, to, _))| to.is_none());
        self.failing
            .extend(fails.map(|(number, _)| format!("{prefix}f{number}")));
    }

    /// The machines side by side in a state.
    fn regions(&mut self, regions: &[Graph], state: &str, depth: usize) {
        if regions.is_empty() {
            return;
        }
        self.line(depth, format_args!("state {state} {{"));
        for (number, region) in regions.iter().enumerate() {
            if number > 0 {
                self.line(depth + 1, format_args!("--"));
            }
            let id = format!("{state}r{number}");
            let name = escape(&visible_name(&region.name));
            self.line(depth + 1, format_args!("state \"{name}\" as {id}"));
            self.line(depth + 1, format_args!("state {id} {{"));
            self.machine(region, &id, depth + 2);
            self.line(depth + 1, format_args!("}}"));
        }
        self.line(depth, format_args!("}}"));
    }
}

/// Mermaid reads labels word by word: punctuation ends them, `%%` and `#` start comments, some words are
/// statements anywhere in a line (`direction LR`), and markup is honoured. All of that is written as entities.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            ' ' if ends_with_ignoring_case(&out, "direction") => out.push_str("#32;"),
            ' ' | '.' | ',' | '(' | ')' | '/' | '=' | '!' | '?' | '+' | '\'' | '-' | '_' | '$' => {
                out.push(character);
            }
            _ if character.is_alphanumeric() => out.push(character),
            _ if !character.is_ascii() && !character.is_whitespace() => out.push(character),
            _ => write!(out, "#{};", character as u32).expect("a string takes any text"),
        }
    }
    out
}

fn ends_with_ignoring_case(text: &str, word: &str) -> bool {
    let start = text.len().checked_sub(word.len());
    start
        .and_then(|start| text.get(start..))
        .is_some_and(|end| end.eq_ignore_ascii_case(word))
}
