//! URLs with `${…}` in them: what a value holds stays in the part of the URL where it stands.

use super::error::EvalError;
use super::{Expression, Template};
use crate::event::url_encoding::{BEHIND_HOST, FIRST_SEGMENT, UNRESERVED};
use crate::syntax::SyntaxError;
use percent_encoding::utf8_percent_encode;
use std::ops::Range;

/// Schemes whose URLs name a file, so that what follows `//` is no host.
const OF_FILES: [&str; 2] = ["file", "sqlite"];

/// The functions whose value goes into a URL as it is, where they are the outermost call of a `${…}`.
const AS_IT_IS: [&str; 2] = ["raw", "url_encode"];

/// A part of a URL, and what a value may be in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    User,
    Host,
    Port,
    FirstSegment,
    Path,
    Query,
    Fragment,
}

/// A URL that grows from left to right.
#[derive(Default)]
pub(super) struct Url {
    text: String,
    /// The values in its path: where they stand, and where their expressions do.
    in_path: Vec<(Range<usize>, Range<usize>)>,
}

impl Url {
    /// What it has come to.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// Appends what was written, or is taken as if it had been.
    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Appends a value, encoded for where it stands. `behind`: the texts between the values behind it. `at`: its
    /// expression, for errors.
    pub(super) fn push_value(
        &mut self,
        value: &str,
        behind: &[String],
        at: Range<usize>,
    ) -> Result<(), EvalError> {
        let part = part(&self.text, behind);
        let set = match part {
            Part::Host if !is_host(value) || value.is_empty() && self.lacks_host(behind) => {
                return Err(no_part("host", value, at));
            }
            Part::Port if !is_port(value) => return Err(no_part("port", value, at)),
            Part::Host | Part::Port => {
                self.text.push_str(value);
                return Ok(());
            }
            Part::User => UNRESERVED,
            Part::FirstSegment => FIRST_SEGMENT,
            Part::Path | Part::Query | Part::Fragment => BEHIND_HOST,
        };
        let from = self.text.len();
        self.text.extend(utf8_percent_encode(value, set));
        if matches!(part, Part::FirstSegment | Part::Path) {
            self.in_path.push((from..self.text.len(), at));
        }
        Ok(())
    }

    /// Whether nothing stands where the host is due, and nothing follows there.
    fn lacks_host(&self, behind: &[String]) -> bool {
        let ends = match &behind[0] {
            text if text.is_empty() => behind.len() == 1,
            text => text.starts_with([':', '/', '?', '#']),
        };
        ends && self.text.ends_with(['/', '@'])
    }

    /// The whole URL.
    ///
    /// # Errors
    /// A value makes a segment `.` or `..` of its path: whoever sends it would leave out what stands before, and it
    /// can be encoded in no way. To a file they lead.
    pub(super) fn finish(self) -> Result<String, EvalError> {
        if scheme(&self.text).is_some_and(|(scheme, _)| OF_FILES.contains(&scheme)) {
            return Ok(self.text);
        }
        let end = self.text.find(['?', '#']).unwrap_or(self.text.len());
        for (value, at) in self.in_path {
            let from = self.text[..value.start]
                .rfind('/')
                .map_or(0, |slash| slash + 1);
            let to = self.text[value.end..end]
                .find('/')
                .map_or(end, |slash| value.end + slash);
            let mut segments = self.text[from..to].split('/');
            if let Some(dots) = segments.find(|segment| matches!(*segment, "." | "..")) {
                let message = format!("a value makes `{dots}` a segment of this URL's path");
                return Err(EvalError::new(at, message)
                    .hint("it would not be sent: programs take it for a step in the path"));
            }
        }
        Ok(self.text)
    }
}

/// Whether the value of an expression goes into a URL as it is.
pub(super) fn is_taken_as_it_is(expression: &Expression) -> bool {
    let outermost = expression.uses().outermost.as_deref();
    outermost.is_some_and(|name| AS_IT_IS.contains(&name))
}

/// What in a template is doubtful where it is a URL: a query that is one value, in which `&` and `=` would be
/// encoded.
pub(super) fn doubts(template: &Template) -> Vec<SyntaxError> {
    let texts = template.texts();
    let is_alone = |index: usize| {
        let behind = &texts[index + 1];
        let ends = behind.starts_with('#') || behind.is_empty() && index + 2 == texts.len();
        texts[index].ends_with('?') && ends
    };
    template
        .expressions()
        .enumerate()
        .filter(|(index, (_, expression))| is_alone(*index) && !is_taken_as_it_is(expression))
        .map(|(_, (at, expression))| {
            let source = expression.source();
            let at = at..at + source.len();
            let message = "this query is one value, so that each `&` and `=` in it is encoded";
            SyntaxError::new(at, message).hint(format!(
                "write `?${{raw({})}}` if it holds a whole query, or give the value a name: `?name=${{…}}`",
                source.trim()
            ))
        })
        .collect()
}

/// The part of a URL in which something stands. `before`: what stands before it; `behind`: the texts between the
/// values behind it.
fn part(before: &str, behind: &[String]) -> Part {
    if before.contains('#') {
        return Part::Fragment;
    }
    if before.contains('?') {
        return Part::Query;
    }
    let Some((scheme, rest)) = scheme(before) else {
        let is_behind_slash = before.contains('/');
        return if is_behind_slash {
            Part::Path
        } else {
            Part::FirstSegment
        };
    };
    let Some(authority) = rest.strip_prefix("//") else {
        return Part::Path;
    };
    if authority.contains(['/', '\\']) || OF_FILES.contains(&scheme) {
        return Part::Path;
    }
    let host = match authority.rsplit_once('@') {
        Some((_, host)) => host,
        None if ends_user(behind) => return Part::User,
        None => authority,
    };
    // The colons of an IPv6 address stand in brackets.
    let behind_brackets = host.rsplit_once(']').map_or(host, |(_, behind)| behind);
    if behind_brackets.contains(':') && !behind_brackets.starts_with('[') {
        Part::Port
    } else {
        Part::Host
    }
}

/// The scheme of a URL, and what stands behind its `:`.
fn scheme(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once(':')?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    is_scheme.then_some((scheme, rest))
}

/// Whether an `@` follows before the end of the authority.
fn ends_user(behind: &[String]) -> bool {
    let mut ends = behind
        .iter()
        .filter_map(|text| text.find(['@', '/', '?', '#']).map(|at| &text[at..]));
    ends.next().is_some_and(|end| end.starts_with('@'))
}

/// Whether this can be a host or a part of one, with its port or without.
fn is_host(value: &str) -> bool {
    let is_of_host = |c: char| c.is_alphanumeric() || "-._:[]".contains(c);
    value.chars().all(is_of_host)
}

fn is_port(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit())
}

fn no_part(part: &str, value: &str, at: Range<usize>) -> EvalError {
    EvalError::new(at, format!("{value:?} is no {part} of a URL")).hint(
        "what is more than that is taken as it is at the beginning of the URL (`${base}/…`) and in `${raw(…)}`",
    )
}
