//! Tables as text.

use super::{Call, Function, Missing, Run, text_arg};
use crate::event::{Json, number};
use crate::script::lazy;
use crate::script::limits::MAX_ITEMS;
use crate::script::ops::Fault;
use rhai::Dynamic;
use std::sync::Arc;

pub(super) const FUNCTIONS: &[Function] = &[Function {
    name: "parse_csv",
    params: "text, separator = ','",
    arity: 1..=2,
    doc: "The rows of a CSV text (RFC 4180) as maps by its first row; a cell is typed if exactly a JSON number or bool.",
    example: "parse_csv('sku,qty\\nA-1,2\\nB-2,01') == [#{sku: 'A-1', qty: 2}, #{sku: 'B-2', qty: '01'}]",
    missing: Missing::First,
    literal: None,
    run: Run::Gives(parse_csv),
}];

fn parse_csv(_: &Call<'_>, args: &[Dynamic]) -> Result<Dynamic, Fault> {
    let text = text_arg(args, 0, "parse_csv")?;
    let separator = if args.len() == 2 {
        text_arg(args, 1, "parse_csv")?
    } else {
        ",".into()
    };
    let &[separator] = separator.as_bytes() else {
        return Err(Fault::new(
            "the separator of `parse_csv` is one character of ASCII",
        ));
    };
    // A spreadsheet writes a byte order mark first.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator)
        .from_reader(text.as_bytes());
    let names = reader.headers().map_err(|error| wrong(&error))?.clone();
    for (index, name) in names.iter().enumerate() {
        if names.iter().take(index).any(|known| known == name) {
            return Err(Fault::new(format!("the column `{name}` is there twice")));
        }
    }
    let mut rows = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|error| wrong(&error))?;
        if rows.len() == MAX_ITEMS {
            return Err(Fault::limit(format!(
                "a table of more than {MAX_ITEMS} rows"
            )));
        }
        let cells = row.iter().map(number::typed);
        let members = names.iter().map(str::to_owned).zip(cells);
        rows.push(Json::Object(members.collect()));
    }
    Ok(lazy::value(Arc::new(Json::Array(rows))))
}

fn wrong(error: &csv::Error) -> Fault {
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            pos,
            expected_len,
            len,
        } => {
            let line = pos.as_ref().map_or(0, csv::Position::line);
            Fault::new(format!(
                "this is no CSV: line {line} has {len} cells, the first row {expected_len}"
            ))
        }
        _ => Fault::new(format!("this is no CSV: {error}")),
    }
}
