use super::url_encoding::{BEHIND_HOST, FIRST_SEGMENT, UNRESERVED};
use super::{
    ErrorKind, ExecutionStarted, Fact, Failure, FrameOpened, Headline, Json, Location, Name,
    RunStarted, Span,
};
use aho_corasick::{AhoCorasick, MatchKind};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

// What the ways to write a value into a URL replace: they differ in what they leave as it is.

/// `encodeURIComponent` of a browser.
const COMPONENT: &AsciiSet = &UNRESERVED
    .remove(b'!')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*');
/// A form, and the query that a client builds of pairs.
const FORM: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'*')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_');
/// The query of a URL that was written as a text.
const QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>');
/// The same with `http` and `https`.
const SPECIAL_QUERY: &AsciiSet = &QUERY.add(b'\'');
/// What stands behind its `#`.
const FRAGMENT: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`');
/// The path of such a URL.
const PATH: &AsciiSet = &FRAGMENT.add(b'#').add(b'?').add(b'{').add(b'}');
/// What stands before its `@`.
const USERINFO: &AsciiSet = &PATH
    .add(b'/')
    .add(b':')
    .add(b';')
    .add(b'=')
    .add(b'@')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'|');

/// The values that must not be seen: each is replaced, in each of its usual encodings and in any case, before a fact
/// reaches a sink. A value of several lines is hidden as a whole and line by line; where a text was cut (`…`),
/// the part of a secret that is left there is hidden too. What is shorter than 8 characters is hidden only where it
/// stands as a word, with no letter or digit beside it: inside others it would be found by chance.
///
/// Masking is by value, so a script that transforms a secret in a way of its own defeats it.
#[derive(Clone, Debug, Default)]
pub struct Mask {
    anywhere: Needles,
    words: Needles,
}

/// What is looked for, each with what to put there.
#[derive(Clone, Debug, Default)]
struct Needles {
    /// Longest first.
    all: Vec<(String, String)>,
    search: Option<AhoCorasick>,
}

/// The shortest value that can be a secret, in characters: a shorter one would garble everything.
pub const MIN_SECRET: usize = 4;
/// The shortest value that is hidden wherever it stands, in characters.
pub(crate) const ANYWHERE: usize = 8;
/// The shortest part of a secret, in bytes, that is hidden where a text was cut.
const MIN_PART: usize = 4;
/// What stands where a text was cut.
const CUT: char = '…';
/// What is written in place of what cannot be hidden otherwise.
const WITHHELD: &str = "withheld: it cannot be shown without a secret";

impl Mask {
    /// Hides this value under `$NAME` from now on.
    pub fn add(&mut self, name: &str, value: &str) {
        if value.chars().count() < MIN_SECRET {
            return;
        }
        let mut forms = in_any_case(value);
        // A stream brings the lines of a key one by one, and a summary joins them with spaces.
        forms.push(value.split_whitespace().collect::<Vec<_>>().join(" "));
        if value.contains(['\n', '\r']) {
            let lines = value.lines().map(str::trim);
            forms.extend(
                lines
                    .filter(|line| line.chars().count() >= ANYWHERE)
                    .flat_map(in_any_case),
            );
        }
        let shown = format!("${name}");
        let (words, anywhere): (Vec<String>, Vec<String>) = forms
            .into_iter()
            .filter(|form| form.chars().count() >= MIN_SECRET)
            .partition(|form| form.chars().count() < ANYWHERE);
        self.anywhere.add(anywhere, &shown);
        self.words.add(words, &shown);
    }

    /// Whether nothing is hidden.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.anywhere.all.is_empty() && self.words.all.is_empty()
    }

    /// The text with every secret replaced.
    #[must_use]
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let text = self.anywhere.replaced(Cow::Borrowed(text), |_, _| true);
        let text = self.words.replaced(text, is_word);
        if text.contains(CUT) {
            self.cut_ends(text)
        } else {
            text
        }
    }

    /// A command for a shell with every secret replaced by a variable that the shell fills in, also where the secret
    /// stood between single quotes, which it fills in nothing of.
    #[must_use]
    pub fn command(&self, command: &str) -> String {
        let as_variable = |before: &str, shown: &str| {
            if is_quoted(before) {
                format!("'\"{shown}\"'")
            } else {
                format!("\"{shown}\"")
            }
        };
        let text = self
            .anywhere
            .replaced_by(Cow::Borrowed(command), |_, _| true, as_variable);
        let text = self.words.replaced_by(text, is_word, as_variable);
        if text.contains(CUT) {
            self.cut_ends(text).into_owned()
        } else {
            text.into_owned()
        }
    }

    /// Hides what a cut has left of a secret, on both sides of it.
    fn cut_ends<'t>(&self, text: Cow<'t, str>) -> Cow<'t, str> {
        let mut out = String::with_capacity(text.len());
        let mut changed = false;
        let mut pieces = text.split(CUT).enumerate().peekable();
        while let Some((index, mut piece)) = pieces.next() {
            if index > 0 {
                out.push(CUT);
                // What was left out of a long output stands on a line of its own.
                if let Some((note, rest)) = piece.split_once('\n')
                    && let Some(left) = self.begins_with_an_end(rest)
                {
                    changed = true;
                    out.push_str(note);
                    out.push('\n');
                    out.push_str(left.0);
                    piece = left.1;
                } else if let Some(left) = self.begins_with_an_end(piece) {
                    changed = true;
                    out.push_str(left.0);
                    piece = left.1;
                }
            }
            let line = piece.strip_suffix('\n').unwrap_or(piece);
            if pieces.peek().is_some()
                && let Some((before, shown)) = self.ends_with_a_beginning(line)
            {
                changed = true;
                out.push_str(before);
                out.push_str(shown);
                out.push_str(&piece[line.len()..]);
            } else {
                out.push_str(piece);
            }
        }
        if changed { Cow::Owned(out) } else { text }
    }

    /// If a text ends with the beginning of a secret: what stands before it, and what is shown for it.
    fn ends_with_a_beginning<'t>(&self, text: &'t str) -> Option<(&'t str, &str)> {
        let last = *text.as_bytes().last()?;
        self.anywhere.all.iter().find_map(|(needle, shown)| {
            let most = needle.len().min(text.len() + 1);
            let length = (MIN_PART..most).rev().find(|length| {
                needle.as_bytes()[length - 1].eq_ignore_ascii_case(&last)
                    && needle.is_char_boundary(*length)
                    && text
                        .get(text.len() - length..)
                        .is_some_and(|end| end.eq_ignore_ascii_case(&needle[..*length]))
            })?;
            Some((&text[..text.len() - length], &**shown))
        })
    }

    /// If a text begins with the end of a secret: what is shown for it, and what stands behind it.
    fn begins_with_an_end<'t>(&self, text: &'t str) -> Option<(&str, &'t str)> {
        let first = *text.as_bytes().first()?;
        self.anywhere.all.iter().find_map(|(needle, shown)| {
            let most = needle.len().min(text.len() + 1);
            let length = (MIN_PART..most).rev().find(|length| {
                let at = needle.len() - length;
                needle.as_bytes()[at].eq_ignore_ascii_case(&first)
                    && needle.is_char_boundary(at)
                    && text
                        .get(..*length)
                        .is_some_and(|start| start.eq_ignore_ascii_case(&needle[at..]))
            })?;
            Some((&**shown, &text[length..]))
        })
    }

    /// Replaces every secret in the texts and names of this value.
    pub fn json(&self, value: &mut Json) {
        match value {
            Json::String(text) => {
                if let Cow::Owned(masked) = self.text(text) {
                    *text = masked;
                }
            }
            Json::Array(items) => items.iter_mut().for_each(|item| self.json(item)),
            Json::Object(members) => {
                for (key, member) in members.iter_mut() {
                    match member {
                        Json::String(command) if key == COMMAND => *command = self.command(command),
                        other => self.json(other),
                    }
                }
                if members
                    .keys()
                    .any(|key| matches!(self.text(key), Cow::Owned(_)))
                {
                    *members = std::mem::take(members)
                        .into_iter()
                        .map(|(key, member)| (self.text(&key).into_owned(), member))
                        .collect();
                }
            }
            Json::Number(number) => {
                let number = number.to_string();
                let mut needles = self.anywhere.all.iter().chain(&self.words.all);
                if let Some((_, shown)) = needles.find(|(one, _)| *one == number) {
                    *value = Json::String(shown.clone());
                }
            }
            Json::Null | Json::Bool(_) => {}
        }
    }

    /// The fact with every secret replaced. A secret that is one of the words that facts are written with
    /// would break it: such a fact only says how things stand, and that the rest was withheld.
    #[must_use]
    pub fn fact(&self, fact: Fact) -> Fact {
        let masked = serde_json::to_value(&fact).and_then(|mut json| {
            self.json(&mut json);
            serde_json::from_value(json)
        });
        masked.unwrap_or_else(|_| self.withheld(fact))
    }

    fn withheld(&self, fact: Fact) -> Fact {
        let name = |name: &Name| Name::from(&*self.text(name));
        match fact {
            Fact::RunStarted(started) => Fact::RunStarted(Box::new(RunStarted {
                version: started.version,
                command: vec![WITHHELD.to_owned()],
                seed: started.seed,
                tasks: started.tasks,
                jobs: started.jobs,
                ..RunStarted::default()
            })),
            Fact::ExecutionStarted(started) => Fact::ExecutionStarted(Box::new(ExecutionStarted {
                task: name(&started.task),
                file: name(&started.file),
                case: started.case.as_ref().map(name),
                index: started.index,
                attempt: started.attempt,
                attempts: started.attempts,
                hash: started.hash,
                skip: started.skip.map(|_| WITHHELD.to_owned()),
                xfail: started.xfail.map(|_| WITHHELD.into()),
                states: started.states.iter().map(name).collect(),
                ..ExecutionStarted::default()
            })),
            Fact::ExecutionFinished {
                outcome,
                headline,
                state,
                mut metrics,
                ..
            } => {
                for one in &mut metrics.states {
                    one.state = name(&one.state);
                }
                let kind = headline.map(|headline| headline.failure.kind);
                Fact::ExecutionFinished {
                    outcome,
                    headline: kind.map(withheld_headline),
                    state: state.as_ref().map(name),
                    outputs: Json::Null,
                    metrics,
                }
            }
            Fact::FrameOpened(opened) => Fact::FrameOpened(Box::new(FrameOpened {
                name: name(&opened.name),
                states: opened.states.iter().map(name).collect(),
                ..*opened
            })),
            Fact::FrameClosed { end, state } => Fact::FrameClosed {
                end,
                state: state.as_ref().map(name),
            },
            // Nothing but numbers and words of our own.
            fact
            @ (Fact::EngineBusy { .. } | Fact::RunFinished { .. } | Fact::RunSealed { .. }) => fact,
            Fact::StateEntered { .. }
            | Fact::InstructionStarted { .. }
            | Fact::InstructionFinished { .. }
            | Fact::InstructionSkipped { .. }
            | Fact::ExpectationChecked { .. }
            | Fact::VariableSaved { .. }
            | Fact::SubscriptionOpened { .. }
            | Fact::SubscriptionChanged { .. }
            | Fact::MessageReceived { .. }
            | Fact::PollAnswered { .. }
            | Fact::ConditionChecked { .. }
            | Fact::WaitStarted { .. }
            | Fact::TransitionTaken { .. }
            | Fact::Stayed { .. }
            | Fact::TimedOut { .. }
            | Fact::Deferred { .. }
            | Fact::CleanupStarted { .. }
            | Fact::CleanupSkipped { .. }
            | Fact::CleanupFinished { .. }
            | Fact::NeverKnown(_)
            | Fact::Log { .. }
            | Fact::SignalSent { .. } => Fact::Log {
                place: Arc::new(Location {
                    file: Name::default(),
                    path: Name::default(),
                    span: Span::default(),
                }),
                text: WITHHELD.to_owned(),
            },
        }
    }
}

fn withheld_headline(kind: ErrorKind) -> Box<Headline> {
    Box::new(Headline::of(Failure::new(kind, WITHHELD)))
}

impl Needles {
    fn add(&mut self, forms: Vec<String>, shown: &str) {
        let before = self.all.len();
        for form in forms {
            if !self.all.iter().any(|(needle, _)| *needle == form) {
                self.all.push((form, shown.to_owned()));
            }
        }
        if self.all.len() == before {
            return;
        }
        self.all
            .sort_by_key(|(needle, _)| std::cmp::Reverse(needle.len()));
        let patterns = self.all.iter().map(|(needle, _)| needle);
        // It is too large only beyond billions of characters of secrets; then all is searched one by one.
        self.search = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .ascii_case_insensitive(true)
            .build(patterns)
            .ok();
    }

    /// The text with each of them replaced that is meant where it stands.
    fn replaced<'t>(
        &self,
        text: Cow<'t, str>,
        is_meant: impl Fn(&str, Range<usize>) -> bool,
    ) -> Cow<'t, str> {
        self.replaced_by(text, is_meant, |_, shown| shown.to_owned())
    }

    /// The same, where what is put there depends on what stands before it.
    fn replaced_by<'t>(
        &self,
        text: Cow<'t, str>,
        is_meant: impl Fn(&str, Range<usize>) -> bool,
        put: impl Fn(&str, &str) -> String,
    ) -> Cow<'t, str> {
        let Some(search) = &self.search else {
            return text;
        };
        let mut out = String::new();
        let mut done = 0;
        for found in search.find_iter(&*text) {
            if is_meant(&text, found.range()) {
                out.push_str(&text[done..found.start()]);
                let shown = &self.all[found.pattern().as_usize()].1;
                out.push_str(&put(&text[..found.start()], shown));
                done = found.end();
            }
        }
        if done == 0 {
            return text;
        }
        out.push_str(&text[done..]);
        Cow::Owned(out)
    }
}

/// The member of answers and failures that is a command for a shell.
const COMMAND: &str = "again";

/// Whether a shell is between single quotes behind this.
fn is_quoted(before: &str) -> bool {
    let mut quoted = false;
    let mut escaped = false;
    for one in before.chars() {
        match one {
            '\'' if !escaped => quoted = !quoted,
            '\\' if !quoted && !escaped => {
                escaped = true;
                continue;
            }
            _ => {}
        }
        escaped = false;
    }
    quoted
}

/// Whether no letter or digit stands beside it.
fn is_word(text: &str, at: Range<usize>) -> bool {
    let before = text[..at.start].chars().next_back();
    let after = text[at.end..].chars().next();
    let joins = |one: Option<char>| one.is_some_and(char::is_alphanumeric);
    !joins(before) && !joins(after)
}

/// A value in each of its usual encodings, and its forms in capitals and small letters, which encode to other texts.
fn in_any_case(value: &str) -> Vec<String> {
    let mut forms = encodings(value);
    for other in [value.to_uppercase(), value.to_lowercase()] {
        if other != value {
            forms.extend(encodings(&other));
        }
    }
    forms
}

/// A value in each of its usual encodings.
fn encodings(value: &str) -> Vec<String> {
    use base64::{
        Engine as _,
        engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
    };
    let mut forms = vec![value.to_owned()];
    forms.push(value.bytes().map(|byte| format!("{byte:02x}")).collect());
    forms.push(value.bytes().map(|byte| format!("{byte:02X}")).collect());
    for set in [
        NON_ALPHANUMERIC,
        UNRESERVED,
        BEHIND_HOST,
        FIRST_SEGMENT,
        COMPONENT,
        FORM,
        PATH,
        QUERY,
        SPECIAL_QUERY,
        FRAGMENT,
        USERINFO,
    ] {
        let form = utf8_percent_encode(value, set).to_string();
        // A form writes a space as `+`, a URL as `%20`.
        forms.push(form.replace("%20", "+"));
        // A path turns each into the separator that it stands for.
        forms.push(form.replace('\\', "/"));
        forms.push(form);
    }
    // JSON in a text of JSON in a text of JSON: a payload in a message in the command that repeats it.
    let mut inner = value.to_owned();
    for _ in 0..3 {
        let json = Json::String(std::mem::take(&mut inner)).to_string();
        json[1..json.len() - 1].clone_into(&mut inner);
        forms.push(inner.clone());
    }
    // As programs write JSON that may hold ASCII alone.
    if !value.is_ascii() {
        let mut escaped = String::new();
        for one in value.chars() {
            if one.is_ascii() {
                escaped.push(one);
                continue;
            }
            for unit in one.encode_utf16(&mut [0; 2]) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        }
        forms.push(escaped);
    }
    // Inside a quoted argument of a shell command.
    for index in 0..forms.len() {
        if forms[index].contains('\'') {
            forms.push(forms[index].replace('\'', r"'\''"));
        }
    }
    // Inside a longer text, base64 of a value depends on what stands before it: three alignments,
    // less the characters that its neighbours share.
    for lead in 0..3usize {
        let mut bytes = vec![0; lead];
        bytes.extend_from_slice(value.as_bytes());
        let skip = (lead * 8).div_ceil(6);
        let whole = bytes.len() * 8 / 6;
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let text = engine.encode(&bytes);
            forms.push(text[skip..whole].to_owned());
        }
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::ValueTypes;

    #[test]
    fn in_every_part_of_a_url_it_is_hidden() {
        let secret = "it-is_a.se cret/ß=\"x\"+(y)~*!";
        let mut mask = Mask::default();
        mask.add("s", secret);
        for url in [
            // By RFC 3986, a browser, a form, in a path, and in a query that was written as a text.
            "it-is_a.se%20cret%2F%C3%9F%3D%22x%22%2B%28y%29~%2A%21",
            "it-is_a.se%20cret%2F%C3%9F%3D%22x%22%2B(y)~*!",
            "it-is_a.se+cret%2F%C3%9F%3D%22x%22%2B%28y%29%7E*%21",
            "it-is_a.se%20cret/%C3%9F=%22x%22+(y)~*!",
            // As a `${…}` in a URL.
            "it-is_a.se%20cret/%C3%9F%3D%22x%22%2B%28y%29~%2A%21",
        ] {
            assert_eq!(mask.text(&format!("http://h/{url}?a")), "http://h/$s?a");
        }
    }
    #[test]
    fn in_any_case_it_is_hidden() {
        let mask = with(&["s3cret-Ωmega-77"]);
        for text in [
            "s3cret-Ωmega-77",
            "S3CRET-ΩMEGA-77",
            "S3cret-ωmega-77",
            "s3cret-%CE%A9mega-77",
            "s3cret-%ce%a9mega-77",
            r"s3cret-\u03a9mega-77",
            r"s3cret-\u03A9mega-77",
        ] {
            assert_eq!(mask.text(&format!("a{text}b")), "a$sb", "{text}");
        }
    }

    #[test]
    fn in_a_command_a_shell_fills_it_in() {
        let mask = with(&["correct-horse"]);
        for (command, masked) in [
            ("curl correct-horse", "curl \"$s\""),
            (
                "curl -H 'authorization: Bearer correct-horse' x",
                "curl -H 'authorization: Bearer '\"$s\"'' x",
            ),
            (
                r"curl 'it'\''s correct-horse' correct-horse",
                r#"curl 'it'\''s '"$s"'' "$s""#,
            ),
        ] {
            assert_eq!(mask.command(command), masked);
            let mut reply = serde_json::json!({ "again": command, "note": command });
            mask.json(&mut reply);
            assert_eq!(reply["again"], masked);
            assert_eq!(reply["note"], mask.text(command).as_ref());
        }
    }

    #[test]
    fn a_short_one_is_hidden_as_a_word_only() {
        let mask = with(&["ab12"]);
        for (text, masked) in [
            ("ab12", "$s"),
            ("pin=AB12, or 'ab12'", "pin=$s, or '$s'"),
            ("cab12 ab123", "cab12 ab123"),
            ("ab12ab12 ab12", "ab12ab12 $s"),
        ] {
            assert_eq!(mask.text(text), masked);
        }
        assert!(with(&["abc"]).is_empty());
    }

    #[test]
    fn as_a_url_that_was_written_as_a_text_has_it_it_is_hidden() {
        let mask = with(&["a'b\\c d|e`f^g:h"]);
        for url in [
            "http://h/a'b/c%20d|e%60f^g:h",
            "http://h/?q=a%27b\\c%20d|e`f^g:h",
            "http://h/#a'b\\c%20d|e%60f^g:h",
            "http://u:a'b%5Cc%20d%7Ce%60f%5Eg%3Ah@h/",
        ] {
            let masked = mask.text(url);
            assert!(
                masked.contains("$s") && !masked.contains('|') && !masked.contains("%7C"),
                "{masked}"
            );
        }
    }

    fn with(secrets: &[&str]) -> Mask {
        let mut mask = Mask::default();
        for secret in secrets {
            mask.add("s", secret);
        }
        mask
    }

    #[test]
    fn what_a_cut_leaves_of_it_is_hidden() {
        let mask = with(&["correct-horse-battery"]);
        for (text, masked) in [
            ("pw=correct-horse-batter…", "pw=$s…"),
            ("pw=corr…", "pw=$s…"),
            // So short a part is the beginning of many words.
            ("pw=cor…", "pw=cor…"),
            ("corr", "corr"),
            ("a…b correct-ho… and corre…", "a…b $s… and $s…"),
            ("…battery is the rest", "…$s is the rest"),
            ("bat…ery", "bat…ery"),
            // As a long output is shortened.
            (
                "head correct\n… 9 bytes left out …\nbattery tail",
                "head $s\n… 9 bytes left out …\n$s tail",
            ),
        ] {
            assert_eq!(mask.text(text), masked, "{text}");
        }
        // Its encodings are cut as well: here base64 of `demo:correct-horse-battery`.
        let text = mask.text("Basic ZGVtbzpjb3JyZWN0LWhvc…");
        assert_eq!(text, "Basic ZGVtbzp$s…");
    }

    #[test]
    fn a_cut_inside_a_character_of_several_bytes_is_none() {
        let mask = with(&["ßßßßßßßß"]);
        assert_eq!(mask.text("ßß…"), "$s…");
        assert_eq!(mask.text("ß…"), "ß…");
        assert_eq!(mask.text("\u{9f}…"), "\u{9f}…");
    }

    #[test]
    fn a_key_of_several_lines_is_hidden_line_by_line() {
        let mask = with(&["--BEGIN--\nMIIEvQIBADANBg\n--END--"]);
        assert_eq!(mask.text("MIIEvQIBADANBg"), "$s");
        assert_eq!(
            mask.text("key: --BEGIN-- MIIEvQIBADANBg --END--"),
            "key: $s"
        );
    }

    #[test]
    fn a_number_is_hidden() {
        let mask = with(&["12345678"]);
        let mut json = serde_json::json!({ "pin": 12_345_678, "other": 1_234_567 });
        mask.json(&mut json);
        assert_eq!(json, serde_json::json!({ "pin": "$s", "other": 1_234_567 }));
    }

    #[test]
    fn a_secret_that_is_a_word_of_the_log_breaks_no_fact_and_is_not_shown() {
        let log = |text: &str| Fact::Log {
            place: Arc::new(Location {
                file: "t.yaml".into(),
                path: "states.a".into(),
                span: Span::default(),
            }),
            text: text.to_owned(),
        };
        let saved = Fact::VariableSaved {
            name: "s".into(),
            value: "variable_saved".into(),
            types: ValueTypes::default(),
            undone: false,
        };
        let mask = with(&["variable_saved"]);
        assert_eq!(mask.fact(log("a variable_saved b")), log("a $s b"));
        assert!(matches!(mask.fact(saved), Fact::Log { text, .. } if text == WITHHELD));

        let finished = Fact::ExecutionFinished {
            outcome: super::super::Outcome::Interrupted,
            headline: Some(withheld_headline(ErrorKind::Fail)),
            state: Some("interrupted".into()),
            outputs: Json::from("interrupted"),
            metrics: Box::default(),
        };
        let Fact::ExecutionFinished {
            outcome,
            state,
            outputs,
            ..
        } = with(&["interrupted"]).fact(finished)
        else {
            panic!("it is another fact");
        };
        assert_eq!(outcome, super::super::Outcome::Interrupted);
        assert_eq!((state.as_deref(), outputs), (Some("$s"), Json::Null));
    }
}
