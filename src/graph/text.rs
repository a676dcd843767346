use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The text on one line: white space is one blank, and what could not be seen is written out.
pub(super) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.trim().chars() {
        if character.is_whitespace() && !matches!(character, '\u{2028}' | '\u{2029}') {
            if !out.ends_with(' ') {
                out.push(' ');
            }
        } else if is_invisible(character) {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    out
}

/// A name on one line: unlike in a guard, white space matters in it.
pub(super) fn visible_name(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for character in name.chars() {
        match character {
            '\n' | '\r' | '\t' => out.extend(character.escape_default()),
            _ if is_invisible(character) => out.extend(character.escape_unicode()),
            _ => out.push(character),
        }
    }
    if out.trim().is_empty() {
        out = format!("{name:?}");
    }
    out
}

/// Control characters, and marks that move or hide what stands beside them.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// The text, or its two ends with `mark` between them, in at most `width` columns.
pub(super) fn cut_middle(text: &str, width: usize, mark: &str) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(mark.width());
    let head = take(text.chars(), room.div_ceil(2));
    let tail = take(text.chars().rev(), room - room.div_ceil(2));
    let tail: String = tail.chars().rev().collect();
    let mark = if width < mark.width() { "" } else { mark };
    format!("{head}{mark}{tail}")
}

fn take(characters: impl Iterator<Item = char>, width: usize) -> String {
    let mut used = 0;
    characters
        .take_while(|character| {
            used += character.width().unwrap_or(0);
            used <= width
        })
        .collect()
}

/// The text in lines of at most `width` columns, broken at blanks where possible; more than `max` lines end in
/// `mark`.
pub(super) fn wrap(text: &str, width: usize, max: usize, mark: &str) -> Vec<String> {
    let width = width.max(2);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        let mut rest = word;
        loop {
            let gap = usize::from(used > 0);
            if used + gap + rest.width() <= width {
                let line = last(&mut lines);
                line.push_str(&" "[..gap]);
                line.push_str(rest);
                used += gap + rest.width();
                break;
            }
            if used > 0 {
                lines.push(String::new());
                used = 0;
                continue;
            }
            let part = take(rest.chars(), width);
            rest = &rest[part.len()..];
            last(&mut lines).push_str(&part);
            lines.push(String::new());
        }
    }
    if lines.len() > max {
        lines.truncate(max);
        let line = last(&mut lines);
        if line.width() + mark.width() > width {
            *line = take(line.chars(), width - mark.width());
        }
        line.push_str(mark);
    }
    lines
}

fn last(lines: &mut [String]) -> &mut String {
    lines.last_mut().expect("there is always one line")
}
