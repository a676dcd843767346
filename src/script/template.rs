use super::{Engine, Expression, SyntaxError};
use crate::event::Name;
use crate::syntax;
use std::sync::Arc;

/// A text with `${…}` in it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Template {
    source: Name,
    parts: Arc<Parts>,
    place: u64,
}

#[derive(Debug)]
struct Parts {
    /// The literal texts, one more than there are expressions.
    texts: Vec<String>,
    /// The expressions, each with the byte at which it begins.
    expressions: Vec<(usize, Expression)>,
    reads: Vec<Name>,
}

impl Template {
    /// The text as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it holds no `${…}`.
    pub fn is_literal(&self) -> bool {
        self.parts.expressions.is_empty()
    }

    /// The text of a template without `${…}`, with `$${` made `${`.
    pub fn literal(&self) -> Option<&str> {
        self.is_literal().then(|| self.parts.texts[0].as_str())
    }

    /// Whether it is one single `${…}`, whose value keeps its type.
    pub fn is_single(&self) -> bool {
        self.parts.expressions.len() == 1 && self.parts.texts.iter().all(String::is_empty)
    }

    /// The expressions in it, each with the byte at which it begins.
    pub fn expressions(&self) -> impl Iterator<Item = (usize, &Expression)> {
        self.parts
            .expressions
            .iter()
            .map(|(at, expression)| (*at, expression))
    }

    /// The variables that it reads, each once.
    pub fn reads(&self) -> &[Name] {
        &self.parts.reads
    }

    /// What in it is probably not meant as it stands, where it is a URL.
    pub fn url_doubts(&self) -> Vec<SyntaxError> {
        super::url::doubts(self)
    }

    /// The same at a place of a task.
    #[must_use]
    pub fn at_place(&self, place: u64) -> Self {
        Self {
            place,
            ..self.clone()
        }
    }

    /// The literal texts, one more than there are expressions.
    pub(super) fn texts(&self) -> &[String] {
        &self.parts.texts
    }

    /// The expressions at this template's place, each with the byte at which it begins.
    pub(super) fn placed(&self) -> impl Iterator<Item = (usize, Expression)> {
        self.expressions()
            .map(|(at, expression)| (at, expression.at_place(self.place)))
    }

    pub(super) fn compile(engine: &Engine, source: &str) -> Result<Self, SyntaxError> {
        let mut texts = vec![String::new()];
        let mut expressions = Vec::new();
        let mut at = 0;
        while let Some(found) = source[at..].find("${") {
            let open = at + found;
            let text = texts
                .last_mut()
                .expect("there is one text more than expressions");
            if source[at..open].ends_with('$') {
                // `$${` is a literal `${`: the first `$` goes.
                text.push_str(&source[at..open]);
                text.push('{');
                at = open + 2;
                continue;
            }
            text.push_str(&source[at..open]);
            let start = open + 2;
            let end = syntax::end_of_hole(source, start)?;
            let expression = engine
                .expression(&source[start..end])
                .map_err(|error| at_hole(error, start, end, &source[start..end]))?;
            expressions.push((start, expression));
            texts.push(String::new());
            at = end + 1;
        }
        if let Some(text) = texts.last_mut() {
            text.push_str(&source[at..]);
        }
        let mut reads: Vec<Name> = Vec::new();
        for name in expressions
            .iter()
            .flat_map(|(_, expression): &(usize, Expression)| expression.reads())
        {
            if !reads.contains(name) {
                reads.push(name.clone());
            }
        }
        Ok(Self {
            source: source.into(),
            parts: Arc::new(Parts {
                texts,
                expressions,
                reads,
            }),
            place: 0,
        })
    }
}

/// An error of an expression at its place in the template; of an empty one, the whole `${}`.
fn at_hole(error: SyntaxError, start: usize, end: usize, hole: &str) -> SyntaxError {
    let error = error.shifted(start);
    if hole.trim().is_empty() {
        SyntaxError {
            at: start - 2..end + 1,
            ..error
        }
    } else if is_of_a_shell(hole) {
        error.hint(format!(
            "a `${{` that is the shell's own is written `$${{`: `$${{{hole}}}`"
        ))
    } else {
        error
    }
}

/// Whether this is what shells do with a variable: `x:-3`, `x%.*`, `x##*/`, `#x`, `!x`.
fn is_of_a_shell(hole: &str) -> bool {
    let name = hole.trim_start_matches(|c: char| c == '_' || c.is_ascii_alphanumeric());
    let is_name = |text: &str| text.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic());
    if name.len() == hole.len() {
        return hole.strip_prefix('#').is_some_and(is_name);
    }
    let ways = [
        ":-", ":=", ":+", ":?", ":", "%", "#", "/", "^^", ",,", "@", "-", "[@]", "[*]",
    ];
    is_name(hole) && ways.iter().any(|way| name.starts_with(way))
}
