use super::fields::{Auth, Cookies, Fields, Follow, Tls};
use crate::client::contract::UrlText;
use crate::client::value::{Text, present};
use crate::event::{Failure, Json};
use reqwest::Method;
use schemars::JsonSchema;
use serde::Deserialize;

/// The most bytes that a request's body may have.
pub(super) const MAX_BODY: u64 = 64 << 20;

/// A request: exactly one method with its URL, and at most one body.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("oneOf" = [
    { "required": ["get"] },
    { "required": ["post"] },
    { "required": ["put"] },
    { "required": ["patch"] },
    { "required": ["delete"] },
    { "required": ["head"] },
    { "required": ["options"] }
], "allOf" = [{ "oneOf": [
    { "required": ["json"] },
    { "required": ["form"] },
    { "required": ["multipart"] },
    { "required": ["text"] },
    { "required": ["file"] },
    { "required": ["graphql"] },
    { "not": { "anyOf": [
    { "required": ["json"] },
    { "required": ["form"] },
    { "required": ["multipart"] },
    { "required": ["text"] },
    { "required": ["file"] },
    { "required": ["graphql"] }
    ] } }
] }]))]
pub struct Request {
    /// GET this URL: a path, which is appended to the client's `base_url`, or a whole URL.
    #[schemars(with = "Option<UrlText>")]
    pub get: Option<String>,
    /// POST to this URL.
    #[schemars(with = "Option<UrlText>")]
    pub post: Option<String>,
    /// PUT to this URL.
    #[schemars(with = "Option<UrlText>")]
    pub put: Option<String>,
    /// PATCH this URL.
    #[schemars(with = "Option<UrlText>")]
    pub patch: Option<String>,
    /// DELETE this URL.
    #[schemars(with = "Option<UrlText>")]
    pub delete: Option<String>,
    /// HEAD of this URL: the answer has no body.
    #[schemars(with = "Option<UrlText>")]
    pub head: Option<String>,
    /// OPTIONS of this URL.
    #[schemars(with = "Option<UrlText>")]
    pub options: Option<String>,
    /// Appended to the URL as `?name=value`; a list repeats the name.
    pub query: Option<Fields>,
    /// Headers; a list repeats the name. They replace the client's.
    pub headers: Option<Fields>,
    /// A body: any value, sent as JSON.
    #[serde(deserialize_with = "present")]
    #[schemars(extend("x-keys" = "template"))]
    pub json: Option<Json>,
    /// A body: fields, sent as an HTML form does (`application/x-www-form-urlencoded`).
    pub form: Option<Fields>,
    /// A body: parts, sent as `multipart/form-data`. A part is a text, or one of
    /// `{text: …}`, `{json: …}`, `{file: PATH}`, with `type` (its content type) and `filename`.
    #[schemars(extend("x-keys" = "template"))]
    pub multipart: Option<serde_json::Map<String, Json>>,
    /// A body: this text.
    pub text: Option<Text>,
    /// A body: the content of this file, relative to the file that names it.
    pub file: Option<String>,
    /// A body: a GraphQL operation.
    pub graphql: Option<Graphql>,
    /// Who asks, instead of the client's: `{basic: [user, password]}` or `{bearer: token}`.
    pub auth: Option<Auth>,
    /// `false` neither sends nor stores cookies; a map is sent beside those in the jar.
    pub cookies: Option<Cookies>,
    /// Whether redirects are followed, instead of the client's: true, false, or the most that are.
    pub follow_redirects: Option<Follow>,
    /// Certificates, instead of the client's.
    pub tls: Option<Tls>,
    /// HTTP/2, instead of the client's: true forces it, false forbids it.
    pub http2: Option<bool>,
}

/// A GraphQL operation; sent as JSON.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Graphql {
    /// The document.
    pub query: String,
    /// The values of its `$variables`.
    #[serde(default)]
    #[schemars(extend("x-keys" = "template"))]
    pub variables: Option<serde_json::Map<String, Json>>,
    /// The operation to run, if the document holds several.
    #[serde(default)]
    pub operation: Option<String>,
}

