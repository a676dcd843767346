use super::Decoder;
use crate::definition::keys::INSTRUCTION;
use crate::definition::node::Text;

/// Names that funcy itself puts in scope.
const IN_SCOPE: [&str; 14] = [
    "res", "attempt", "elapsed", "state", "task", "run", "item", "index", "regions", "error",
    "needs", "clients", "services", "env",
];

/// Words that Rhai or funcy's dialect of it keeps for itself.
const KEYWORDS: [&str; 71] = [
    "Fn",
    "and",
    "as",
    "async",
    "await",
    "break",
    "call",
    "case",
    "catch",
    "const",
    "continue",
    "curry",
    "debug",
    "default",
    "do",
    "else",
    "eval",
    "exit",
    "export",
    "false",
    "fn",
    "for",
    "global",
    "go",
    "goto",
    "if",
    "import",
    "in",
    "is",
    "is_def_fn",
    "is_def_var",
    "is_shared",
    "let",
    "loop",
    "match",
    "module",
    "new",
    "nil",
    "not",
    "null",
    "or",
    "package",
    "print",
    "private",
    "protected",
    "public",
    "return",
    "shared",
    "spawn",
    "static",
    "super",
    "switch",
    "sync",
    "thread",
    "this",
    "throw",
    "true",
    "try",
    "type_of",
    "undefined",
    "until",
    "use",
    "var",
    "void",
    "while",
    "with",
    "xor",
    "yield",
    "from",
    "_",
    "__",
];

impl Decoder<'_> {
    /// Whether this can be the name of a variable; if not, that is reported.
    pub(super) fn variable(&mut self, name: &Text) -> bool {
        self.identifier(name, "a variable")
    }

    /// Whether an expression can name this; if not, that is reported.
    pub(super) fn identifier(&mut self, name: &Text, what: &str) -> bool {
        if !self.no_template(name, &format!("the name of {what}")) {
            return false;
        }
        let text = name.as_str();
        let diagnostic = if !is_identifier(text) {
            let suggestion = identifier_like(text);
            let mut diagnostic = self.error(
                "variable-name",
                name.span,
                format!("`{text}` cannot be the name of {what}"),
            );
            if let Some(suggestion) = suggestion {
                diagnostic = diagnostic.hint(format!("write `{suggestion}`"));
            }
            diagnostic.label("letters, digits and `_`, no digit first")
        } else if IN_SCOPE.contains(&text) {
            self.error(
                "reserved-name",
                name.span,
                format!("`{text}` is a name of funcy's own: every expression sees it"),
            )
            .hint(format!("choose another name: `my_{text}`"))
        } else if KEYWORDS.contains(&text) {
            self.error(
                "reserved-name",
                name.span,
                format!("`{text}` is a word of the expression language"),
            )
            .hint(format!(
                "choose another name: `my_{}`",
                text.trim_matches('_')
            ))
        } else {
            return true;
        };
        self.report(diagnostic);
        false
    }

    /// Whether this can name a client or a `listen` entry; if not, that is reported.
    pub(super) fn handle(&mut self, name: &Text, what: &str) -> bool {
        let text = name.as_str();
        if !self.no_template(name, what) {
            return false;
        }
        let first = text.chars().next();
        let diagnostic = if !first.is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            || !text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
        {
            self.error(
                "name",
                name.span,
                format!("{what} is made of letters, digits, `_` and `-`"),
            )
        } else if INSTRUCTION.key(text).is_some() {
            self.error(
                "reserved-name",
                name.span,
                format!(
                    "`{text}` is a key of every instruction, so nothing else can have this name"
                ),
            )
            .hint(format!("choose another name: `my_{text}`"))
        } else {
            return true;
        };
        self.report(diagnostic);
        false
    }

    /// Whether this can name a state; if not, that is reported.
    pub(super) fn state_name(&mut self, name: &Text) -> bool {
        if !self.no_template(name, "the name of a state") {
            return false;
        }
        let text = name.as_str();
        if text.trim().is_empty() || text.contains('\n') || text.chars().count() > 200 {
            let diagnostic = self.error(
                "name",
                name.span,
                "the name of a state is a text on one line, at most 200 characters long",
            );
            self.report(diagnostic);
            return false;
        }
        true
    }
}

/// Whether this is an identifier of the expression language.
fn is_identifier(text: &str) -> bool {
    let rest = text.trim_start_matches('_');
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && (rest.starts_with(|c: char| c.is_ascii_alphabetic()) || matches!(text, "_" | "__"))
}

/// The identifier that a text comes nearest to: `order-id` is `order_id`.
fn identifier_like(text: &str) -> Option<String> {
    let replaced: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    let trimmed = replaced.trim_matches('_');
    let candidate = if trimmed.starts_with(|c: char| c.is_ascii_digit()) {
        format!("n{trimmed}")
    } else {
        trimmed.to_owned()
    };
    (is_identifier(&candidate) && candidate.len() <= 60).then_some(candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers() {
        for good in ["a", "order_id", "_x", "A1"] {
            assert!(is_identifier(good), "{good}");
        }
        for bad in ["", "1a", "_1", "a-b", "a b", "ä", "a.b"] {
            assert!(!is_identifier(bad), "{bad}");
        }
        assert_eq!(identifier_like("order-id").as_deref(), Some("order_id"));
        assert_eq!(identifier_like("2nd").as_deref(), Some("n2nd"));
        assert_eq!(identifier_like("→"), None);
    }

    #[test]
    fn no_word_is_listed_twice() {
        let mut words = KEYWORDS.to_vec();
        words.extend(IN_SCOPE);
        let count = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), count);
    }
}
