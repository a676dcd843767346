use super::exit::Exit;
use super::options::Global;
use super::output;
use super::run::Format;
use crate::docs::RHAI;
use crate::event::nearest;
use crate::report::{Ink, Style, width, wrap};
use crate::script::Engine;
use std::fmt::Write as _;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// One function, with its example
    name: Option<String>,
    /// `json`: one JSON document a line
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

/// What expressions may call, whoever brings it.
struct Function {
    group: &'static str,
    name: &'static str,
    params: &'static str,
    doc: &'static str,
    example: &'static str,
}

impl Function {
    fn signature(&self) -> String {
        format!("{}({})", self.name, self.params)
    }
}

/// The group of funcy's own functions.
const OURS: &str = "For tests";

/// Every function: funcy's own, then those of Rhai that none of them replaces.
fn all() -> Vec<Function> {
    let (engine, _) = Engine::new(&[]);
    let mut all: Vec<Function> = engine
        .functions()
        .into_iter()
        .map(|function| Function {
            group: OURS,
            name: function.name,
            params: function.params,
            doc: function.doc,
            example: function.example,
        })
        .collect();
    for function in RHAI {
        if all.iter().all(|known| known.name != function.name) {
            all.push(Function {
                group: function.group,
                name: function.name,
                params: function.params,
                doc: function.doc,
                example: function.example,
            });
        }
    }
    all
}

/// The functions in groups, each group with its title.
fn groups() -> Vec<(&'static str, Vec<Function>)> {
    let mut groups: Vec<(&'static str, Vec<Function>)> = Vec::new();
    for function in all() {
        match groups.last_mut() {
            Some((group, functions)) if *group == function.group => functions.push(function),
            _ => groups.push((function.group, vec![function])),
        }
    }
    groups
}

pub(super) fn run(global: &Global, args: &Args) -> Exit {
    let style = global.out_style();
    let mut functions = all();
    if let Some(name) = &args.name {
        let bare = name.trim_end_matches("()").trim_start_matches('.');
        if functions.iter().all(|function| function.name != bare) {
            let names = functions.iter().map(|function| function.name);
            let hint = nearest(bare, names).map_or_else(
                || "`funcy functions` lists all".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            output::error(&format!("there is no function `{bare}`"), Some(&hint));
            return Exit::Usage;
        }
        functions.retain(|function| function.name == bare);
    }
    output::data(&match (args.format, &args.name) {
        (Format::Json, _) => lines(&functions),
        (Format::Human, None) => list(style),
        (Format::Human, Some(_)) => functions.iter().map(|one| described(one, style)).collect(),
    });
    Exit::Passed
}

/// A JSON document for each.
fn lines(functions: &[Function]) -> String {
    let mut text = String::new();
    for function in functions {
        let json = serde_json::json!({
            "name": function.name, "params": function.params, "group": function.group,
            "doc": function.doc, "example": function.example,
        });
        let _ = writeln!(text, "{json}");
    }
    text
}

/// A line for each, under the titles of their groups.
fn list(style: Style) -> String {
    let mut out = String::new();
    for (group, functions) in groups() {
        style.line().push(Ink::Strong, group).write(&mut out);
        let signatures = functions
            .iter()
            .map(|function| width(&function.signature()));
        let column = signatures.max().unwrap_or(0).min(style.width / 3) + 4;
        for function in functions {
            let mut line = style.line();
            line.add(Ink::Plain, "  ");
            line.add(Ink::Strong, function.name);
            line.add(Ink::Plain, &format!("({})", function.params));
            if line.width() + 2 > column {
                line.write(&mut out);
                line = style.line();
            }
            let room = style.width.saturating_sub(column);
            for piece in wrap(function.doc, room, room) {
                line.pad_to(column);
                line.plain(piece).write(&mut out);
                line = style.line();
            }
        }
        out.push('\n');
    }
    for piece in wrap(
        "`funcy functions NAME` shows one with an example. Functions of your own stand in `scripts/`.",
        style.width,
        style.width,
    ) {
        style.line().plain(piece).write(&mut out);
    }
    out
}

/// One in full.
fn described(function: &Function, style: Style) -> String {
    let mut out = String::new();
    style
        .line()
        .push(Ink::Strong, function.name)
        .plain(&format!("({})", function.params))
        .write(&mut out);
    let room = style.width.saturating_sub(2);
    for piece in wrap(function.doc, room, room) {
        style.line().plain("  ").plain(piece).write(&mut out);
    }
    out.push('\n');
    style
        .line()
        .push(Ink::Faint, "Example, which is true")
        .write(&mut out);
    for piece in wrap(function.example, room, room) {
        style.line().plain("  ").plain(piece).write(&mut out);
    }
    out
}

/// The functions as Markdown, for `funcy help functions`.
pub(super) fn tables() -> String {
    let mut text = String::new();
    for (group, functions) in groups() {
        let _ = write!(
            text,
            "\n## {group}\n\n| function | what it does | example, which is true |\n| --- | --- | --- |\n"
        );
        for function in functions {
            let row = [
                format!("`{}`", function.signature()),
                function.doc.to_owned(),
                format!("`{}`", function.example),
            ];
            let row = row.map(|cell| cell.replace('|', "\\|"));
            let _ = writeln!(text, "| {} |", row.join(" | "));
        }
    }
    text
}
