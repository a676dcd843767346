//! Markdown as a page in a terminal: as much of it as the pages of the documentation use.
//!
//! Headings stand at the left, the text below them is indented, and no line is wider than the style allows: text is
//! wrapped at spaces, tables are fitted or written as a list, and long lines of code go on below.

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
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let natural: Vec<usize> = (0..columns)
            .map(|column| {
                let cells = rows.iter().filter_map(|row| row.get(column));
                cells.map(Text::width).max().unwrap_or(0)
            })
            .collect();
        let room = self
            .room(BODY)
            .saturating_sub(GAP * columns.saturating_sub(1));
        match fitted(&natural, room) {
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
            for (number, cell) in row.iter().filter(|cell| !cell.words.is_empty()).enumerate() {
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

/// The widths of columns that together fit, or nothing where they would be too narrow to read. Narrow columns keep what
/// they need, and the wide ones share the rest.
fn fitted(natural: &[usize], room: usize) -> Option<Vec<usize>> {
    let mut widths = natural.to_vec();
    let mut open: Vec<usize> = (0..natural.len()).collect();
    let mut left = room;
    while !open.is_empty() {
        let share = left / open.len();
        let (fits, wide): (Vec<usize>, Vec<usize>) =
            open.iter().partition(|column| natural[**column] <= share);
        if fits.is_empty() {
            if share < LEAST {
                return None;
            }
            for column in wide {
                widths[column] = share;
            }
            break;
        }
        left -= fits.iter().map(|column| natural[*column]).sum::<usize>();
        open = wide;
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

/// What stands between two spaces, in pieces of one look each.
#[derive(Clone, Debug, Default)]
struct Word(Vec<(Ink, String)>);

impl Word {
    fn width(&self) -> usize {
        self.0.iter().map(|(_, piece)| width(piece)).sum()
    }

    fn add(&mut self, ink: Ink, letter: char) {
        match self.0.last_mut() {
            Some((last, piece)) if *last == ink => piece.push(letter),
            _ => self.0.push((ink, letter.to_string())),
        }
    }

    /// The word in pieces that fit, for one that is wider than a line.
    fn cut(&self, room: usize) -> Vec<Self> {
        let mut pieces = vec![Self::default()];
        for (ink, text) in &self.0 {
            for letter in text.chars() {
                let last = pieces.last_mut().expect("there is one from the start");
                if last.width() + width(letter.encode_utf8(&mut [0; 4])) > room && last.width() > 0
                {
                    pieces.push(Self::default());
                }
                if let Some(last) = pieces.last_mut() {
                    last.add(*ink, letter);
                }
            }
        }
        pieces
    }
}

/// Running text: words, without the marks of Markdown.
#[derive(Clone, Debug, Default)]
struct Text {
    words: Vec<Word>,
}

impl Text {
    /// Reads `**strong**`, `*emphasis*`, `` `code` `` and `[text](address)`. Code keeps its marks: they say where it
    /// begins and ends where there are no colours.
    fn read(source: &str) -> Self {
        let source = links(source);
        let mut words = vec![Word::default()];
        let mut strong = false;
        let mut code = false;
        let letters: Vec<char> = source.chars().collect();
        let mut at = 0;
        while at < letters.len() {
            let letter = letters[at];
            let ink = if strong || code {
                Ink::Strong
            } else {
                Ink::Plain
            };
            match letter {
                ' ' => words.push(Word::default()),
                '`' => {
                    code = !code;
                    add(&mut words, Ink::Strong, '`');
                }
                '*' if !code && letters.get(at + 1) == Some(&'*') => {
                    strong = !strong;
                    at += 1;
                }
                // Between spaces it is no mark.
                '*' if !code && !is_alone(&letters, at) => {}
                '\\' if !code && letters.get(at + 1) == Some(&'*') => {
                    add(&mut words, ink, '*');
                    at += 1;
                }
                _ => add(&mut words, ink, letter),
            }
            at += 1;
        }
        words.retain(|word| !word.0.is_empty());
        Self { words }
    }

    /// The text behind a marker, which does not wrap away from it.
    fn behind(mut self, marker: &str) -> Self {
        let word = Word(vec![(Ink::Plain, marker.to_owned())]);
        self.words.insert(0, word);
        self
    }

    fn width(&self) -> usize {
        let spaces = self.words.len().saturating_sub(1);
        self.words.iter().map(Word::width).sum::<usize>() + spaces
    }

    fn plain(&self) -> String {
        plain(&self.words)
    }

    /// The words of each line.
    fn lines(&self, first: usize, rest: usize) -> Vec<Vec<Word>> {
        let mut lines: Vec<Vec<Word>> = vec![Vec::new()];
        let mut used = 0;
        for word in &self.words {
            let room = if lines.len() == 1 { first } else { rest }.max(1);
            let pieces = if word.width() > room {
                word.cut(room.min(rest.max(1)))
            } else {
                vec![word.clone()]
            };
            for piece in pieces {
                let room = if lines.len() == 1 { first } else { rest }.max(1);
                let needs = piece.width() + usize::from(used > 0);
                if used > 0 && used + needs > room {
                    lines.push(Vec::new());
                    used = 0;
                }
                used += piece.width() + usize::from(used > 0);
                if let Some(line) = lines.last_mut() {
                    line.push(piece);
                }
            }
        }
        lines
    }
}

fn add(words: &mut [Word], ink: Ink, letter: char) {
    if let Some(word) = words.last_mut() {
        word.add(ink, letter);
    }
}

fn is_alone(letters: &[char], at: usize) -> bool {
    let space = |letter: Option<&char>| letter.is_none_or(|letter| *letter == ' ');
    space(letters.get(at + 1)) && space(at.checked_sub(1).and_then(|before| letters.get(before)))
}

fn plain(words: &[Word]) -> String {
    let words: Vec<String> = words
        .iter()
        .map(|word| word.0.iter().map(|(_, piece)| piece.as_str()).collect())
        .collect();
    words.join(" ")
}

fn written(mut line: Line, words: &[Word]) -> Line {
    for (number, word) in words.iter().enumerate() {
        if number > 0 {
            line.add(Ink::Plain, " ");
        }
        for (ink, piece) in &word.0 {
            line.add(*ink, piece);
        }
    }
    line
}

/// `[text](address)` as `text (address)`, outside of code.
fn links(source: &str) -> String {
    let mut out = String::new();
    for (number, part) in source.split('`').enumerate() {
        if number > 0 {
            out.push('`');
        }
        if number % 2 == 1 {
            out.push_str(part);
            continue;
        }
        let mut rest = part;
        while let Some((before, behind)) = rest.split_once('[') {
            let link = behind
                .split_once("](")
                .and_then(|(text, tail)| Some((text, tail.split_once(')')?)));
            out.push_str(before);
            if let Some((text, (address, tail))) = link {
                out.push_str(&format!("{text} ({address})"));
                rest = tail;
            } else {
                out.push('[');
                rest = behind;
            }
        }
        out.push_str(rest);
    }
    out
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
