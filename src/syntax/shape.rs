use super::lexer::Lexer;

/// What strikes the eye in a text that is meant as an expression, whether it parses or not: what YAML, or somebody
/// who thought of templates, has done to it. Offsets in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// The first `${` outside of texts.
    pub template: Option<usize>,
    /// The first `//` outside of texts.
    pub comment: Option<usize>,
    /// The first bracket without its partner.
    pub unbalanced: Option<(usize, char)>,
}

impl Shape {
    /// Looks over a text. If one of its texts is not closed, nothing is said of its brackets: the parser says it better.
    pub fn of(source: &str) -> Self {
        let mut lexer = Lexer::new(source, 0);
        let mut shape = Self::default();
        let mut open: Vec<(usize, char)> = Vec::new();
        let mut extra = None;
        let mut at_error = None;
        loop {
            let token = match lexer.next() {
                Ok(Some(token)) => token,
                Ok(None) => break,
                Err(error) => {
                    let rest = &source[error.at.start..];
                    shape.comment = lexer.comment;
                    // A text that is not closed, or no way on from here.
                    if rest.starts_with(['"', '\'', '`']) || at_error == Some(error.at.start) {
                        return shape;
                    }
                    at_error = Some(error.at.start);
                    if rest.starts_with("${") {
                        shape.template.get_or_insert(error.at.start);
                    }
                    lexer.skip_to(error.at.end);
                    continue;
                }
            };
            let at = token.at.start;
            // `#{` and `?[` open as their last character does.
            let bracket = source[..token.at.end].chars().next_back().unwrap_or(' ');
            if ["(", "[", "{", "#{", "?["]
                .iter()
                .any(|symbol| token.is(symbol))
            {
                open.push((token.at.end - 1, bracket));
            } else if [")", "]", "}"].iter().any(|symbol| token.is(symbol)) {
                if open
                    .last()
                    .is_some_and(|(_, opened)| partner(*opened) == bracket)
                {
                    open.pop();
                } else {
                    extra.get_or_insert((at, bracket));
                }
            }
        }
        shape.comment = lexer.comment;
        shape.unbalanced = open.first().copied().or(extra);
        shape
    }
}

fn partner(open: char) -> char {
    match open {
        '(' => ')',
        '[' => ']',
        _ => '}',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_hide_what_they_hold() {
        let shape = Shape::of;
        assert_eq!(
            shape("f('(', \"[\", `{`) == \"it's ${x}\""),
            Shape::default()
        );
        assert_eq!(shape("a == 'b\\'('"), Shape::default());
        assert_eq!(shape("url == 'http://x'"), Shape::default());
        assert_eq!(shape("x /* ( */ == 1"), Shape::default());
        assert_eq!(shape("a == 'open ("), Shape::default());
        assert_eq!(shape("`${f('(')} [`"), Shape::default());
    }

    #[test]
    fn brackets_and_comments_are_found() {
        assert_eq!(Shape::of("f(a").unbalanced, Some((1, '(')));
        assert_eq!(Shape::of("a)").unbalanced, Some((1, ')')));
        assert_eq!(Shape::of("(a]").unbalanced, Some((0, '(')));
        assert_eq!(Shape::of("x == #{a: 1").unbalanced, Some((6, '{')));
        assert_eq!(Shape::of("a // b").comment, Some(2));
        assert_eq!(Shape::of("1 + ${x}").template, Some(4));
        // What is no token hides no bracket behind it.
        assert_eq!(Shape::of("5s + f(").unbalanced, Some((6, '(')));
    }
}
