use crate::definition::diagnostic::Diagnostic;
use crate::definition::model::SourceFile;
use crate::definition::source::Lines;
use crate::event::Span;
use saphyr_parser::ScanError;

/// How deep lists and maps may stand inside each other.
pub(super) const MAX_DEPTH: usize = 64;

/// Lists and maps stand too deep inside each other.
pub(super) fn too_deep(file: &SourceFile, span: Span) -> Diagnostic {
    Diagnostic::error(
        "yaml-depth",
        &file.name,
        span,
        format!("lists and maps stand more than {MAX_DEPTH} deep inside each other here"),
    )
    .hint("put deep data into a file of its own, and read it with `file: { read: … }`")
}

/// Where the parser gave up, with what stands there.
struct Spot<'a> {
    file: &'a SourceFile,
    lines: &'a Lines<'a>,
    /// The byte that the parser names.
    at: usize,
}

/// Puts what the parser says into funcy's own words.
pub(super) fn explain(file: &SourceFile, lines: &Lines<'_>, error: &ScanError) -> Diagnostic {
    let spot = Spot {
        file,
        lines,
        at: lines.byte_of_character(error.marker().index()),
    };
    let info = error.info();
    if info.contains("recursion limit") {
        return too_deep(file, spot.here(1));
    }
    if let Some(diagnostic) = spot
        .template_in_braces()
        .or_else(|| spot.comment_in_braces())
    {
        return diagnostic;
    }
    spot.by_message(info)
        .or_else(|| spot.by_line())
        .unwrap_or_else(|| {
            spot.error(spot.here(1), "this is no YAML")
                .label(info.to_owned())
                .hint("check indentation, colons and quotes on this line and the one before")
        })
}

