//! Trees out of choices: every constructor of [`tree`](crate::syntax::tree) has its row here.
//!
//! A tree is grown from a list of numbers, each of which decides one thing, so that a list cut short or made smaller is a
//! simpler tree: that is how a failure shrinks. A new constructor does not compile until it has a row.

mod kinds;
mod statements;

use crate::event::Name;
use crate::syntax::tree::{
    Arm, Block, Call, If, Kind, Loop, Node, Piece, Statement, StatementKind, Switch, Target,
};
use crate::syntax::{OPERATORS, Operator};
use std::collections::VecDeque;

/// Deepest tree that is grown.
const DEEPEST: usize = 6;
/// How often a loop that has no other end is gone through.
const ROUNDS: i64 = 3;

/// What a value may be: bits, since much gives more than one.
type Want = u16;
const BOOL: Want = 1;
const NUMBER: Want = 2;
const TEXT: Want = 4;
const LIST: Want = 8;
const MAP: Want = 16;
const NOTHING: Want = 32;
const ANY: Want = 63;

/// Lists the constructors of one `enum`, each with what makes it and what it may give.
macro_rules! constructors {
    ($table:ident, $name:ident, $of:ty { $($pattern:pat => $maker:ident: $gives:expr,)* }) => {
        const $table: &[(&str, Maker<$of>, Want)] = &[$((stringify!($maker), Grower::$maker, $gives),)*];

        /// The row of a value that was made.
        pub(super) fn $name(of: &$of) -> &'static str {
            match of { $($pattern => stringify!($maker),)* }
        }
    };
}

type Maker<T> = fn(&mut Grower, Want) -> T;

constructors!(KINDS, kind_name, Kind {
    Kind::Variable(_) => variable: ANY,
    Kind::Null => null: NOTHING,
    Kind::Bool(_) => boolean: BOOL,
    Kind::Int(_) => integer: NUMBER,
    Kind::Float(_) => float: NUMBER,
    Kind::Text(_) => text: TEXT,
    Kind::Interpolated(_) => interpolated: TEXT,
    Kind::This => this: NOTHING,
    Kind::Member { .. } => member: ANY,
    Kind::Index { .. } => index: ANY,
    Kind::Not(_) => not: BOOL,
    Kind::Negate(_) => negate: NUMBER,
    Kind::Binary(..) => binary: ANY,
    Kind::List(_) => list: LIST,
    Kind::Map(_) => map: MAP,
    Kind::Call(_) => call: ANY,
    Kind::Constant { .. } => constant: NUMBER,
    Kind::If(_) => conditional: ANY,
    Kind::Switch(_) => switch: ANY,
    Kind::Block(_) => braced: ANY,
    Kind::Closure { .. } => closure: NOTHING,
    Kind::Loop(_) => looped: ANY,
});

constructors!(STATEMENTS, statement_name, StatementKind {
    StatementKind::Expression(_) => expression: ANY,
    StatementKind::Let { .. } => declaration: ANY,
    StatementKind::Assign { .. } => assignment: ANY,
    StatementKind::Throw(_) => throw: ANY,
    StatementKind::Return(_) => leave: ANY,
    StatementKind::Break(_) => leave_loop: ANY,
    StatementKind::Continue => go_on: ANY,
    StatementKind::Try { .. } => tried: ANY,
    StatementKind::Function { .. } => function: ANY,
});

constructors!(LOOPS, loop_name, Loop {
    Loop::For { .. } => for_each: ANY,
    Loop::While(..) => while_it_holds: ANY,
    Loop::DoWhile(..) => do_while: ANY,
    Loop::DoUntil(..) => do_until: ANY,
    Loop::Endless(_) => endless: ANY,
});

constructors!(TARGETS, target_name, Target {
    Target::Function => of_nothing: ANY,
    Target::Method(_) => of_value: ANY,
    Target::Module(_) => of_module: ANY,
});

constructors!(PIECES, piece_name, Piece {
    Piece::Text(_) => piece_of_text: ANY,
    Piece::Code(_) => piece_of_code: ANY,
});

/// The names of all rows.
pub(super) fn rows() -> impl Iterator<Item = &'static str> {
    let names = KINDS.iter().map(|row| row.0);
    names
        .chain(STATEMENTS.iter().map(|row| row.0))
        .chain(LOOPS.iter().map(|row| row.0))
        .chain(TARGETS.iter().map(|row| row.0))
        .chain(PIECES.iter().map(|row| row.0))
}

