//! Processes: a command that runs to its end, or is ended with everything that it started.
//!
//! `process` runs it to its end, `output` keeps what it prints; which processes belong to it is known in
//! `os`.

mod output;
mod process;

#[cfg(test)]
mod tests;

use super::contract::{Answer, Context, Nothing, Protocol};
use super::kit::json_bigint;
use super::kit::json_tree::{JsonError, MAX_TREE, Room, too_large};
use super::kit::offload::{Abandoned, offload};
use super::received::with_members;
use super::scope::Scope;
use super::shell::quoted;
use super::value::{Text, one_line, present};
use crate::event::{Failure, Json};
use crate::os;
use process::ProcessEnd;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::mem::take;
use std::path::PathBuf;

/// The process client.
#[derive(Debug)]
pub struct Exec;

/// What `clients: {NAME: {exec: …}}` holds.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Environment variables of every command; a request's own replace them.
    pub env: Option<BTreeMap<String, Text>>,
    /// The working folder, relative to the file that names it.
    pub cwd: Option<String>,
}

/// A command.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The program and its arguments. No shell reads them; for one, write `[sh, -c, "…"]`.
    #[schemars(schema_with = "words")]
    pub command: Vec<Text>,
    /// Environment variables. Of funcy's own it only gets `PATH`, `HOME`, the user, the terminal and the
    /// language.
    #[serde(default)]
    pub env: Option<BTreeMap<String, Text>>,
    /// The working folder, relative to the file that names it (its folder, by default).
    #[serde(default)]
    pub cwd: Option<String>,
    /// What the process reads: a text, or any other value as JSON. Nothing, by default.
    #[serde(default, deserialize_with = "present")]
    pub stdin: Option<Json>,
}

/// Words that a shell may read: its variables are written in braces as well.
fn words(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": { "type": ["string", "number", "boolean"], "x-template": "shell" }
    })
}

/// What `res` holds when a process has ended.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Reply {
    /// Its exit code; null if a signal killed it. Other codes than 0 are results, not errors.
    pub code: Option<i32>,
    /// The signal that killed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// What it printed. Of more than 8 MiB the middle is left out, and the text says so.
    pub stdout: String,
    /// What it printed as errors, likewise.
    pub stderr: String,
    /// `stdout`, parsed where it is JSON, else the text without its last line break.
    pub body: Json,
}

/// An environment: where commands run.
#[derive(Debug)]
pub struct ExecSession {
    env: BTreeMap<String, Text>,
    cwd: Option<String>,
    context: Context,
}

/// A command, ready to be started.
#[derive(Debug)]
struct Command {
    /// As written; the first is the program.
    words: Vec<String>,
    /// The program's file.
    program: PathBuf,
    env: BTreeMap<String, String>,
    cwd: PathBuf,
    stdin: Option<Vec<u8>>,
    /// `TRACEPARENT`, as programs know it that trace what they do.
    trace: String,
    /// What it may do at most, if it is funcy.
    ceiling: Option<String>,
}

impl Protocol for Exec {
    const NAME: &'static str = "exec";
    const SUMMARY: &'static str = "Processes: a command, its exit code and its output";
    const EXAMPLE: &'static str = "\
exec:
  command: [git, rev-parse, HEAD]
save: { commit: res.body }
expect: res.code == 0
";
    const BODIES: &'static [&'static str] = &["stdin", "stdout", "stderr", "body"];

    type Config = Config;
    type Request = Request;
    type Source = Nothing;
    type Reply = Reply;
    type Session = ExecSession;

    fn short_request(text: &str) -> Result<Json, String> {
        let words: Vec<String> = text
            .split_whitespace()
            .map(|word| quoted(word).into_owned())
            .collect();
        Err(format!(
            "a command is a list, so that no shell is needed: `{{command: [{}]}}`",
            if words.is_empty() {
                "ls, -l".to_owned()
            } else {
                words.join(", ")
            }
        ))
    }

    fn label(request: &Json) -> String {
        let words: Vec<_> = request
            .get("command")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .map(|word| match word {
                Json::String(text) => quoted(text).into_owned(),
                other => other.to_string(),
            })
            .collect();
        if words.is_empty() {
            return "a process".to_owned();
        }
        one_line(&words.join(" "), 60)
    }

    async fn open(&self, config: Config, context: &Context) -> Result<ExecSession, Failure> {
        Ok(ExecSession {
            env: config.env.unwrap_or_default(),
            cwd: config.cwd,
            context: context.clone(),
        })
    }

    async fn call(
        &self,
        session: &ExecSession,
        request: Request,
        scope: &Scope,
    ) -> Result<Answer<Reply>, Failure> {
        let command = session.command(request, scope).await?;
        let again = command.again();
        let shown = one_line(&command.quoted_line(), 120);
        let sent = command.stdin.as_ref().map_or(0, Vec::len);
        let ended = process::run(command, scope)
            .await
            .map_err(|failure| match &again {
                Some(again) => failure.again(again.clone()),
                None => failure,
            })?;
        let how = match (ended.code, ended.signal) {
            (Some(code), _) => format!("exit {code}"),
            (None, Some(signal)) => format!("killed by signal {signal}"),
            (None, None) => "ended".to_owned(),
        };
        let mut summary = format!("{shown} → {how} in {}ms", ended.ms);
        for (name, output) in [("stdout", &ended.stdout), ("stderr", &ended.stderr)] {
            if output.left_out() > 0 {
                let _ = write!(summary, "; {} bytes of {name} left out", output.left_out());
            }
        }
        if ended.left_behind {
            summary.push_str("; what it left running was ended");
        }
        let received = ended.stdout.total() + ended.stderr.total();
        let reply = offload(received as usize, move |abandoned| reply(ended, abandoned)).await?;
        let mut answer = Answer::new(reply, summary);
        answer.again = again;
        answer.sent = sent as u64;
        answer.received = received;
        Ok(answer)
    }

    fn value(mut reply: Reply) -> serde_json::Result<Json> {
        let members = [
            ("stdout", Some(take(&mut reply.stdout).into())),
            ("stderr", Some(take(&mut reply.stderr).into())),
            ("body", Some(take(&mut reply.body))),
        ];
        with_members(&reply, members)
    }
}

