use super::exit::Exit;
use super::options::Global;
use super::output;
use crate::client::Registry;
use crate::definition::{ClientKind, nearest};
use crate::event::Json;
use std::fmt::Write as _;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// One kind, in full
    kind: Option<String>,
    /// Print its schemas as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(_global: &Global, args: &Args) -> Exit {
    let catalog = Registry::builtin().catalog();
    let Some(name) = &args.kind else {
        let mut text = String::new();
        for kind in &catalog.kinds {
            let _ = writeln!(text, "{:8} {}", kind.name, kind.summary);
        }
        text.push_str("\n`funcy clients KIND` shows one in full. `parallel`, `listen`, `eval`, `signal` and `log` belong to the machine.\n");
        output::data(&text);
        return Exit::Passed;
    };
    let Some(kind) = catalog.kind(name) else {
        let hint = nearest(name, catalog.kinds.iter().map(|kind| kind.name))
            .map(|known| format!("did you mean `{known}`?"));
        output::error(
            &format!("there is no client kind `{name}`"),
            hint.as_deref(),
        );
        return Exit::Usage;
    };
    if args.json {
        let schemas = serde_json::json!({
            "name": kind.name, "summary": kind.summary, "config": kind.config,
            "request": kind.request, "source": kind.source, "reply": kind.reply, "bodies": kind.bodies,
        });
        output::data(&format!("{schemas:#}\n"));
    } else {
        output::data(&described(kind));
    }
    Exit::Passed
}

fn described(kind: &ClientKind) -> String {
    let mut text = format!("{}: {}\n", kind.name, kind.summary);
    let mut section = |title: &str, schema: &Json| {
        let fields = fields(schema);
        if !fields.is_empty() {
            let _ = write!(text, "\n{title}\n{fields}");
        }
    };
    section(
        "Config, under `clients: { NAME: { KIND: … } }`",
        &kind.config,
    );
    section("Request", &kind.request);
    if let Some(source) = &kind.source {
        section("Source, for `subscribe` and `listen`", source);
    }
    section("Result, `res`", &kind.reply);
    let _ = write!(
        text,
        "\nBodies, not recorded with `record: headers` or `none` beside the kind\n  {}\n",
        kind.bodies.join(", ")
    );
    let _ = write!(text, "\nExample\n");
    for line in kind.example.trim_end().lines() {
        let _ = writeln!(text, "  {line}");
    }
    text
}

/// A line for each member of an object's schema.
fn fields(schema: &Json) -> String {
    let mut text = String::new();
    let Some(members) = schema.get("properties").and_then(Json::as_object) else {
        return text;
    };
    let width = members.keys().map(String::len).max().unwrap_or(0);
    for (name, member) in members {
        let about = member
            .get("description")
            .and_then(Json::as_str)
            .unwrap_or_default();
        let about = about.split_whitespace().collect::<Vec<_>>().join(" ");
        let _ = writeln!(
            text,
            "  {name:width$}  {:8}  {about}",
            type_word(member, schema)
        );
    }
    text
}

/// The type of a member in one word.
fn type_word(member: &Json, root: &Json) -> String {
    if let Some(target) = member
        .get("$ref")
        .and_then(Json::as_str)
        .and_then(|path| path.strip_prefix('#'))
    {
        return root
            .pointer(target)
            .map_or_else(|| "any".to_owned(), |schema| type_word(schema, root));
    }
    match member.get("type") {
        Some(Json::String(word)) => word.clone(),
        Some(Json::Array(words)) => {
            let words: Vec<&str> = words
                .iter()
                .filter_map(Json::as_str)
                .filter(|word| *word != "null")
                .collect();
            words.join("|")
        }
        _ => member
            .get("anyOf")
            .or_else(|| member.get("oneOf"))
            .and_then(Json::as_array)
            .and_then(|some| {
                some.iter()
                    .find(|one| one.get("type").is_none_or(|word| word != "null"))
            })
            .map_or_else(|| "any".to_owned(), |schema| type_word(schema, root)),
    }
}
