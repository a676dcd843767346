use super::node::Text;
use crate::event::{Name, Span};

/// Something that is wrong in a definition: where, what, and how to mend it.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A stable word for this kind of mistake, `unknown-key`; for filters and docs.
    pub code: &'static str,
    /// What is wrong, one sentence without a full stop.
    pub message: String,
    /// The file.
    pub file: Name,
    /// The stretch that the carets underline.
    pub span: Span,
    /// What the carets say.
    pub label: String,
    /// Other places that belong to it (the first of two equal keys).
    pub related: Vec<(Span, String)>,
    /// How to mend it.
    pub hint: Option<String>,
}

/// How bad a [`Diagnostic`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing runs.
    Error,
    /// It runs, but is probably not what was meant.
    Warning,
}

impl Diagnostic {
    /// A mistake with which nothing runs.
    pub fn error(code: &'static str, file: &Name, span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            file: Name::clone(file),
            span,
            label: String::new(),
            related: Vec::new(),
            hint: None,
        }
    }

    /// Something that runs, but is probably not what was meant.
    pub fn warning(
        code: &'static str,
        file: &Name,
        span: Span,
        message: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, file, span, message)
        }
    }

    /// Whether nothing runs with it.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Says this beside the carets.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Says how to mend it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says how to mend it, if that is known.
    #[must_use]
    pub fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }

    /// Points at another place that belongs to it.
    #[must_use]
    pub fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related.push((span, label.into()));
        self
    }
}

/// The mistake of a key that holds a template where keys are taken as they are.
#[must_use]
pub fn template_in_key(file: &Name, key: &Text) -> Option<Diagnostic> {
    let at = key.value.find("${")?;
    let end = key.value[at..].find('}');
    let end = end.map_or(key.value.len(), |length| at + length + 1);
    let message = format!(
        "the key `{}` is taken as it is: nothing is filled in here",
        key.value
    );
    let mistake = Diagnostic::error("template-in-key", file, key.span_of(at..end), message);
    Some(mistake.label("a template").hint(
        "keys may hold templates in what is sent: `json`, `form`, `multipart`, `query`, `headers`, `variables`",
    ))
}

/// Sorts by place; of two at one place, the error first.
pub(super) fn sort(diagnostics: &mut [Diagnostic]) {
    diagnostics.sort_by(|a, b| {
        (a.span.start, a.span.end, a.severity).cmp(&(b.span.start, b.span.end, b.severity))
    });
}