/// What a process has left, as `res` shows it.
fn reply(ended: ProcessEnd, abandoned: &Abandoned) -> Result<Reply, Failure> {
    let stdout = ended.stdout.into_text();
    let room = Room::new(MAX_TREE, abandoned);
    let body = match json_bigint::parse(stdout.as_bytes(), &room) {
        Ok(value) => value,
        Err(JsonError::TooLarge(limit)) => return Err(too_large("stdout", limit)),
        Err(JsonError::Malformed(_)) => {
            let text = stdout.strip_suffix('\n').unwrap_or(&stdout);
            Json::String(text.strip_suffix('\r').unwrap_or(text).to_owned())
        }
    };
    Ok(Reply {
        code: ended.code,
        signal: ended.signal,
        body,
        stdout,
        stderr: ended.stderr.into_text(),
    })
}

impl ExecSession {
    async fn command(&self, request: Request, scope: &Scope) -> Result<Command, Failure> {
        let words: Vec<String> = request.command.into_iter().map(|Text(word)| word).collect();
        let Some(name) = words.first().filter(|name| !name.is_empty()) else {
            return Err(Failure::protocol("`command` is empty")
                .hint("its first word is the program: `command: [ls, -l]`"));
        };
        let context = self.context.in_scope(scope);
        let permissions = &context.permissions;
        permissions.exec(name)?;
        let mut env = self.env.clone();
        env.extend(request.env.unwrap_or_default());
        for key in env.keys() {
            if key.is_empty() || key.contains(['=', '\0']) {
                return Err(Failure::protocol(format!(
                    "env: {key:?} is no name of a variable"
                )));
            }
            permissions.set_env(key)?;
            os::process::settable(key).map_err(Failure::protocol)?;
        }
        if words
            .iter()
            .chain(env.values().map(|Text(value)| value))
            .any(|word| word.contains('\0'))
        {
            return Err(Failure::protocol(
                "a word of the command, or a variable, holds a NUL character",
            ));
        }
        let program = process::find(name, &context.folder)?;
        Ok(Command {
            // Whatever it is: it may start a funcy.
            ceiling: permissions.ceiling(),
            program,
            cwd: self.folder(&context, request.cwd.as_deref()).await?,
            env: env
                .into_iter()
                .map(|(key, Text(value))| (key, value))
                .collect(),
            stdin: request.stdin.map(|value| match value {
                Json::String(text) => text.into_bytes(),
                other => other.to_string().into_bytes(),
            }),
            words,
            trace: self.context.trace.parent(),
        })
    }

    async fn folder(&self, context: &Context, written: Option<&str>) -> Result<PathBuf, Failure> {
        let Some(written) = written.or(self.cwd.as_deref()) else {
            return Ok(context.folder.clone());
        };
        let folder = context.folder.join(written);
        match tokio::fs::metadata(&folder).await {
            Ok(metadata) if metadata.is_dir() => Ok(folder),
            Ok(_) => Err(Failure::protocol(format!("cwd {written:?} is no folder"))),
            Err(error) => Err(super::paths::broken(
                context,
                "use the folder",
                written,
                &error,
            )),
        }
    }
}

impl Command {
    fn quoted_line(&self) -> String {
        let words: Vec<_> = self.words.iter().map(|word| quoted(word)).collect();
        words.join(" ")
    }

    /// A shell command that does the same, unless its input is long.
    fn again(&self) -> Option<String> {
        let mut line = format!("cd {} && ", quoted(&self.cwd.display().to_string()));
        match &self.stdin {
            None => {}
            Some(stdin) if stdin.len() > 8192 || stdin.contains(&0) => return None,
            Some(stdin) => {
                let _ = write!(
                    line,
                    "printf %s {} | ",
                    quoted(&String::from_utf8_lossy(stdin))
                );
            }
        }
        for (key, value) in &self.env {
            let _ = write!(line, "{key}={} ", quoted(value));
        }
        line.push_str(&self.quoted_line());
        Some(line)
    }
}
