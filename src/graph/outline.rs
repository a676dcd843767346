use super::text::{cut_middle, visible, visible_name, wrap};
use super::{EdgeKind, Graph, NodeKind, Resolved, Shown};
use std::iter::repeat_n;
use unicode_width::UnicodeWidthStr;

/// A guard takes at most this many lines.
const MAX_LINES: usize = 4;
/// Below this width there is nothing to see.
const MIN_WIDTH: usize = 24;

/// With which characters an outline is drawn. Names and guards keep theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glyphs {
    /// Boxes and arrows.
    Unicode,
    /// For terminals that have no other.
    Ascii,
}

/// One way to draw a box: corners and sides.
struct Frame {
    top: [char; 3],
    side: char,
    bottom: [char; 3],
}

struct Pens {
    normal: Frame,
    end: Frame,
    /// Where the rail leaves the box.
    leave: char,
    leave_end: char,
    rail: char,
    branch: char,
    elbow: char,
    line: char,
    down: char,
    ahead: char,
    back: char,
    again: char,
    timeout: char,
    error: char,
    passed: char,
    failed: char,
    cut: &'static str,
    dot: &'static str,
}

const UNICODE: Pens = Pens {
    normal: Frame {
        top: ['╭', '─', '╮'],
        side: '│',
        bottom: ['╰', '─', '╯'],
    },
    end: Frame {
        top: ['╔', '═', '╗'],
        side: '║',
        bottom: ['╚', '═', '╝'],
    },
    leave: '┬',
    leave_end: '╤',
    rail: '│',
    branch: '├',
    elbow: '╰',
    line: '─',
    down: '▼',
    ahead: '▶',
    back: '↩',
    again: '↺',
    timeout: '⧖',
    error: '!',
    passed: '✓',
    failed: '✗',
    cut: "…",
    dot: " · ",
};

const ASCII: Pens = Pens {
    normal: Frame {
        top: ['+', '-', '+'],
        side: '|',
        bottom: ['+', '-', '+'],
    },
    end: Frame {
        top: ['+', '=', '+'],
        side: '|',
        bottom: ['+', '=', '+'],
    },
    leave: '+',
    leave_end: '+',
    rail: '|',
    branch: '+',
    elbow: '`',
    line: '-',
    down: 'v',
    ahead: '>',
    back: '<',
    again: '@',
    timeout: 'T',
    error: '!',
    passed: '+',
    failed: 'x',
    cut: "~",
    dot: ", ",
};

impl Graph {
    /// An outline for a terminal of `width` columns (24 or more): a box for each state, and below it its
    /// transitions in the order in which they are tried. `▼` leads to the box below, `▶` further down,
    /// `↩` back up, `↺` to the state itself; `⧖` marks `on_timeout`, `!` marks `on_error`. Names are cut in the
    /// middle, guards are wrapped.
    #[must_use]
    pub fn to_ascii(&self, width: usize, glyphs: Glyphs) -> String {
        let resolved = self.resolve();
        Outline {
            pens: match glyphs {
                Glyphs::Unicode => &UNICODE,
                Glyphs::Ascii => &ASCII,
            },
            width: width.max(MIN_WIDTH),
            resolved: &resolved,
            end: "passes",
            out: String::new(),
        }
        .draw()
    }
}

struct Outline<'g> {
    pens: &'static Pens,
    width: usize,
    resolved: &'g Resolved<'g>,
    /// What a final state means.
    end: &'static str,
    out: String,
}