/// A source: server-sent events.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The URL of the event stream: a path, which is appended to the client's `base_url`, or a whole URL.
    #[schemars(with = "UrlText")]
    pub sse: String,
    /// Appended to the URL as `?name=value`; a list repeats the name.
    #[serde(default)]
    pub query: Option<Fields>,
    /// Headers; a list repeats the name. They replace the client's.
    #[serde(default)]
    pub headers: Option<Fields>,
    /// Who asks, instead of the client's.
    #[serde(default)]
    pub auth: Option<Auth>,
    /// Certificates, instead of the client's.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// Whether a stream that ended or broke is opened again, in the protocol's own way: behind the last event
    /// (`Last-Event-ID`), after the wait that the server names (`retry:`). By default it is not (default false).
    #[serde(default)]
    pub reconnect: Option<bool>,
}

impl From<Source> for Request {
    fn from(source: Source) -> Self {
        Self {
            get: Some(source.sse),
            query: source.query,
            headers: source.headers,
            auth: source.auth,
            tls: source.tls,
            ..Self::default()
        }
    }
}

/// The methods that a request may have, as a map writes them.
pub(super) const METHODS: [&str; 7] = ["get", "post", "put", "patch", "delete", "head", "options"];

/// The one body that a request has.
#[derive(Debug)]
pub(super) enum Payload {
    None,
    Json(Json),
    Form(Fields),
    Multipart(serde_json::Map<String, Json>),
    Text(String),
    File(String),
}

impl Request {
    /// Its method with its URL as written.
    pub(super) fn target(&self) -> Result<(Method, &str), Failure> {
        let written = [
            (Method::GET, &self.get),
            (Method::POST, &self.post),
            (Method::PUT, &self.put),
            (Method::PATCH, &self.patch),
            (Method::DELETE, &self.delete),
            (Method::HEAD, &self.head),
            (Method::OPTIONS, &self.options),
        ];
        let mut found = written
            .into_iter()
            .filter_map(|(method, url)| url.as_deref().map(|url| (method, url)));
        match (found.next(), found.next()) {
            (Some(target), None) => Ok(target),
            (Some((first, _)), Some((second, _))) => Err(Failure::protocol(format!(
                "a request has one method, but both `{}` and `{}` are written",
                first.as_str().to_lowercase(),
                second.as_str().to_lowercase()
            ))),
            (None, _) => Err(Failure::protocol("the request has no method")
                .hint("write one of get, post, put, patch, delete, head, options with the URL: `get: /orders`")),
        }
    }

    /// Takes its body out.
    pub(super) fn take_payload(&mut self) -> Result<Payload, Failure> {
        let mut found: Vec<(&str, Payload)> = Vec::new();
        if let Some(value) = self.json.take() {
            found.push(("json", Payload::Json(value)));
        }
        if let Some(fields) = self.form.take() {
            found.push(("form", Payload::Form(fields)));
        }
        if let Some(parts) = self.multipart.take() {
            found.push(("multipart", Payload::Multipart(parts)));
        }
        if let Some(Text(text)) = self.text.take() {
            found.push(("text", Payload::Text(text)));
        }
        if let Some(path) = self.file.take() {
            found.push(("file", Payload::File(path)));
        }
        if let Some(graphql) = self.graphql.take() {
            found.push(("graphql", Payload::Json(graphql.into_json())));
        }
        if let [(first, _), (second, _), ..] = found.as_slice() {
            return Err(Failure::protocol(format!(
                "a request has one body, but both `{first}` and `{second}` are written"
            )));
        }
        Ok(found.pop().map_or(Payload::None, |(_, payload)| payload))
    }
}

impl Graphql {
    fn into_json(self) -> Json {
        let mut body = serde_json::Map::new();
        body.insert("query".into(), self.query.into());
        if let Some(variables) = self.variables {
            body.insert("variables".into(), Json::Object(variables));
        }
        if let Some(operation) = self.operation {
            body.insert("operationName".into(), operation.into());
        }
        Json::Object(body)
    }
}