/// Functions with what they take and give, ours and Rhai's; `CLOSURE`: a closure of one item, with what it gives.
const CLOSURE: Want = 64;
const CALLS: &[(&str, &[Want], Want)] = &[
    ("len", &[TEXT | LIST | MAP], NUMBER),
    ("min", &[NUMBER, NUMBER], NUMBER),
    ("max", &[LIST], NUMBER),
    ("sum", &[LIST], NUMBER),
    ("abs", &[NUMBER], NUMBER),
    ("to_float", &[NUMBER], NUMBER),
    ("contains", &[LIST | MAP | TEXT, ANY], BOOL),
    ("starts_with", &[TEXT, TEXT], BOOL),
    ("one_of", &[ANY, LIST], BOOL),
    ("approx", &[NUMBER, NUMBER], BOOL),
    ("is_empty", &[LIST], BOOL),
    ("all", &[LIST, CLOSURE | BOOL], BOOL),
    ("some", &[LIST, CLOSURE | BOOL], BOOL),
    ("filter", &[LIST, CLOSURE | BOOL], LIST),
    ("find", &[LIST, CLOSURE | BOOL], ANY),
    ("map", &[LIST, CLOSURE | ANY], LIST),
    ("sort", &[LIST], LIST),
    ("reverse", &[LIST | TEXT], LIST | TEXT),
    ("keys", &[MAP], LIST),
    ("values", &[MAP], LIST),
    ("trim", &[TEXT], TEXT),
    ("to_upper", &[TEXT], TEXT),
    ("to_json", &[ANY], TEXT),
    ("to_string", &[ANY], TEXT),
    ("split", &[TEXT, TEXT], LIST),
    ("type_of", &[ANY], TEXT),
    ("duration", &[TEXT], ANY),
    ("push", &[LIST, ANY], LIST),
    ("pop", &[LIST], ANY),
    ("remove", &[LIST, NUMBER], ANY),
    ("insert", &[LIST, NUMBER, ANY], LIST),
    ("replace", &[TEXT, TEXT, TEXT], TEXT),
    ("dedup", &[LIST], LIST),
    ("truncate", &[LIST | TEXT, NUMBER], LIST | TEXT),
    ("clear", &[LIST | MAP | TEXT], LIST | MAP | TEXT),
    ("append", &[LIST | TEXT, LIST | TEXT], LIST | TEXT),
    ("mixin", &[MAP, MAP], MAP),
    ("set", &[LIST, NUMBER, ANY], LIST),
    ("pad", &[LIST, NUMBER, ANY], LIST),
    ("chop", &[LIST | TEXT, NUMBER], LIST | TEXT),
    ("crop", &[TEXT, NUMBER, NUMBER], TEXT),
    ("splice", &[LIST, NUMBER, NUMBER, LIST], LIST),
    ("retain", &[LIST, CLOSURE | BOOL], LIST),
    ("drain", &[LIST, CLOSURE | BOOL], LIST),
    ("for_each", &[LIST, CLOSURE | ANY], LIST),
    ("shift", &[LIST], ANY),
    ("sort_desc", &[LIST], LIST),
    ("make_upper", &[TEXT], TEXT),
    ("join", &[LIST, TEXT], TEXT),
    ("capture", &[TEXT, TEXT], MAP),
    ("range", &[NUMBER, NUMBER], LIST),
    ("is_missing", &[ANY], BOOL),
    ("same", &[ANY, ANY], BOOL),
];

/// Modules and functions that the desk has: module, function, what it takes, what it gives.
const MODULES: &[(&str, &str, &[Want], Want)] = &[
    ("kit", "twice", &[NUMBER], NUMBER),
    ("kit", "prices", &[LIST], LIST),
    ("kit", "same_as", &[ANY, ANY], BOOL),
];

/// The source of that module.
pub(super) const KIT: &str = "const RATE = 2;\nfn twice(x) { x * global::RATE }\n\
    fn prices(items) { items.filter(|i| i.price > 0).map(|i| i.price) }\nfn same_as(a, b) { a == b }";

const PATHS: &[(&[&str], Want)] = &[
    (&["body", "total"], NUMBER),
    (&["body", "count"], NUMBER),
    (&["body", "huge"], NUMBER),
    (&["body", "status"], TEXT),
    (&["body", "default"], TEXT),
    (&["body", "paid"], BOOL),
    (&["body", "items"], LIST),
    (&["body", "tags"], LIST),
    (&["body", "case"], MAP),
    (&["headers"], MAP),
    (&["body", "note"], NOTHING),
    (&["body", "nope", "deeper"], NOTHING),
];

const TEXTS: &[&str] = &[
    "a",
    "",
    "shipped",
    "é ☃",
    "it's \"q\"",
    "a\\b",
    "${x}",
    "`",
    "1\n2\t\r",
    "5s",
    "2026-11-24T09:00:00Z",
    "content-type",
];
const INTEGERS: &[i64] = &[1, 0, 2, 3, 7, 64, i64::MAX, i64::MIN, -1];
const FLOATS: &[f64] = &[0.5, 0.0, 9.5, 99.5, 1e300, 1e-9, 9_007_199_254_740_992.0];
/// Names of members, among them words that Rhai keeps for itself.
const MEMBERS: &[&str] = &["a", "b", "price", "sku", "default", "new", "status", "x y"];

#[derive(Clone)]
struct Variable {
    name: Name,
    gives: Want,
    assignable: bool,
}