impl Outline<'_> {
    fn draw(mut self) -> String {
        let Resolved {
            graph,
            nodes,
            edges,
            ..
        } = self.resolved;
        let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        let sizes = [
            count(nodes.len(), "state"),
            count(edges.len(), "transition"),
        ]
        .join(self.pens.dot);
        let name = visible_name(&graph.name);
        let title = [name.as_str(), &sizes].join(self.pens.dot);
        self.line(&cut_middle(&title, self.width, self.pens.cut));
        self.line("");
        self.states();
        self.out
    }

    /// The states with their ways, from the start down.
    fn states(&mut self) {
        let Resolved {
            nodes,
            start,
            edges,
            ..
        } = self.resolved;
        // The start stands on top, wherever it is written.
        let order: Vec<usize> = std::iter::once(*start)
            .chain((0..nodes.len()).filter(|node| node != start))
            .collect();
        let mut row = vec![0; nodes.len()];
        for (place, node) in order.iter().enumerate() {
            row[*node] = place;
        }
        let mut leaving: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
        for (number, (from, ..)) in edges.iter().enumerate() {
            leaving[*from].push(number);
        }
        let mut is_joined = false;
        for (place, node) in order.iter().enumerate() {
            let ways = &leaving[*node];
            let below = order.get(place + 1).copied();
            let joins = below.is_some() && ways.iter().any(|way| edges[*way].1 == below);
            self.state(*node, is_joined, !ways.is_empty());
            for region in nodes[*node].regions {
                self.region(region, !ways.is_empty());
            }
            self.ways(ways, &row, joins);
            if below.is_some() {
                self.line(&if joins {
                    format!("  {}", self.pens.rail)
                } else {
                    String::new()
                });
            }
            is_joined = joins;
        }
    }

    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    /// The box of a state, with its remarks beside it.
    fn state(&mut self, node: usize, is_joined: bool, has_ways: bool) {
        let pens = self.pens;
        let shown = &self.resolved.nodes[node];
        let remarks = self.remarks(node, shown).join(pens.dot);
        let most = if remarks.is_empty() {
            self.width - 4
        } else {
            (self.width - 4) * 3 / 5
        };
        let name = cut_middle(&visible_name(shown.id), most, pens.cut);
        let (frame, leave) = match shown.kind {
            NodeKind::Final => (&pens.end, pens.leave_end),
            NodeKind::Normal | NodeKind::Fail => (&pens.normal, pens.leave),
        };
        let inner = name.width() + 2;
        let border = |[left, line, right]: [char; 3], mark: Option<char>| -> String {
            let rest = repeat_n(line, inner.saturating_sub(2));
            [left, line, mark.unwrap_or(line)]
                .into_iter()
                .chain(rest)
                .chain([right])
                .collect()
        };
        let mut remarks = wrap(&remarks, self.width - inner - 4, 2, pens.cut).into_iter();
        let mut remark = || remarks.next().unwrap_or_default();
        let side = frame.side;
        let lines = [
            border(frame.top, is_joined.then_some(pens.down)),
            format!("{side} {name} {side}  {}", remark()),
            format!(
                "{}  {}",
                border(frame.bottom, has_ways.then_some(leave)),
                remark()
            ),
        ];
        for line in &lines {
            self.line(line);
        }
    }

    /// A machine inside of a state, behind a line of its own.
    fn region(&mut self, region: &Graph, has_ways: bool) {
        let pens = self.pens;
        let rail = if has_ways { pens.rail } else { ' ' };
        let [above, line, _] = pens.normal.top;
        let [below, ..] = pens.normal.bottom;
        let mut inside = Outline {
            pens,
            width: self.width.saturating_sub(6).max(MIN_WIDTH),
            resolved: &region.resolve(),
            end: "done",
            out: String::new(),
        };
        inside.states();
        let room = self.width.saturating_sub(8);
        let name = cut_middle(&visible_name(&region.name), room, pens.cut);
        self.line(&format!("  {rail} {above}{line} {name}"));
        for drawn in inside.out.lines() {
            self.line(&format!("  {rail} {} {drawn}", pens.rail));
        }
        self.line(&format!("  {rail} {below}{line}"));
    }

    fn remarks(&self, node: usize, shown: &Shown) -> Vec<String> {
        let mut remarks = Vec::new();
        if node == self.resolved.start {
            remarks.push("start".to_owned());
        }
        match shown.kind {
            NodeKind::Normal => {}
            NodeKind::Final => remarks.push(format!("{} {}", self.pens.passed, self.end)),
            NodeKind::Fail => remarks.push(format!("{} fails", self.pens.failed)),
        }
        if !shown.is_defined {
            remarks.push("not defined".to_owned());
        }
        remarks.extend(shown.details.iter().map(|detail| visible(detail)));
        remarks
    }

    /// The transitions of a state, along its rail.
    fn ways(&mut self, ways: &[usize], row: &[usize], joins: bool) {
        let pens = self.pens;
        let room = self.width - 6;
        let targets: Vec<String> = ways
            .iter()
            .map(|way| cut_middle(&self.target(*way), room, pens.cut))
            .collect();
        let widest = targets.iter().map(|target| target.width()).max();
        let column = widest.unwrap_or(0).min(room * 2 / 5);
        for (number, (way, target)) in ways.iter().zip(&targets).enumerate() {
            let (from, to, edge) = self.resolved.edges[*way];
            let is_last = number + 1 == ways.len() && !joins;
            let branch = if is_last { pens.elbow } else { pens.branch };
            let line = match edge.kind {
                EdgeKind::Normal => pens.line,
                EdgeKind::Timeout => pens.timeout,
                EdgeKind::Error => pens.error,
            };
            let arrow = match to {
                None => pens.failed,
                Some(to) if to == from => pens.again,
                Some(to) if row[to] < row[from] => pens.back,
                Some(to) if row[to] == row[from] + 1 => pens.down,
                Some(_) => pens.ahead,
            };
            let rail = if is_last { ' ' } else { pens.rail };
            let below = format!("  {rail}   {:column$}  ", "");
            let mut labels = wrap(
                &visible(&edge.words()),
                room - column - 2,
                MAX_LINES,
                pens.cut,
            );
            let head = format!("  {branch}{line}{arrow} {target}");
            if target.width() <= column {
                let pad = " ".repeat(column - target.width() + 2);
                self.line(&format!("{head}{pad}{}", labels.remove(0)));
            } else {
                self.line(&head);
                labels.retain(|label| !label.is_empty());
            }
            for label in labels {
                self.line(&format!("{below}{label}"));
            }
        }
    }

    fn target(&self, way: usize) -> String {
        let Some(to) = self.resolved.edges[way].1 else {
            return "fails".to_owned();
        };
        let shown = &self.resolved.nodes[to];
        let name = visible_name(shown.id);
        match shown.kind {
            NodeKind::Normal => name,
            NodeKind::Final => format!("{} {name}", self.pens.passed),
            NodeKind::Fail => format!("{} {name}", self.pens.failed),
        }
    }
}
