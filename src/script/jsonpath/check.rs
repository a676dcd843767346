//! What RFC 9535 does not allow is refused here, with its place: one pass over the tokens, with a stack of the
//! brackets that are open. The state is what is due next; [`Check::step`] is the whole grammar.

use super::foreign;
use super::functions::{Function, Pattern, Type};
use super::token::{BLANKS, Kind, Token, Tokens, shown};
use crate::event::Json;
use crate::syntax::SyntaxError;
use std::collections::HashMap;
use std::ops::Range;

/// Deepest nesting of brackets and parentheses. The crate's parser tries some alternatives twice a level.
pub(super) const MAX_NESTING: usize = 32;

/// What may stand at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// The `$` that begins it.
    Root,
    /// A segment, or what follows a query.
    Segment,
    /// What follows a dot.
    Member,
    /// What follows two dots.
    Descendant,
    /// A selector within brackets.
    Selector,
    /// `,` or `]`.
    NextSelector,
    /// A colon, or what follows an index.
    NextBound,
    /// A bound, or what follows a colon.
    Bound,
    /// A condition, or the left side of a comparison.
    Operand,
    /// What follows `!`.
    Negated,
    /// The right side of a comparison.
    Value,
    /// An argument of a function.
    Argument,
    /// What follows a literal, a function or a group.
    NextOperand,
}

impl Due {
    pub(super) fn is_name(self) -> bool {
        matches!(self, Self::Member | Self::Descendant)
    }

    pub(super) fn is_integer(self) -> bool {
        matches!(self, Self::Selector | Self::Bound)
    }

    pub(super) fn is_operand(self) -> bool {
        matches!(
            self,
            Self::Operand | Self::Negated | Self::Value | Self::Argument
        )
    }
}

/// The bracket that something stands in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Within {
    /// None.
    Path,
    /// `[…]`
    Selection,
    /// `[?…]`
    Filter,
    /// `(…)`
    Group,
    /// The arguments of a function.
    Call(&'static Function),
}

/// What was read as an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operand {
    Literal,
    /// A query of names and indices only: one value or none.
    Singular,
    /// Any other query.
    Nodes,
    Group,
    Result(Type),
}

/// An open bracket, and what was read within it.
#[derive(Debug)]
pub(super) struct Frame {
    within: Within,
    pub(super) opened: Range<usize>,
    pub(super) operand: Operand,
    /// Where the operand begins.
    pub(super) from: usize,
    negated: bool,
    /// The operand is the right side of a comparison.
    pub(super) compared: bool,
    /// Only one name or index was selected.
    single: bool,
    /// The colons of the slice, the arguments of the function.
    pub(super) count: usize,
}

impl Frame {
    fn new(within: Within, opened: Range<usize>) -> Self {
        Self {
            within,
            from: opened.start,
            opened,
            operand: Operand::Singular,
            negated: false,
            compared: false,
            single: true,
            count: 0,
        }
    }
}

/// A path that is RFC 9535.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// The path for the crate's parser: no blanks, and in the place of each literal its number.
    pub(super) text: String,
    /// The literals of all filters.
    pub(super) literals: Vec<Json>,
    /// The regular expressions among them that `match` and `search` are given.
    pub(super) patterns: HashMap<String, Pattern>,
}

/// Reads a path, or tells what is wrong.
pub(super) fn check(source: &str) -> Result<Checked, SyntaxError> {
    let mut check = Check {
        source,
        frame: Frame::new(Within::Path, 0..0),
        outer: Vec::new(),
        checked: Checked::default(),
    };
    let mut tokens = Tokens::new(source);
    let mut due = Due::Root;
    loop {
        let token = tokens.next(due)?;
        let is_end = matches!(token.kind, Kind::End);
        if is_end && due == Due::Segment && check.outer.is_empty() {
            let end = source.trim_end_matches(BLANKS).len();
            if end < source.len() {
                let message = "no blank may stand behind a JSONPath";
                return Err(SyntaxError::new(end..source.len(), message));
            }
            return Ok(check.checked);
        }
        due = check
            .step(due, &token)?
            .ok_or_else(|| check.unexpected(due, &token))?;
        check.write(&token);
    }
}

pub(super) struct Check<'s> {
    pub(super) source: &'s str,
    pub(super) frame: Frame,
    /// The brackets around it.
    outer: Vec<Frame>,
    pub(super) checked: Checked,
}

