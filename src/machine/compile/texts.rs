//! Expressions, assignments and templates.

use super::Compiler;
use super::context::{Context, Reads};
use super::schema::Usage;
use crate::definition::Text;
use crate::definition::model;
use crate::event::Name;
use crate::machine::program::{self, Assignment, Guard, Length};
use crate::script::SyntaxError;

impl<'a> Compiler<'a> {
    /// An expression: `when`, `expect`, `if`.
    pub(super) fn guard(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        text: &Text,
        path: &str,
    ) -> Option<Guard> {
        let compiled = self.project.engine.expression(text.as_str());
        let expression = self
            .compiled(cx, text, compiled)?
            .at_place(chance_place(path));
        self.check_names(cx, reads, text, 0, &expression, Usage::Text);
        let number = self.guards;
        self.guards += 1;
        Some(Guard {
            expression,
            number,
            text: text.clone(),
            place: cx.place(text.span, path),
        })
    }

    pub(super) fn guards(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        texts: &[Text],
        path: &str,
    ) -> Box<[Guard]> {
        let many = texts.len() > 1;
        texts
            .iter()
            .enumerate()
            .filter_map(|(index, text)| {
                let path = if many {
                    format!("{path}[{index}]")
                } else {
                    path.to_owned()
                };
                self.guard(cx, reads, text, &path)
            })
            .collect()
    }

    /// A whole script: `eval`.
    pub(super) fn script(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        text: &Text,
        path: &str,
    ) -> Option<Guard> {
        let compiled = self.project.engine.script(text.as_str());
        let expression = self
            .compiled(cx, text, compiled)?
            .at_place(chance_place(path));
        self.check_names(cx, reads, text, 0, &expression, Usage::Text);
        let number = self.guards;
        self.guards += 1;
        Some(Guard {
            expression,
            number,
            text: text.clone(),
            place: cx.place(text.span, path),
        })
    }

    /// `name: expression or JSONPath`.
    pub(super) fn assignment(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        name: &Text,
        value: &Text,
        path: &str,
    ) -> Option<Assignment> {
        let compiled = self.project.engine.value(value.as_str());
        let source = self
            .compiled(cx, value, compiled)?
            .at_place(chance_place(path));
        match source.script() {
            Some(script) => self.check_names(cx, reads, value, 0, script, Usage::Text),
            None if cx.res.is_absent() => self.no_result(cx, value.span),
            None => {}
        }
        let place = cx.place(value.span, path);
        Some(Assignment {
            name: Name::clone(&name.value),
            source,
            text: value.clone(),
            place,
        })
    }

    pub(super) fn assignments(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        set: &[(Text, Text)],
        path: &str,
    ) -> Vec<Assignment> {
        set.iter()
            .filter_map(|(name, value)| {
                self.assignment(cx, reads, name, value, &format!("{path}.{}", name.as_str()))
            })
            .collect()
    }

    /// A text that may be a template.
    pub(super) fn text(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        text: &Text,
        path: &str,
    ) -> Option<program::Text> {
        self.text_for(cx, reads, text, path, Usage::Text)
    }

    /// A text that may be a template, and how it is used.
    pub(super) fn text_for(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        text: &Text,
        path: &str,
        usage: Usage,
    ) -> Option<program::Text> {
        let compiled = self.project.engine.template(text.as_str());
        let template = self
            .compiled(cx, text, compiled)?
            .at_place(chance_place(path));
        for (offset, expression) in template.expressions() {
            self.check_names(cx, reads, text, offset, expression, usage);
        }
        if usage == Usage::Url {
            for doubt in template.url_doubts() {
                let span = text.span_of(doubt.at);
                self.warning(
                    "doubtful",
                    &cx.file.name,
                    span,
                    doubt.message,
                    "",
                    doubt.hint,
                );
            }
        }
        Some(program::Text {
            template,
            text: text.clone(),
            place: cx.place(text.span, path),
        })
    }

    pub(super) fn length(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        length: &model::Length,
        path: &str,
    ) -> Option<Length> {
        match length {
            model::Length::Literal(literal) => Some(Length::Literal(literal.value)),
            model::Length::Template(text) => self
                .text(cx, reads, text, path)
                .map(Box::new)
                .map(Length::Template),
        }
    }

    fn compiled<T>(
        &mut self,
        cx: Context<'a>,
        text: &Text,
        result: Result<T, SyntaxError>,
    ) -> Option<T> {
        match result {
            Ok(compiled) => Some(compiled),
            Err(error) => {
                self.syntax(cx, text, 0, error);
                None
            }
        }
    }

    fn syntax(&mut self, cx: Context<'a>, text: &Text, offset: usize, error: SyntaxError) {
        let span = text.span_of(error.at.start + offset..error.at.end + offset);
        self.error(
            "expression",
            &cx.file.name,
            span,
            error.message,
            "",
            error.hint,
        );
    }
}

/// The number under which chance is drawn at a place: the same for the same path, whatever else changes in
/// the file.
pub(super) fn chance_place(path: &str) -> u64 {
    let hash = blake3::hash(path.as_bytes());
    u64::from_le_bytes(std::array::from_fn(|at| hash.as_bytes()[at]))
}