impl Spot<'_> {
    fn error(&self, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error("yaml-syntax", &self.file.name, span, message)
    }

    /// The next characters from the spot on, on its line.
    fn here(&self, characters: usize) -> Span {
        self.at_byte(self.at, characters)
    }

    fn at_byte(&self, at: usize, characters: usize) -> Span {
        let line = &self.lines.text[at..self.lines.line_end(at).max(at)];
        let end = line
            .char_indices()
            .nth(characters)
            .map_or(line.len(), |(offset, _)| offset);
        self.lines.span(at..at + end)
    }

    /// `{path: /paid/${id}}`: inside brackets the `{` of a template begins a map.
    fn template_in_braces(&self) -> Option<Diagnostic> {
        let text = self.lines.text;
        // The parser stands at the bracket, or behind it at what the template holds.
        let line = self.lines.line_start(self.at);
        let dollar = text[line..self.at.min(text.len())]
            .rfind("${")
            .map(|offset| line + offset)
            .or_else(|| {
                (text[..self.at].ends_with('$') && text[self.at..].starts_with('{'))
                    .then(|| self.at - 1)
            })?;
        if self.is_in_quotes(line, dollar) {
            return None;
        }
        let end = text[dollar..]
            .find('}')
            .map_or(self.lines.line_end(dollar), |offset| dollar + offset + 1);
        let end = end.min(self.lines.line_end(dollar));
        Some(
            self.error(
                self.lines.span(dollar..end),
                "inside `{ }` and `[ ]`, YAML reads the `{` of a template as a map",
            )
            .label("this text must be quoted")
            .hint("quote the whole value: \"…${…}…\""),
        )
    }

    /// `{m: #{a: 1}}`: the comment takes the closing bracket with it, and the parser stops lines below.
    fn comment_in_braces(&self) -> Option<Diagnostic> {
        const LINES_BACK: usize = 20;
        let text = self.lines.text;
        let mut end = self.lines.line_end(self.at);
        for _ in 0..LINES_BACK {
            let start = self.lines.line_start(end);
            let line = &text[start..end];
            let hash = [" #{", " #$"].iter().find_map(|cut| line.find(cut));
            if let Some(hash) = hash.map(|offset| start + offset + 1)
                && !self.is_in_quotes(start, hash)
            {
                let opened = text[start..hash].matches(['[', '{']).count();
                let closed = text[start..hash].matches([']', '}']).count();
                if opened > closed {
                    let length = text[hash..end].chars().count();
                    return Some(
                        Diagnostic::error(
                            "comment-in-text",
                            &self.file.name,
                            self.at_byte(hash, length),
                            "YAML cuts the line here: ` #` begins a comment",
                        )
                        .label("this would be lost, the closing bracket too")
                        .hint("quote the whole value"),
                    );
                }
            }
            if start == 0 {
                break;
            }
            end = self.lines.line_end(start - 1);
        }
        None
    }

    /// Whether an odd number of quotes stands between these bytes.
    fn is_in_quotes(&self, from: usize, to: usize) -> bool {
        let mut quote = None;
        for c in self.lines.text[from..to].chars() {
            match quote {
                None if matches!(c, '"' | '\'') => quote = Some(c),
                Some(open) if open == c => quote = None,
                _ => {}
            }
        }
        quote.is_some()
    }

    /// What is clear from the parser's own message.
    fn by_message(&self, info: &str) -> Option<Diagnostic> {
        let first = self.lines.text[self.at..].chars().next();
        if info.contains("quoted scalar")
            && (info.contains("end of stream")
                || info.contains("indentation")
                || info.contains("document indicator"))
        {
            return Some(
                self.error(self.here(1), "this quote is never closed")
                    .label("the text begins here")
                    .hint("close it with the same quote"),
            );
        }
        if info.contains("trailing content after double-quoted") {
            return Some(self.after_quote());
        }
        if info.contains("tab") && !info.contains("table") {
            let line = self.lines.line_start(self.at);
            let tab = self.lines.text[line..]
                .find('\t')
                .map_or(self.at, |offset| line + offset);
            return Some(
                self.error(self.at_byte(tab, 1), "a tab cannot indent a line")
                    .hint("indent with spaces"),
            );
        }
        if info.contains("unknown anchor") {
            let name = self.word(self.at);
            return Some(
                self.error(
                    self.here(name.chars().count()),
                    format!(
                        "YAML reads `{name}` as an alias, and no `&{}` stands before it",
                        name.trim_start_matches('*')
                    ),
                )
                .hint("quote the whole value if it begins with `*`"),
            );
        }
        if info.contains("escape")
            || info.contains("hexadecimal")
            || info.contains("Unicode") && info.contains("quoted")
        {
            return Some(self.bad_escape());
        }
        if info.contains("comment intercepting") {
            return Some(
                self.error(
                    self.here(1),
                    "a comment cuts this text, which goes on in the next line",
                )
                .hint("quote the whole text, or put the comment on a line of its own above it"),
            );
        }
        if info.contains("block scalar") && matches!(first, Some('|' | '>')) {
            return Some(self.must_be_quoted(self.at, first?));
        }
        if info.contains("simple key expect") {
            return self.line_before();
        }
        if info.contains("wrongly indented line in block scalar") {
            return Some(
                self.error(
                    self.here(1),
                    "this line is indented less than the text it belongs to",
                )
                .hint("indent it like the lines around it"),
            );
        }
        if matches!(first, Some('!' | '&' | '*' | '%' | '@' | '`')) {
            return Some(self.must_be_quoted(self.at, first?));
        }
        if info.contains("byte order mark") {
            return Some(
                self.error(self.here(1), "a byte order mark stands inside the file")
                    .hint("remove this invisible character"),
            );
        }
        None
    }

    /// The parser found the next line where a colon was due: the line before is no `key: value`.
    fn line_before(&self) -> Option<Diagnostic> {
        let text = self.lines.text;
        let before = text[..self.lines.line_start(self.at)].trim_end();
        let line = self.lines.line_start(before.len());
        let content = before[line..].trim_start();
        let is_line = !content.is_empty() && !content.starts_with(['#', '-', '[', '{']);
        (is_line && !content.contains(": ") && !content.ends_with(':'))
            .then(|| self.no_colon(before.len() - content.len(), content))
    }

    fn no_colon(&self, at: usize, content: &str) -> Diagnostic {
        self.error(
            self.at_byte(at, content.chars().count()),
            "this line is no `key: value`",
        )
        .hint("a colon and a space stand between key and value; a text over several lines is indented")
    }

    fn after_quote(&self) -> Diagnostic {
        let line = self.lines.line_start(self.at);
        let quote = self.value_start(line).and_then(|at| {
            let c = self.lines.text[at..].chars().next()?;
            matches!(c, '"' | '\'').then_some(c)
        });
        let other = if quote == Some('\'') { '"' } else { '\'' };
        let rest = self.lines.text[self.at..self.lines.line_end(self.at)].trim_end();
        self.error(
            self.here(rest.chars().count().max(1)),
            "YAML ends the text at its closing quote, and something follows",
        )
        .label("behind the closing quote")
        .hint(format!("put the whole value into quotes: {other}…{other}"))
    }

    fn bad_escape(&self) -> Diagnostic {
        // The parser names the opening quote; the escape stands further on.
        let bytes = self.lines.text.as_bytes();
        let mut at = self.at;
        while at + 1 < bytes.len() {
            if bytes[at] == b'\\' {
                let known = b"0abtnvfre \"/\\N_LPxuU\t\r\n".contains(&bytes[at + 1]);
                let hex = |count: usize| {
                    bytes
                        .get(at + 2..at + 2 + count)
                        .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
                };
                let complete = match bytes[at + 1] {
                    b'x' => hex(2),
                    b'u' => hex(4),
                    b'U' => hex(8),
                    _ => true,
                };
                if !known || !complete {
                    break;
                }
                at += 1;
            }
            at += 1;
        }
        if bytes.get(at) != Some(&b'\\') {
            at = self.at;
        }
        self.error(
            self.at_byte(at, 2),
            "this escape means nothing inside double quotes",
        )
        .hint("write `\\\\` for a backslash, or use single quotes")
    }

    fn must_be_quoted(&self, at: usize, first: char) -> Diagnostic {
        self.error(
            self.at_byte(at, 1),
            format!("a value that begins with `{first}` means something else to YAML"),
        )
        .label("begins here")
        .hint("quote the whole value: '…'")
    }

    /// What is clear from the line: a value that should be quoted, or a missing colon.
    fn by_line(&self) -> Option<Diagnostic> {
        let text = self.lines.text;
        if self.at >= text.trim_end().len() {
            return self.unclosed_bracket();
        }
        let line = self.lines.line_start(self.at);
        let end = self.lines.line_end(self.at);
        let start = self.value_start(line);
        if let Some(start) = start {
            let value = &text[start..end];
            let first = value.chars().next()?;
            if matches!(first, '%' | '@' | '`' | '&' | '*' | '|' | '>') {
                return Some(self.must_be_quoted(start, first));
            }
            if matches!(first, '[' | '{') {
                return Some(self.bracket(start, first));
            }
            if !matches!(first, '"' | '\'')
                && let Some(offset) = value
                    .find(": ")
                    .or_else(|| value.strip_suffix(':').map(str::len))
            {
                let colon = start + offset;
                return Some(
                    self.error(
                        self.at_byte(colon, 1),
                        "YAML reads this `: ` as a map inside the value",
                    )
                    .hint("quote the whole value, or put the map on lines of its own"),
                );
            }
        }
        let content = text[line..end].trim();
        let has_colon = content.contains(": ") || content.ends_with(':');
        if !has_colon && !content.starts_with(['-', '[', '{', ']', '}']) {
            let at = line + (text[line..end].len() - text[line..end].trim_start().len());
            return Some(self.no_colon(at, content));
        }
        let at = line + (text[line..end].len() - text[line..end].trim_start().len());
        Some(
            self.error(
                self.at_byte(at, content.chars().count().min(40)),
                "this line does not fit to the indentation of the lines above",
            )
            .hint("keys of one map, and items of one list, begin in the same column"),
        )
    }

    /// A bracket that was opened in this line and what went wrong behind it.
    fn bracket(&self, start: usize, first: char) -> Diagnostic {
        let close = if first == '[' { ']' } else { '}' };
        let end = self.lines.line_end(start);
        if self.at > start && self.lines.text[start..self.at.min(end).max(start)].contains(close) {
            return self
                .error(
                    self.at_byte(start, 1),
                    format!(
                        "a value that begins with `{first}` is a {} to YAML, and something follows its `{close}`",
                        if first == '[' { "list" } else { "map" }
                    ),
                )
                .label("begins here")
                .hint("quote the whole value if it is an expression or a text");
        }
        let before = self.lines.text[..self.at].chars().next_back();
        let here = self.lines.text[self.at..].chars().next();
        if let (Some(before), Some(bracket @ ('[' | '{'))) = (before, here)
            && !before.is_whitespace()
            && !matches!(before, ',' | ':' | '[' | '{')
        {
            return self
                .error(
                    self.here(1),
                    format!("inside `{first}`, YAML ends an unquoted text at `{bracket}`"),
                )
                .label("here")
                .hint(self.quoted_item(start + 1));
        }
        self.error(
            self.here(1),
            format!("this does not fit into the brackets that `{first}` opened"),
        )
        .label("here")
        .hint("a `,` stands between members; quote a text that holds `, [ ] { }`")
    }

    /// How the unquoted text around this place, in brackets that begin before `from`, is quoted.
    fn quoted_item(&self, from: usize) -> String {
        let line = self.lines.line_end(self.at);
        let before = &self.lines.text[from.min(self.at)..self.at];
        let begin = before.rfind([',', '\n']).map_or(0, |comma| comma + 1);
        let mut depth = 0usize;
        let mut end = line;
        for (at, c) in self.lines.text[self.at..line].char_indices() {
            match c {
                '[' | '{' | '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                ']' | '}' | ',' if depth == 0 => {
                    end = self.at + at;
                    break;
                }
                ']' | '}' => depth -= 1,
                _ => {}
            }
        }
        let whole = self.lines.text[self.at - before.len() + begin..end].trim();
        match whole.contains('"') {
            _ if whole.len() > 80 => "quote the whole text".to_owned(),
            false => format!("quote the whole text: \"{whole}\""),
            true if !whole.contains('\'') => format!("quote the whole text: '{whole}'"),
            true => "quote the whole text".to_owned(),
        }
    }

    /// The file ends inside brackets.
    fn unclosed_bracket(&self) -> Option<Diagnostic> {
        let text = self.lines.text;
        let mut open = Vec::new();
        let mut quote = None;
        let mut before = ' ';
        for (at, c) in text.char_indices() {
            match quote {
                Some(q) if q == c => quote = None,
                Some(_) => {}
                None => match c {
                    '"' | '\'' if matches!(before, ' ' | '[' | '{' | ',' | '\n' | ':') => {
                        quote = Some(c);
                    }
                    '[' | '{' => open.push((at, c)),
                    ']' | '}' => {
                        open.pop();
                    }
                    _ => {}
                },
            }
            before = c;
        }
        let (at, c) = open.pop()?;
        Some(
            self.error(self.at_byte(at, 1), format!("this `{c}` is never closed"))
                .hint(format!(
                    "close it with `{}`, or quote the value if it is a text",
                    if c == '[' { ']' } else { '}' }
                )),
        )
    }

    /// Where the value of the line that begins here starts: behind `- ` and `key: `.
    fn value_start(&self, line: usize) -> Option<usize> {
        let end = self.lines.line_end(line);
        let text = &self.lines.text[line..end];
        let mut at = text.len() - text.trim_start().len();
        while text[at..].starts_with("- ") {
            at += 2;
            at += text[at..].len() - text[at..].trim_start().len();
        }
        let rest = &text[at..];
        let is_key = rest
            .find(": ")
            .filter(|colon| {
                rest[..*colon]
                    .chars()
                    .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '$'))
            })
            .map(|colon| colon + 2);
        if let Some(value) = is_key {
            at += value;
            at += text[at..].len() - text[at..].trim_start().len();
        }
        (at < text.len()).then_some(line + at)
    }

    /// The word that begins at this byte.
    fn word(&self, at: usize) -> &str {
        let text = &self.lines.text[at..];
        let length = text
            .find(|c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '{' | '}'))
            .unwrap_or(text.len());
        &text[..text.floor_char_boundary(length.min(60))]
    }
}
