use super::catalog;
use super::order_status::OrderOutcome;
use super::problem::FieldError;
use serde_json::{Map, Value as Json};
use std::time::Duration;

const MAX_QTY: u64 = 1000;
const MAX_LINES: usize = 20;
const MAX_PACE_MS: u64 = 10_000;
const MAX_CUSTOMER: usize = 64;

/// What a customer asks for, checked.
#[derive(Debug)]
pub(super) struct OrderRequest {
    pub(super) customer: String,
    /// Places in the catalogue, and how many of each.
    pub(super) lines: Vec<(usize, u64)>,
    pub(super) outcome: OrderOutcome,
    /// `None`: the seed decides.
    pub(super) pace: Option<Duration>,
}

impl OrderRequest {
    /// Reads `{sku, qty, customer, pace, outcome}`, or `{lines: [{sku, qty}, …], …}`.
    ///
    /// # Errors
    /// Every field that is wrong.
    pub(super) fn read(body: &Json) -> Result<Self, Vec<FieldError>> {
        let Json::Object(members) = body else {
            return Err(vec![FieldError::new("", "must be an object")]);
        };
        let mut errors = Vec::new();
        let known = ["sku", "qty", "lines", "customer", "pace", "outcome"];
        refuse_unknown(members, &known, "", &mut errors);
        let lines = read_lines(members, &mut errors);
        let customer = match members.get("customer") {
            None | Some(Json::Null) => "guest".to_owned(),
            Some(Json::String(name)) if (1..=MAX_CUSTOMER).contains(&name.chars().count()) => {
                name.clone()
            }
            Some(_) => {
                let detail = format!("must be a text of 1 to {MAX_CUSTOMER} characters");
                errors.push(FieldError::new("customer", detail));
                String::new()
            }
        };
        let pace = match members.get("pace") {
            None | Some(Json::Null) => None,
            Some(pace) => {
                let millis = pace.as_u64().filter(|millis| *millis <= MAX_PACE_MS);
                if millis.is_none() {
                    let detail = format!("must be milliseconds from 0 to {MAX_PACE_MS}");
                    errors.push(FieldError::new("pace", detail));
                }
                millis.map(Duration::from_millis)
            }
        };
        let outcome = match members.get("outcome") {
            None | Some(Json::Null) => OrderOutcome::Shipped,
            Some(word) => word
                .as_str()
                .and_then(OrderOutcome::parse)
                .unwrap_or_else(|| {
                    let words = OrderOutcome::WORDS.map(|(word, _)| word).join(", ");
                    errors.push(FieldError::new(
                        "outcome",
                        format!("must be one of {words}"),
                    ));
                    OrderOutcome::Shipped
                }),
        };
        if errors.is_empty() {
            Ok(Self {
                customer,
                lines,
                outcome,
                pace,
            })
        } else {
            Err(errors)
        }
    }
}

fn read_lines(members: &Map<String, Json>, errors: &mut Vec<FieldError>) -> Vec<(usize, u64)> {
    match members.get("lines") {
        None | Some(Json::Null) => Vec::from_iter(read_line(members, "", errors)),
        Some(Json::Array(lines)) if (1..=MAX_LINES).contains(&lines.len()) => {
            for name in ["sku", "qty"] {
                if members.contains_key(name) {
                    errors.push(FieldError::new(name, "stands in lines already"));
                }
            }
            let mut read = Vec::new();
            for (number, line) in lines.iter().enumerate() {
                let path = format!("lines[{number}]");
                match line {
                    Json::Object(line) => {
                        let prefix = format!("{path}.");
                        refuse_unknown(line, &["sku", "qty"], &prefix, errors);
                        read.extend(read_line(line, &prefix, errors));
                    }
                    _ => errors.push(FieldError::new(path, "must be an object")),
                }
            }
            read
        }
        Some(_) => {
            let detail = format!("must be a list of 1 to {MAX_LINES} lines");
            errors.push(FieldError::new("lines", detail));
            Vec::new()
        }
    }
}

fn read_line(
    members: &Map<String, Json>,
    prefix: &str,
    errors: &mut Vec<FieldError>,
) -> Option<(usize, u64)> {
    let item = match members.get("sku") {
        None | Some(Json::Null) => Err("is missing".to_owned()),
        Some(Json::String(sku)) => {
            catalog::find(sku).ok_or_else(|| "is not in the catalogue".to_owned())
        }
        Some(_) => Err("must be a text".to_owned()),
    };
    let qty = match members.get("qty") {
        None | Some(Json::Null) => Ok(1),
        Some(qty) => qty
            .as_u64()
            .filter(|qty| (1..=MAX_QTY).contains(qty))
            .ok_or_else(|| format!("must be a whole number from 1 to {MAX_QTY}")),
    };
    match (item, qty) {
        (Ok(item), Ok(qty)) => Some((item, qty)),
        (item, qty) => {
            let mut refuse = |name: &str, detail| {
                errors.push(FieldError::new(format!("{prefix}{name}"), detail));
            };
            if let Err(detail) = item {
                refuse("sku", detail);
            }
            if let Err(detail) = qty {
                refuse("qty", detail);
            }
            None
        }
    }
}

fn refuse_unknown(
    members: &Map<String, Json>,
    known: &[&str],
    prefix: &str,
    errors: &mut Vec<FieldError>,
) {
    for name in members
        .keys()
        .filter(|name| !known.contains(&name.as_str()))
    {
        errors.push(FieldError::new(format!("{prefix}{name}"), "is not known"));
    }
}