/// Grows a tree.
pub(super) struct Grower {
    choices: VecDeque<u16>,
    depth: usize,
    variables: Vec<Variable>,
    functions: Vec<(Name, usize)>,
    /// How many loops of its own closure the place lies in.
    loops: usize,
    /// How many closures the place lies in.
    closures: usize,
    in_function: bool,
    /// How many blocks the place lies in, the script itself one of them.
    blocks: usize,
    counters: usize,
}

/// A whole script, of which every second is one expression.
pub(super) fn grown(choices: &[u16]) -> Node {
    let known = |name: &str, gives| Variable {
        name: name.into(),
        gives,
        assignable: false,
    };
    let mut grower = Grower {
        choices: choices.iter().copied().collect(),
        depth: 0,
        variables: vec![
            known("n", NUMBER),
            known("flag", BOOL),
            known("name", TEXT),
            known("list", LIST),
            // A word that Rhai keeps for itself.
            known("default", NUMBER),
            known("never_saved", NOTHING),
        ],
        functions: Vec::new(),
        loops: 0,
        closures: 0,
        in_function: false,
        blocks: 0,
        counters: 0,
    };
    let mut root = if grower.pick(2) == 0 {
        grower.blocks = 1;
        grower.node(ANY)
    } else {
        leaf(Kind::Block(grower.block_of(2, ANY)))
    };
    // A script that is one expression is read as that.
    if let Kind::Block(block) = &mut root.kind
        && block.as_expression().is_some()
    {
        let kind = StatementKind::Expression(leaf(Kind::Null));
        block.statements.push(statement(kind));
    }
    root
}

fn leaf(kind: Kind) -> Node {
    Node::new(kind, 0..0)
}

fn statement(kind: StatementKind) -> Statement {
    Statement { kind, at: 0..0 }
}

fn boxed(kind: Kind) -> Box<Node> {
    Box::new(leaf(kind))
}

impl Grower {
    /// A number below `n`: 0 once the choices are used up.
    fn pick(&mut self, n: usize) -> usize {
        self.choices
            .pop_front()
            .map_or(0, |choice| usize::from(choice) % n)
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.pick(of.len())]
    }

    fn row<T>(&mut self, table: &'static [(&'static str, Maker<T>, Want)], want: Want) -> T {
        let rows: Vec<_> = table.iter().filter(|row| row.2 & want != 0).collect();
        let row = rows[self.pick(rows.len())];
        row.1(self, want)
    }

    fn node(&mut self, want: Want) -> Node {
        // Now and then something else than what is wanted: errors must be the same too.
        let want = if self.pick(24) == 23 { ANY } else { want };
        self.depth += 1;
        let at_end = self.depth > DEEPEST || self.choices.is_empty();
        let kind = if at_end {
            self.end(want)
        } else {
            self.row(KINDS, want)
        };
        self.depth -= 1;
        let mut node = leaf(kind);
        node.bracketed = self.pick(8) == 7;
        node
    }

    fn boxed(&mut self, want: Want) -> Box<Node> {
        Box::new(self.node(want))
    }

    fn nodes(&mut self, most: usize, want: Want) -> Vec<Node> {
        let count = self.pick(most + 1);
        (0..count).map(|_| self.node(want)).collect()
    }

    /// What has nothing below it.
    fn end(&mut self, want: Want) -> Kind {
        let ways: [Maker<Kind>; 6] = [
            Self::boolean,
            Self::integer,
            Self::text,
            Self::variable,
            Self::float,
            Self::null,
        ];
        let gives = [BOOL, NUMBER, TEXT, ANY, NUMBER, NOTHING];
        let ways: Vec<_> = (ways.iter().zip(gives))
            .filter(|(_, gives)| gives & want != 0)
            .collect();
        ways[self.pick(ways.len())].0(self, want)
    }
}

fn block(statements: Vec<Statement>) -> Block {
    Block {
        statements,
        at: 0..0,
    }
}

/// What an operator gives.
fn given_by(operator: Operator) -> Want {
    match operator {
        Operator::Coalesce => ANY,
        Operator::Add => NUMBER | TEXT | LIST | MAP,
        Operator::BitOr | Operator::BitXor | Operator::BitAnd => NUMBER | BOOL,
        Operator::Range | Operator::RangeInclusive => NOTHING,
        operator if operator.is_arithmetic() => NUMBER,
        _ => BOOL,
    }
}

/// As the parser refuses it beside `&&` and `||`.
fn never_bool(kind: &Kind) -> bool {
    match kind {
        Kind::Null
        | Kind::Int(_)
        | Kind::Float(_)
        | Kind::Text(_)
        | Kind::Interpolated(_)
        | Kind::List(_)
        | Kind::Map(_)
        | Kind::Negate(_) => true,
        Kind::Binary(operator, ..) => {
            operator.is_arithmetic()
                && !matches!(
                    operator,
                    Operator::BitAnd | Operator::BitOr | Operator::BitXor
                )
        }
        _ => false,
    }
}
