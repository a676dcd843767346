//! A request as a `curl` command that a shell runs.

use super::credentials::Credentials;
use super::exchange::{self, Trace};
use super::prepared::{Origin, Prepared, TRACE};
use crate::client::kit::tls::Verify;
use crate::client::shell::quoted;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderValue};
use std::fmt::Write as _;

/// A longer body is not repeated in a command.
const MAX_BODY: usize = 256 << 10;
/// A longer argument does not fit into a system call; `printf` is part of the shell and has no limit.
const MAX_ARGUMENT: usize = 100 << 10;

/// The command that repeats this request, or `None` if its body is too long for one.
pub(super) fn command(prepared: &Prepared, trace: &Trace) -> Option<String> {
    let mut line = String::with_capacity(160);
    line.push_str("curl -sS");
    let body = body(prepared)?;
    push_method(&mut line, prepared, !matches!(body, Body::None));
    if trace.redirects > 0 {
        line.push_str(" -L");
    }
    push_connection(&mut line, prepared);
    push_headers(&mut line, prepared, trace.jar_cookies.as_ref());
    match &body {
        Body::Argument(text) => {
            line.push_str(" --data-raw ");
            line.push_str(&quoted(text));
        }
        Body::File(path) => {
            line.push_str(" --data-binary ");
            line.push_str(&quoted(&format!("@{path}")));
        }
        Body::Parts(arguments) => line.push_str(arguments),
        Body::Piped(_) => line.push_str(" --data-binary @-"),
        Body::None => {}
    }
    let url = prepared.url.as_str();
    if url.contains(['{', '}', '[', ']']) {
        line.push_str(" -g");
    }
    line.push(' ');
    line.push_str(&quoted(url));
    match body {
        Body::Piped(command) => Some(format!("{command} | {line}")),
        _ => Some(line),
    }
}

enum Body {
    None,
    Argument(String),
    File(String),
    Parts(String),
    /// A command whose output is the body.
    Piped(String),
}

/// How the command gives the body; `None` if it cannot.
fn body(prepared: &Prepared) -> Option<Body> {
    Some(match &prepared.origin {
        Origin::None => Body::None,
        Origin::File(path) => Body::File(path.display().to_string()),
        Origin::Multipart(_) => Body::Parts(parts(prepared)?),
        Origin::Text => {
            if prepared.body.len() > MAX_BODY {
                return None;
            }
            let text = std::str::from_utf8(&prepared.body).ok()?;
            if text.contains('\0') {
                let escaped = text
                    .replace('\\', "\\\\")
                    .replace('%', "%%")
                    .replace('\0', "\\000");
                Body::Piped(format!("printf {}", quoted(&escaped)))
            } else if text.len() > MAX_ARGUMENT {
                Body::Piped(format!("printf %s {}", quoted(text)))
            } else {
                Body::Argument(text.to_owned())
            }
        }
    })
}

/// Each part as `-F`. Double quotes inside keep curl from reading `@`, `<` and `;` in a value.
fn parts(prepared: &Prepared) -> Option<String> {
    let Origin::Multipart(parts) = &prepared.origin else {
        return None;
    };
    let mut arguments = String::new();
    for part in parts {
        let name = &part.name;
        let mut argument = if let Some(path) = &part.file {
            format!("{name}=@{}", double_quoted(&path.display().to_string()))
        } else {
            let text = std::str::from_utf8(&part.content).ok()?;
            if text.contains('\0') || text.len() > MAX_ARGUMENT {
                return None;
            }
            format!("{name}={}", double_quoted(text))
        };
        if let Some(kind) = &part.content_type {
            let _ = write!(argument, ";type={kind}");
        }
        if let Some(filename) = &part.filename {
            let _ = write!(argument, ";filename={}", double_quoted(filename));
        }
        arguments.push_str(" -F ");
        arguments.push_str(&quoted(&argument));
    }
    Some(arguments)
}

fn push_method(line: &mut String, prepared: &Prepared, has_body: bool) {
    match (&prepared.method, has_body) {
        (&Method::GET, false) | (&Method::POST, true) => {}
        (&Method::HEAD, false) => line.push_str(" -I"),
        (method, _) => {
            line.push_str(" -X ");
            line.push_str(method.as_str());
        }
    }
}

fn push_connection(line: &mut String, prepared: &Prepared) {
    if prepared.url.scheme() == "https" {
        let trust = &prepared.trust;
        if trust.verify == Verify::Nothing {
            line.push_str(" -k");
        }
        let files = [
            ("--cacert", trust.ca.as_ref()),
            ("--cert", trust.identity.as_ref().map(|(cert, _)| cert)),
            ("--key", trust.identity.as_ref().map(|(_, key)| key)),
        ];
        for (option, pem) in files {
            if let Some(pem) = pem {
                let _ = write!(
                    line,
                    " {option} {}",
                    quoted(&pem.path.display().to_string())
                );
            }
        }
    }
    match (prepared.http2, prepared.url.scheme()) {
        (Some(true), "http") => line.push_str(" --http2-prior-knowledge"),
        (Some(true), _) => line.push_str(" --http2"),
        (Some(false), "https") => line.push_str(" --http1.1"),
        _ => {}
    }
    if exchange::bypasses_proxy(&prepared.url) {
        line.push_str(" --noproxy '*'");
    }
}

fn push_headers(line: &mut String, prepared: &Prepared, cookies: Option<&HeaderValue>) {
    if let Some(Credentials::Basic(user, password)) = &prepared.auth {
        let _ = write!(line, " -u {}", quoted(&format!("{user}:{password}")));
    }
    let is_basic = matches!(prepared.auth, Some(Credentials::Basic(..)));
    let is_multipart = matches!(prepared.origin, Origin::Multipart(_));
    for (name, value) in &prepared.headers {
        if prepared.traced && *name == TRACE {
            continue;
        }
        let given_otherwise = (name == AUTHORIZATION && is_basic)
            || (name == CONTENT_TYPE && is_multipart)
            || name == COOKIE;
        if given_otherwise {
            continue;
        }
        let value = String::from_utf8_lossy(value.as_bytes());
        // `name:` would take a header away; `name;` sends it empty.
        let header = if value.is_empty() {
            format!("{name};")
        } else {
            format!("{name}: {value}")
        };
        let _ = write!(line, " -H {}", quoted(&header));
    }
    if !matches!(prepared.origin, Origin::None | Origin::Multipart(_))
        && !prepared.headers.contains_key(CONTENT_TYPE)
    {
        line.push_str(" -H content-type:");
    }
    if matches!(prepared.origin, Origin::None) && exchange::expects_body(&prepared.method) {
        line.push_str(" -H 'content-length: 0'");
    }
    let own = prepared.headers.get(COOKIE);
    let all: Vec<_> = own
        .into_iter()
        .chain(cookies)
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    if !all.is_empty() {
        let _ = write!(line, " -b {}", quoted(&all.join("; ")));
    }
}

fn double_quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
