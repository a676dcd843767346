//! Markdown as a page in a terminal: as much of it as the pages of the documentation use.
//!
//! Headings stand at the left, the text below them is indented, and no line is wider than the style allows: text is
//! wrapped at spaces, tables are fitted or written as a list, and long lines of code go on below.

use super::text::{Text, Word, plain, written};
use crate::report::{Ink, Line, Style, width, wrap};

/// Where text begins.
const BODY: usize = 4;
/// Where a heading inside a section begins.
const SUBSECTION: usize = 2;
/// Between two columns of a table.
const GAP: usize = 2;
/// A column of a table that would be narrower is not worth reading.
const LEAST: usize = 14;

/// The page, with a line break behind its last line.
pub(super) fn printed(text: &str, style: Style) -> String {
    let mut page = Page {
        style,
        out: String::new(),
    };
    let lines: Vec<&str> = text.lines().collect();
    let mut at = 0;
    while at < lines.len() {
        at += page.block(&lines[at..]);
    }
    page.out
}

struct Page {
    style: Style,
    out: String,
}

impl Page {
    /// Writes the block that begins here, and says how many lines it has.
    fn block(&mut self, lines: &[&str]) -> usize {
        let first = lines[0];
        if first.trim().is_empty() || first.starts_with("<!--") {
            return 1;
        }
        self.gap();
        if let Some(heading) = first.strip_prefix("### ") {
            self.heading(heading, SUBSECTION);
            return 1;
        }
        if first.starts_with('#') {
            self.heading(first.trim_start_matches(['#', ' ']), 0);
            return 1;
        }
        if first.starts_with("```") {
            let code = lines[1..]
                .iter()
                .take_while(|line| !line.starts_with("```"))
                .count();
            for line in &lines[1..=code] {
                self.code(line);
            }
            return code + 2;
        }
        if first.starts_with('|') {
            let rows = lines.iter().take_while(|line| line.starts_with('|'));
            let rows: Vec<Vec<Text>> = rows.map(|row| cells(row)).collect();
            let count = rows.len();
            self.table(rows);
            return count;
        }
        if marker(first).is_some() {
            let count = 1 + lines[1..]
                .iter()
                .take_while(|line| line.starts_with("  ") || marker(line).is_some())
                .count();
            self.list(&lines[..count]);
            return count;
        }
        let count = 1 + lines[1..].iter().take_while(|line| goes_on(line)).count();
        self.text(&Text::read(&lines[..count].join(" ")), BODY, BODY);
        count
    }

    /// An empty line between blocks.
    fn gap(&mut self) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
    }

    fn heading(&mut self, heading: &str, indent: usize) {
        let text = Text::read(heading).plain();
        for piece in wrap(&text, self.room(indent), self.room(indent)) {
            self.line(indent)
                .push(Ink::Strong, piece)
                .write(&mut self.out);
        }
    }

    fn code(&mut self, line: &str) {
        let indent = BODY + 2;
        let inner = line.len() - line.trim_start().len();
        // What does not fit goes on below, further in, so that it is not taken for a line of its own.
        let further = (inner + 4).min(self.room(indent) / 2);
        let (first, rest) = (self.room(indent), self.room(indent + further));
        for (number, piece) in wrap(line, first, rest).into_iter().enumerate() {
            let indent = indent + if number == 0 { 0 } else { further };
            self.line(indent)
                .push(Ink::Plain, piece)
                .write(&mut self.out);
        }
    }

    /// Entries, each with what is indented below it.
    fn list(&mut self, lines: &[&str]) {
        let mut entries: Vec<(usize, &str, String)> = Vec::new();
        for line in lines {
            let indent = line.len() - line.trim_start().len();
            let rest = line.trim_start();
            match (marker(rest), entries.last_mut()) {
                (Some(marker), _) => {
                    entries.push((indent, marker, rest[marker.len()..].trim().to_owned()));
                }
                (None, Some((_, _, text))) => {
                    text.push(' ');
                    text.push_str(rest);
                }
                (None, None) => {}
            }
        }
        for (indent, marker, text) in entries {
            let from = BODY + indent;
            let text = Text::read(&text).behind(marker);
            self.text(&text, from, from + width(marker) + 1);
        }
    }

    /// Wrapped text: its first line begins at one column, the others at another.
    fn text(&mut self, text: &Text, first: usize, rest: usize) {
        let rooms = (self.room(first), self.room(rest));
        for (number, words) in text.lines(rooms.0, rooms.1).into_iter().enumerate() {
            let line = self.line(if number == 0 { first } else { rest });
            written(line, &words).write(&mut self.out);
        }
    }

    /// Rows of which the first names the columns, and the second is a rule.
    fn table(&mut self, mut rows: Vec<Vec<Text>>) {
        if rows.len() > 1 {
            rows.remove(1);
        }
        let count = rows.iter().map(Vec::len).max().unwrap_or(0);
        let widest = |column: usize, width: fn(&Text) -> usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(width).max().unwrap_or(0)
        };
        let columns: Vec<Column> = (0..count)
            .map(|column| Column {
                whole: widest(column, Text::width),
                word: widest(column, Text::widest_word),
            })
            .collect();
        let room = self
            .room(BODY)
            .saturating_sub(GAP * count.saturating_sub(1));
        match fitted(&columns, room) {
            Some(widths) => self.grid(&rows, &widths),
            None => self.stacked(&rows),
        }
    }

    fn grid(&mut self, rows: &[Vec<Text>], widths: &[usize]) {
        for (number, row) in rows.iter().enumerate() {
            let cells: Vec<Vec<Vec<Word>>> = row
                .iter()
                .zip(widths)
                .map(|(cell, width)| cell.lines(*width, *width))
                .collect();
            let height = cells.iter().map(Vec::len).max().unwrap_or(0);
            for at in 0..height {
                let mut line = self.line(BODY);
                let mut column = BODY;
                for (cell, width) in cells.iter().zip(widths) {
                    line.pad_to(column);
                    if let Some(words) = cell.get(at) {
                        line = match number {
                            0 => line.push(Ink::Faint, &plain(words)),
                            _ => written(line, words),
                        };
                    }
                    column += width + GAP;
                }
                line.write(&mut self.out);
            }
        }
    }

    /// A table that is too wide: each row as its first cell, and the others below it.
    fn stacked(&mut self, rows: &[Vec<Text>]) {
        for row in rows.iter().skip(1) {
            for (number, cell) in row.iter().filter(|cell| cell.width() > 0).enumerate() {
                let indent = if number == 0 { BODY } else { BODY + 2 };
                self.text(cell, indent, BODY + 2);
            }
        }
    }

    fn room(&self, indent: usize) -> usize {
        self.style.width.saturating_sub(indent)
    }

    fn line(&self, indent: usize) -> Line {
        let mut line = self.style.line();
        line.pad_to(indent);
        line
    }
}

