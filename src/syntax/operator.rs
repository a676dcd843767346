//! Every operator that takes two sides, once: how it is written, how tightly it binds, and by what name
//! Rhai knows the function that has our meaning of it.

/// An operator between two expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `||`
    Or,
    /// `|`
    BitOr,
    /// `^`
    BitXor,
    /// `&&`
    And,
    /// `&`
    BitAnd,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `in`
    In,
    /// `!in`
    NotIn,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `??`
    Coalesce,
    /// `..`
    Range,
    /// `..=`
    RangeInclusive,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
    /// `**`
    Power,
    /// `<<`
    ShiftLeft,
    /// `>>`
    ShiftRight,
}

/// Which of two equal operators in a row is applied first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Associativity {
    /// `a - b - c` is `(a - b) - c`.
    Left,
    /// `a ** b ** c` is `a ** (b ** c)`.
    Right,
}

/// What there is to know of one operator.
#[derive(Debug)]
pub struct Row {
    /// Which.
    pub operator: Operator,
    /// How it is written.
    pub symbol: &'static str,
    /// The word that means the same, where there is one.
    pub word: Option<&'static str>,
    /// The symbol that assigns its result (`+=`), where there is one.
    pub assignment: Option<&'static str>,
    /// How tightly it binds: the larger, the tighter.
    pub precedence: u8,
    /// Which of two in a row is first.
    pub associativity: Associativity,
    /// The function of Rhai with its meaning.
    pub rhai_name: &'static str,
}

use Associativity::{Left, Right};

/// All operators, the loosest first, in the order of [`Operator`].
#[rustfmt::skip]
pub const OPERATORS: [Row; 24] = [
    row(Operator::Or,             "||",  Some("or"),  None,        30,  Left,  "__or"),
    row(Operator::BitOr,          "|",   None,        Some("|="),  30,  Left,  "__bit_or"),
    row(Operator::BitXor,         "^",   None,        Some("^="),  30,  Left,  "__bit_xor"),
    row(Operator::And,            "&&",  Some("and"), None,        60,  Left,  "__and"),
    row(Operator::BitAnd,         "&",   None,        Some("&="),  60,  Left,  "__bit_and"),
    row(Operator::Equal,          "==",  None,        None,        90,  Left,  "__eq"),
    row(Operator::NotEqual,       "!=",  None,        None,        90,  Left,  "__ne"),
    row(Operator::In,             "in",  Some("in"),  None,        110, Left,  "__in"),
    row(Operator::NotIn,          "!in", None,        None,        110, Left,  "__not_in"),
    row(Operator::Less,           "<",   None,        None,        130, Left,  "__lt"),
    row(Operator::LessOrEqual,    "<=",  None,        None,        130, Left,  "__le"),
    row(Operator::Greater,        ">",   None,        None,        130, Left,  "__gt"),
    row(Operator::GreaterOrEqual, ">=",  None,        None,        130, Left,  "__ge"),
    row(Operator::Coalesce,       "??",  None,        None,        135, Left,  "__coalesce"),
    row(Operator::Range,          "..",  None,        None,        140, Left,  "__range"),
    row(Operator::RangeInclusive, "..=", None,        None,        140, Left,  "__range_to"),
    row(Operator::Add,            "+",   None,        Some("+="),  150, Left,  "__add"),
    row(Operator::Subtract,       "-",   None,        Some("-="),  150, Left,  "__sub"),
    row(Operator::Multiply,       "*",   None,        Some("*="),  180, Left,  "__mul"),
    row(Operator::Divide,         "/",   None,        Some("/="),  180, Left,  "__div"),
    row(Operator::Remainder,      "%",   None,        Some("%="),  180, Left,  "__rem"),
    row(Operator::Power,          "**",  None,        Some("**="), 190, Right, "__pow"),
    row(Operator::ShiftLeft,      "<<",  None,        Some("<<="), 210, Left,  "__shl"),
    row(Operator::ShiftRight,     ">>",  None,        Some(">>="), 210, Left,  "__shr"),
];

const fn row(
    operator: Operator,
    symbol: &'static str,
    word: Option<&'static str>,
    assignment: Option<&'static str>,
    precedence: u8,
    associativity: Associativity,
    rhai_name: &'static str,
) -> Row {
    Row {
        operator,
        symbol,
        word,
        assignment,
        precedence,
        associativity,
        rhai_name,
    }
}

impl Operator {
    /// What the table says of it.
    pub fn row(self) -> &'static Row {
        &OPERATORS[self as usize]
    }

    /// How it is written.
    pub fn symbol(self) -> &'static str {
        self.row().symbol
    }

    /// The operator that is written so.
    pub fn of_symbol(symbol: &str) -> Option<Self> {
        find(|row| row.symbol == symbol)
    }

    /// The operator that this word means.
    pub fn of_word(word: &str) -> Option<Self> {
        find(|row| row.word == Some(word))
    }

    /// The operator whose result is assigned by this symbol: `+` for `+=`.
    pub fn of_assignment(symbol: &str) -> Option<Self> {
        find(|row| row.assignment == Some(symbol))
    }

    /// Whether it is `==` or `!=`.
    pub fn is_equality(self) -> bool {
        matches!(self, Self::Equal | Self::NotEqual)
    }

    /// Whether it is `<`, `<=`, `>` or `>=`.
    pub fn is_order(self) -> bool {
        matches!(
            self,
            Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual
        )
    }

    /// Whether it joins conditions: `&&`, `||`.
    pub fn is_logical(self) -> bool {
        matches!(self, Self::And | Self::Or)
    }

    /// Whether it computes something new of its sides: `+`, `&`, `..`.
    pub fn is_arithmetic(self) -> bool {
        !self.is_logical()
            && !self.is_equality()
            && !self.is_order()
            && !matches!(self, Self::In | Self::NotIn | Self::Coalesce)
    }
}

fn find(wanted: impl Fn(&Row) -> bool) -> Option<Operator> {
    OPERATORS
        .iter()
        .find(|row| wanted(row))
        .map(|row| row.operator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operator_stands_at_its_own_place_of_the_table() {
        for row in &OPERATORS {
            assert_eq!(row.operator.row().symbol, row.symbol);
            assert_eq!(Operator::of_symbol(row.symbol), Some(row.operator));
        }
    }

    #[test]
    fn no_two_are_written_or_named_alike() {
        for (index, row) in OPERATORS.iter().enumerate() {
            for other in &OPERATORS[index + 1..] {
                assert_ne!(row.symbol, other.symbol);
                assert_ne!(row.rhai_name, other.rhai_name);
                assert!(row.precedence <= other.precedence, "{}", other.symbol);
            }
        }
    }
}
