//! Running text of Markdown: words without its marks, in lines that fit.

use crate::report::{Ink, Line, width};

/// What stands between two spaces, in pieces of one look each.
#[derive(Clone, Debug, Default)]
pub(super) struct Word(Vec<(Ink, String)>);

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
pub(super) struct Text {
    words: Vec<Word>,
}

impl Text {
    /// Reads `**strong**`, `*emphasis*`, `` `code` `` and `[text](address)`. Code keeps its marks: they say where it
    /// begins and ends where there are no colours.
    pub(super) fn read(source: &str) -> Self {
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
    pub(super) fn behind(mut self, marker: &str) -> Self {
        let word = Word(vec![(Ink::Plain, marker.to_owned())]);
        self.words.insert(0, word);
        self
    }

    pub(super) fn width(&self) -> usize {
        let spaces = self.words.len().saturating_sub(1);
        self.words.iter().map(Word::width).sum::<usize>() + spaces
    }

    pub(super) fn widest_word(&self) -> usize {
        self.words.iter().map(Word::width).max().unwrap_or(0)
    }

    pub(super) fn plain(&self) -> String {
        plain(&self.words)
    }

    /// The words of each line.
    pub(super) fn lines(&self, first: usize, rest: usize) -> Vec<Vec<Word>> {
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

pub(super) fn plain(words: &[Word]) -> String {
    let words: Vec<String> = words
        .iter()
        .map(|word| word.0.iter().map(|(_, piece)| piece.as_str()).collect())
        .collect();
    words.join(" ")
}

pub(super) fn written(mut line: Line, words: &[Word]) -> Line {
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
