use super::catalog::{self, ITEMS};
use super::input::{JsonBody, Params};
use super::order_request::OrderRequest;
use super::order_status::OrderStatus;
use super::problem::{FieldError, Problem};
use super::service::App;
use super::shop::CancelError;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use serde_json::{Value, json};

const MAX_PAGE: usize = 500;

pub(super) async fn catalog(State(app): State<App>) -> Json<Value> {
    let items: Vec<Value> = app.shop(|shop, _| {
        let show = |(number, item): (usize, &catalog::Item)| item.json(shop.left(number));
        ITEMS.iter().enumerate().map(show).collect()
    });
    Json(json!({ "items": items }))
}

pub(super) async fn item(
    State(app): State<App>,
    Path(sku): Path<String>,
) -> Result<Json<Value>, Problem> {
    let item = catalog::find(&sku)
        .ok_or_else(|| Problem::not_found(format_args!("item {sku} in the catalogue")))?;
    Ok(Json(app.shop(|shop, _| ITEMS[item].json(shop.left(item)))))
}

pub(super) async fn place(
    State(app): State<App>,
    params: Params,
    JsonBody(mut body): JsonBody,
) -> Result<Response, Problem> {
    if let Value::Object(members) = &mut body {
        for (name, value) in params.0 {
            let value = match name.as_str() {
                "pace" => value
                    .parse::<u64>()
                    .map_or(Value::String(value), Into::into),
                "outcome" => Value::String(value),
                _ => {
                    let error = FieldError::new(name, "is not known in the query");
                    return Err(Problem::invalid(vec![error]));
                }
            };
            members.insert(name, value);
        }
    }
    let request = OrderRequest::read(&body).map_err(Problem::invalid)?;
    let (id, order) = app.shop(|shop, now| {
        let order = shop.place(request, now);
        (order.id, order.json())
    });
    let location = [(header::LOCATION, format!("/orders/{id}"))];
    Ok((StatusCode::CREATED, location, Json(order)).into_response())
}

pub(super) async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let number = order_number(&id)?;
    app.shop(|shop, _| shop.order(number).map(super::order::Order::json))
        .map(Json)
        .ok_or_else(|| unknown(&id))
}

pub(super) async fn cancel(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let number = order_number(&id)?;
    app.shop(|shop, now| shop.cancel(number, now).map(super::order::Order::json))
        .map(Json)
        .map_err(|error| match error {
            CancelError::Unknown => unknown(&id),
            CancelError::Settled(status) => Problem::new(
                StatusCode::CONFLICT,
                "settled",
                format!("order {id} is {} and cannot be cancelled", status.word()),
            ),
        })
}

pub(super) async fn list(State(app): State<App>, params: Params) -> Result<Json<Value>, Problem> {
    let limit = params.number("limit", 100, 1..=MAX_PAGE)?;
    let after = params.number("cursor", 0, 0..=u64::MAX)?;
    let status = match params.get("status") {
        None => None,
        Some(word) => Some(OrderStatus::parse(word).ok_or_else(|| {
            let words = OrderStatus::ALL.map(OrderStatus::word).join(", ");
            let detail = format!("must be one of {words}");
            Problem::invalid(vec![FieldError::new("status", detail)])
        })?),
    };
    let customer = params.get("customer");
    let page = app.shop(|shop, _| {
        shop.list(after, limit, |order| {
            status.is_none_or(|status| order.status == status)
                && customer.is_none_or(|customer| order.customer == customer)
        })
    });
    let next = page.next.map(|id| id.to_string());
    Ok(Json(json!({ "items": page.items, "next_cursor": next })))
}

/// The number of an order; a text that is no number names no order.
pub(super) fn order_number(id: &str) -> Result<u64, Problem> {
    id.parse().map_err(|_| unknown(id))
}

pub(super) fn unknown(id: impl std::fmt::Display) -> Problem {
    Problem::not_found(format_args!("order {id}"))
}