/// What a column of a table needs.
#[derive(Clone, Copy)]
struct Column {
    /// So that nothing is wrapped.
    whole: usize,
    /// So that no word is cut.
    word: usize,
}

/// The widths of columns that together fit, or nothing where they would be too narrow to read. Narrow columns keep what
/// they need, one with a long word keeps that, and the others share the rest.
fn fitted(columns: &[Column], room: usize) -> Option<Vec<usize>> {
    let mut widths = vec![0; columns.len()];
    let mut open: Vec<usize> = (0..columns.len()).collect();
    let mut left = room;
    while !open.is_empty() {
        let share = left / open.len();
        let settled = |column: &usize| match columns[*column] {
            Column { whole, .. } if whole <= share => Some(whole),
            Column { word, .. } if word > share => Some(word),
            Column { .. } => None,
        };
        let before = open.len();
        // The narrow ones first: what they leave may be enough for a long word.
        for narrow in [true, false] {
            if open.len() < before {
                break;
            }
            open.retain(|column| match settled(column) {
                Some(width) if (width <= share) == narrow => {
                    widths[*column] = width;
                    false
                }
                _ => true,
            });
        }
        if open.len() == before {
            if share < LEAST {
                return None;
            }
            for column in open {
                widths[column] = share;
            }
            return Some(widths);
        }
        left = room.checked_sub(widths.iter().sum())?;
    }
    Some(widths)
}

/// The cells of a row; `\|` is a bar.
fn cells(row: &str) -> Vec<Text> {
    let row = row.trim().replace("\\|", "\u{1}");
    let row = row.strip_prefix('|').unwrap_or(&row);
    let row = row.strip_suffix('|').unwrap_or(row);
    row.split('|')
        .map(|cell| Text::read(cell.trim().replace('\u{1}', "|").as_str()))
        .collect()
}

/// What marks an entry of a list: `-`, or a number with a dot.
fn marker(line: &str) -> Option<&str> {
    let end = line.find(' ')?;
    let marker = &line[..end];
    let number = marker.strip_suffix('.');
    let is = marker == "-"
        || number.is_some_and(|number| {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        });
    is.then_some(marker)
}

/// Whether a line belongs to the paragraph before it.
fn goes_on(line: &str) -> bool {
    !line.trim().is_empty()
        && !line.starts_with(['#', '|'])
        && !line.starts_with("```")
        && marker(line).is_none()
}

#[cfg(test)]
mod tests {
    use super::printed;
    use crate::docs::PAGES;
    use crate::report::{Color, Style, width};

    fn style(width: usize) -> Style {
        Style {
            color: Color::Never,
            unicode: true,
            width,
        }
    }

    const PAGE: &str = "# A page\n\nSome **strong** text with `code` and a\n[link](https://x.test).\n\n## Part\n\n\
        | key | what it means |\n| --- | --- |\n| `a` | the first of all letters, in every alphabet |\n\
        | `b\\|c` | others |\n\n- one\n  more\n- two\n\n```yaml run\na: 1\n  b: 2\n```\n";

    #[test]
    fn a_page_reads_well() {
        let expected = "\
A page

    Some strong text with `code` and a link
    (https://x.test).

Part

    key    what it means
    `a`    the first of all letters, in
           every alphabet
    `b|c`  others

    - one more
    - two

      a: 1
        b: 2
";
        assert_eq!(printed(PAGE, style(43)), expected);
    }

    #[test]
    fn a_table_without_room_becomes_a_list() {
        let shown = printed(PAGE, style(22));
        assert!(shown.contains("    `a`\n      the first of all"), "{shown}");
    }

    #[test]
    fn no_line_is_wider_than_the_screen_and_colours_change_no_text() {
        for page in PAGES {
            for columns in [20, 40, 80, 120, 200] {
                let plain = printed(page.text, style(columns));
                for line in plain.lines() {
                    assert!(
                        width(line) <= columns,
                        "{} in {columns}: {line}",
                        page.topic
                    );
                    assert!(!line.contains('\u{1b}'), "{line:?}");
                }
            }
            let colored = Style {
                color: Color::Ansi,
                ..style(80)
            };
            let mut text = printed(page.text, colored);
            for code in ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[2m"] {
                text = text.replace(code, "");
            }
            assert_eq!(text, printed(page.text, style(80)), "{}", page.topic);
        }
    }
}
