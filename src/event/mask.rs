use super::Json;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use std::borrow::Cow;

// What the ways to write a value into a URL replace: they differ in what they leave as it is.

/// RFC 3986.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
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
/// The path of such a URL.
const PATH: &AsciiSet = &QUERY.add(b'?').add(b'`').add(b'{').add(b'}');

/// The values that must not be seen: each is replaced, in each of its usual encodings, before a fact
/// reaches a sink.
///
/// Masking is by value, so a script that transforms a secret in a way of its own defeats it.
#[derive(Clone, Debug, Default)]
pub struct Mask {
    /// What to look for with what to put there, longest first.
    needles: Vec<(String, String)>,
}

/// The shortest value that can be a secret: a shorter one would garble everything.
pub const MIN_SECRET: usize = 8;

impl Mask {
    /// Hides this value under `$NAME` from now on.
    pub fn add(&mut self, name: &str, value: &str) {
        use base64::{
            Engine as _,
            engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
        };
        if value.len() < MIN_SECRET {
            return;
        }
        let shown = format!("${name}");
        let mut forms = vec![value.to_owned()];
        forms.push(value.bytes().map(|byte| format!("{byte:02x}")).collect());
        forms.push(value.bytes().map(|byte| format!("{byte:02X}")).collect());
        for set in [NON_ALPHANUMERIC, UNRESERVED, COMPONENT, FORM, PATH, QUERY] {
            let form = utf8_percent_encode(value, set).to_string();
            // A form writes a space as `+`, a URL as `%20`.
            forms.push(form.replace("%20", "+"));
            forms.push(form);
        }
        if let Ok(json) = serde_json::to_string(value) {
            forms.push(json[1..json.len() - 1].to_owned());
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
        for form in forms {
            if form.len() >= MIN_SECRET && !self.needles.iter().any(|(needle, _)| *needle == form) {
                self.needles.push((form, shown.clone()));
            }
        }
        self.needles
            .sort_by_key(|(needle, _)| std::cmp::Reverse(needle.len()));
    }

    /// Whether nothing is hidden.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.needles.is_empty()
    }

    /// The text with every secret replaced.
    #[must_use]
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut text = Cow::Borrowed(text);
        for (needle, shown) in &self.needles {
            if text.contains(needle.as_str()) {
                text = Cow::Owned(text.replace(needle.as_str(), shown));
            }
        }
        text
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
                for member in members.values_mut() {
                    self.json(member);
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
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        ] {
            assert_eq!(mask.text(&format!("http://h/{url}?a")), "http://h/$s?a");
        }
    }
}