/// `GET /path` as a map.
pub(super) fn short(text: &str) -> Result<Json, String> {
    let text = text.trim();
    let (word, url) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let url = url.trim();
    let lower = word.to_lowercase();
    if METHODS.contains(&lower.as_str()) {
        if word != word.to_uppercase() {
            return Err(format!(
                "a method is written in upper case: `{} {url}`",
                word.to_uppercase()
            ));
        }
        if url.is_empty() {
            return Err(format!("`{word}` lacks its URL: `{word} /orders`"));
        }
        let mut map = serde_json::Map::new();
        map.insert(lower, url.into());
        return Ok(Json::Object(map));
    }
    if url.is_empty() || word.contains(['/', ':', '$']) {
        return Err(format!(
            "{text:?} begins with no method: write `GET {}`",
            if text.is_empty() { "/orders" } else { text }
        ));
    }
    let nearest = METHODS
        .iter()
        .map(|method| (strsim::osa_distance(&lower, method), method))
        .min()
        .filter(|(distance, method)| *distance <= (method.len() / 3).max(1));
    Err(match nearest {
        Some((_, method)) => format!(
            "there is no method `{word}`: did you mean `{} {url}`?",
            method.to_uppercase()
        ),
        None => format!(
            "there is no method `{word}`: write one of {}",
            METHODS.map(str::to_uppercase).join(", ")
        ),
    })
}

/// A URL alone is an event stream.
pub(super) fn short_source(text: &str) -> Result<Json, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("a source is the URL of an event stream: `/events`".to_owned());
    }
    if text.contains(char::is_whitespace) && !text.contains("${") {
        return Err(format!(
            "{text:?} is no URL of an event stream: write `/events`, or a map `{{sse: /events}}`"
        ));
    }
    Ok(serde_json::json!({ "sse": text }))
}

/// `POST /orders`, from the map form.
pub(super) fn label(request: &Json) -> String {
    written_method(request).map_or_else(
        || "an HTTP request".to_owned(),
        |(method, url)| format!("{} {url}", method.to_uppercase()),
    )
}

/// Whether the method is one that changes nothing.
pub(super) fn is_safe(request: &Json) -> bool {
    written_method(request).is_some_and(|(method, _)| matches!(method, "get" | "head" | "options"))
}

fn written_method(request: &Json) -> Option<(&'static str, &str)> {
    METHODS.iter().find_map(|method| {
        let url = request.get(method)?.as_str()?;
        Some((*method, url))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request(value: Json) -> Request {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_short_request_is_a_method_and_a_url() {
        assert_eq!(short("GET /orders"), Ok(json!({"get": "/orders"})));
        assert_eq!(
            short("DELETE  /orders/${id} "),
            Ok(json!({"delete": "/orders/${id}"}))
        );
        assert_eq!(short("GET ${url}"), Ok(json!({"get": "${url}"})));
        let error = |text| short(text).unwrap_err();
        assert_eq!(
            error("get /x"),
            "a method is written in upper case: `GET /x`"
        );
        assert!(error("GTE /x").contains("did you mean `GET /x`"));
        assert!(error("PSOT /x").contains("did you mean `POST /x`"));
        assert!(error("FETCH /x").contains("GET, POST, PUT"));
        assert!(error("/orders").contains("`GET /orders`"));
        assert!(error("http://h/a b").contains("begins with no method"));
        assert!(error("GET").contains("lacks its URL"));
        assert!(error("").contains("`GET /orders`"));
    }

    #[test]
    fn a_request_has_one_method() {
        let two = request(json!({"get": "/a", "post": "/b"}));
        assert_eq!(
            two.target().unwrap_err().message,
            "a request has one method, but both `get` and `post` are written"
        );
        assert!(
            request(json!({}))
                .target()
                .unwrap_err()
                .hint
                .unwrap()
                .contains("get, post")
        );
        assert_eq!(
            request(json!({"patch": "/a"})).target().unwrap(),
            (Method::PATCH, "/a")
        );
    }

    #[test]
    fn a_request_has_one_body() {
        let mut two = request(json!({"post": "/a", "json": null, "text": "x"}));
        assert_eq!(
            two.take_payload().unwrap_err().message,
            "a request has one body, but both `json` and `text` are written"
        );
        let mut null = request(json!({"post": "/a", "json": null}));
        assert!(matches!(
            null.take_payload().unwrap(),
            Payload::Json(Json::Null)
        ));
        assert!(serde_json::from_value::<Request>(json!({"get": "/a", "jsn": 1})).is_err());
    }

    #[test]
    fn labels_and_safety_come_from_the_method() {
        assert_eq!(
            label(&json!({"json": {}, "post": "/o/${id}"})),
            "POST /o/${id}"
        );
        assert!(is_safe(&json!({"get": "/"})));
        assert!(!is_safe(&json!({"delete": "/"})));
        assert!(!is_safe(&json!(7)));
    }
}