impl Check<'_> {
    /// What is due after a token; `None`: it may not stand here.
    fn step(&mut self, due: Due, token: &Token) -> Result<Option<Due>, SyntaxError> {
        let next = match (due, &token.kind) {
            (Due::Root, Kind::Root) | (Due::Member | Due::Descendant, Kind::Name) => Due::Segment,
            (Due::Segment, Kind::Dot) => Due::Member,
            (Due::Segment, Kind::DotDot) => self.many(Due::Descendant),
            (Due::Member | Due::Descendant, Kind::Star) => self.many(Due::Segment),
            (Due::Segment | Due::Descendant, Kind::Open) => self.open(Within::Selection, token)?,

            (Due::Selector, Kind::Quoted) => Due::NextSelector,
            (Due::Selector | Due::Bound, Kind::Integer) => Due::NextBound,
            (Due::Selector, Kind::Star) => self.several(Due::NextSelector),
            (Due::Selector, Kind::Question) => {
                self.frame.within = Within::Filter;
                self.operand(token, Due::Operand)
            }
            (Due::Selector | Due::NextBound | Due::Bound, Kind::Colon) if self.frame.count < 2 => {
                self.frame.count += 1;
                self.several(Due::Bound)
            }
            (Due::NextSelector | Due::NextBound | Due::Bound, Kind::Comma) => {
                self.frame.count = 0;
                self.several(Due::Selector)
            }
            (Due::NextSelector | Due::NextBound | Due::Bound, Kind::Close) => self.close_query(),

            (Due::Operand | Due::Negated, Kind::OpenGroup) => self.open(Within::Group, token)?,
            (Due::Operand, Kind::Not) => {
                self.frame.negated = true;
                Due::Negated
            }
            (Due::Operand | Due::Value | Due::Argument, Kind::Literal(_)) => {
                self.begin(token, Operand::Literal);
                Due::NextOperand
            }
            (_, Kind::Root | Kind::Current) if due.is_operand() => {
                self.begin(token, Operand::Singular);
                Due::Segment
            }
            (_, Kind::Call(function)) if due.is_operand() => {
                self.begin(token, Operand::Result(function.result));
                self.open(Within::Call(function), token)?
            }
            (Due::Argument, Kind::CloseGroup) => match self.frame.within {
                Within::Call(function) => return Err(self.arity(function, token.at.clone())),
                _ => return Ok(None),
            },
            (Due::Segment | Due::NextOperand, _) => return self.step_behind(token),
            _ => return Ok(None),
        };
        Ok(Some(next))
    }

    /// What ends an operand: signs between two of them, and closing brackets.
    fn step_behind(&mut self, token: &Token) -> Result<Option<Due>, SyntaxError> {
        let end = token.at.start;
        let next = match (self.frame.within, &token.kind) {
            (Within::Filter | Within::Group, Kind::Comparison) => {
                if self.frame.compared || self.frame.negated {
                    return Ok(None);
                }
                self.comparable(end)?;
                self.frame.compared = true;
                Due::Value
            }
            (Within::Filter | Within::Group, Kind::Logical) => {
                self.condition(end)?;
                self.operand(token, Due::Operand)
            }
            (Within::Filter, Kind::Comma) => {
                self.condition(end)?;
                self.frame.within = Within::Selection;
                self.several(Due::Selector)
            }
            (Within::Filter, Kind::Close) => {
                self.condition(end)?;
                self.several(());
                self.close_query()
            }
            (Within::Group, Kind::CloseGroup) => {
                self.condition(end)?;
                self.pop();
                self.frame.operand = Operand::Group;
                Due::NextOperand
            }
            (Within::Call(function), Kind::Comma) => {
                self.argument(function, end)?;
                Due::Argument
            }
            (Within::Call(function), Kind::CloseGroup) => {
                self.argument(function, end)?;
                if self.frame.count < function.parameters.len() {
                    return Err(self.arity(function, end..token.at.end));
                }
                self.pop();
                Due::NextOperand
            }
            _ => return Ok(None),
        };
        Ok(Some(next))
    }

    /// The query may find several values.
    fn many(&mut self, next: Due) -> Due {
        self.frame.operand = Operand::Nodes;
        next
    }

    /// The brackets select more than one name or index.
    fn several<T>(&mut self, next: T) -> T {
        self.frame.single = false;
        next
    }

    /// A new operand is due.
    fn operand(&mut self, token: &Token, next: Due) -> Due {
        self.frame.negated = false;
        self.frame.compared = false;
        self.frame.from = token.at.end;
        next
    }

    fn begin(&mut self, token: &Token, operand: Operand) {
        self.frame.operand = operand;
        self.frame.from = token.at.start;
    }

    fn open(&mut self, within: Within, token: &Token) -> Result<Due, SyntaxError> {
        if self.outer.len() == MAX_NESTING {
            let message = format!("brackets are nested more than {MAX_NESTING} deep");
            return Err(SyntaxError::new(token.at.clone(), message)
                .hint("ask in two steps: `jsonpath(jsonpath(value, '…'), '…')`"));
        }
        if matches!(within, Within::Group) {
            self.begin(token, Operand::Group);
        }
        let frame = Frame::new(within, token.at.clone());
        self.outer.push(std::mem::replace(&mut self.frame, frame));
        Ok(match within {
            Within::Selection => Due::Selector,
            Within::Call(_) => Due::Argument,
            _ => Due::Operand,
        })
    }

    fn close_query(&mut self) -> Due {
        let single = self.pop().single;
        if single {
            Due::Segment
        } else {
            self.many(Due::Segment)
        }
    }

    /// Leaves the innermost bracket, which there is: only an open one is ever closed.
    fn pop(&mut self) -> Frame {
        let outer = self.outer.pop();
        let outer = outer.unwrap_or_else(|| Frame::new(Within::Path, 0..0));
        std::mem::replace(&mut self.frame, outer)
    }

    /// Writes a token for the crate's parser.
    fn write(&mut self, token: &Token) {
        let Checked { text, literals, .. } = &mut self.checked;
        if let Kind::Literal(literal) = &token.kind {
            text.push_str(&literals.len().to_string());
            literals.push(literal.clone());
        } else {
            text.push_str(&self.source[token.at.clone()]);
        }
    }

    fn unexpected(&self, due: Due, token: &Token) -> SyntaxError {
        let is_end = matches!(token.kind, Kind::End);
        if is_end && !self.outer.is_empty() {
            let opened = self.frame.opened.clone();
            let message = format!("`{}` is not closed", &self.source[opened.clone()]);
            return SyntaxError::new(opened, message);
        }
        let wanted = self.wanted(due);
        if is_end {
            let at = self.source.len();
            let error = SyntaxError::new(at..at, format!("{wanted} is due at the end"));
            return match foreign::hint("", due, false) {
                Some(hint) => error.hint(hint),
                None => error,
            };
        }
        let piece = shown(&self.source[token.at.clone()]);
        if matches!(token.kind, Kind::Comparison) && self.frame.negated {
            return SyntaxError::new(token.at.clone(), "`!` stands before a comparison")
                .hint("write `!(@.b == 1)`, or `!=`");
        }
        let in_filter = !matches!(self.frame.within, Within::Path);
        let error = SyntaxError::new(
            token.at.clone(),
            format!("{wanted} is due here, not `{piece}`"),
        );
        match foreign::hint(&piece, due, in_filter) {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }

    fn wanted(&self, due: Due) -> &'static str {
        match due {
            Due::Root => "`$`",
            Due::Member => "a name or `*`",
            Due::Descendant => "a name, `*` or `[…]`",
            Due::Selector => "a name in quotes, an index, a slice, `*` or a filter `?…`",
            Due::NextSelector => "`,` or `]`",
            Due::NextBound => "`:`, `,` or `]`",
            Due::Bound => "an integer, `:`, `,` or `]`",
            Due::Operand => "a query (`@.b`, `$.b`), a comparison, a function, `!` or `(…)`",
            Due::Negated => "a query (`@.b`, `$.b`), a function or `(…)`",
            Due::Value => "a literal, a function or a query of names and indices",
            Due::Argument => "a literal, a query or a function",
            Due::Segment if self.outer.is_empty() => "`.name`, `..name`, `[…]` or the end",
            Due::Segment | Due::NextOperand => match self.frame.within {
                Within::Call(_) => "`,` or `)`",
                _ if self.frame.compared => "`&&`, `||` or the closing bracket",
                _ => "a comparison, `&&`, `||` or the closing bracket",
            },
        }
    }
}
