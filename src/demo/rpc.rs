use super::input::Body;
use super::order::Order;
use super::order_request::OrderRequest;
use super::problem::FieldError;
use super::service::App;
use super::shop::CancelError;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use serde_json::{Value, json};

const MAX_BATCH: usize = 100;

/// An error object of JSON-RPC.
struct RpcError {
    code: i64,
    message: String,
    data: Option<Value>,
}

impl RpcError {
    fn new(code: i64, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            data: None,
        }
    }

    fn request(message: &str) -> Self {
        Self::new(-32600, format!("Invalid Request: {message}"))
    }

    fn params(message: &str) -> Self {
        Self::new(-32602, format!("Invalid params: {message}"))
    }

    fn fields(errors: &[FieldError]) -> Self {
        let mut error = Self::params("some fields are wrong");
        error.data = Some(json!(errors));
        error
    }

    fn response(self, id: &Value) -> Value {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(data) = self.data {
            error["data"] = data;
        }
        json!({ "jsonrpc": "2.0", "id": id, "error": error })
    }
}

/// Answers a request, or a batch of them; 204 if all were notifications.
pub(super) async fn answer(State(app): State<App>, Body(body): Body) -> Response {
    let answer = match serde_json::from_slice(&body) {
        Err(error) => {
            Some(RpcError::new(-32700, format!("Parse error: {error}")).response(&Value::Null))
        }
        Ok(Value::Array(batch)) if batch.is_empty() || batch.len() > MAX_BATCH => {
            let message = format!("a batch holds 1 to {MAX_BATCH} requests");
            Some(RpcError::request(&message).response(&Value::Null))
        }
        Ok(Value::Array(batch)) => {
            let answers: Vec<Value> = batch.iter().filter_map(|one| respond(&app, one)).collect();
            (!answers.is_empty()).then(|| answers.into())
        }
        Ok(one) => respond(&app, &one),
    };
    match answer {
        Some(answer) => Json(answer).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

/// The response to one request; `None` for a notification.
fn respond(app: &App, request: &Value) -> Option<Value> {
    let id = request.get("id").unwrap_or(&Value::Null);
    let method = match valid_method(request, id) {
        Ok(method) => method,
        Err(message) => {
            let id = if is_id(id) { id } else { &Value::Null };
            return Some(RpcError::request(message).response(id));
        }
    };
    let params = request.get("params").unwrap_or(&Value::Null);
    let result = call(app, method, params);
    request.get("id")?;
    Some(match result {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(error) => error.response(id),
    })
}

fn valid_method<'r>(request: &'r Value, id: &Value) -> Result<&'r str, &'static str> {
    if request.get("jsonrpc") != Some(&json!("2.0")) {
        return Err("jsonrpc must be \"2.0\"");
    }
    if !is_id(id) {
        return Err("id must be a text, a number or null");
    }
    if request
        .get("params")
        .is_some_and(|params| !params.is_object() && !params.is_array())
    {
        return Err("params must be an object or a list");
    }
    request
        .get("method")
        .and_then(Value::as_str)
        .ok_or("method must be a text")
}

fn is_id(id: &Value) -> bool {
    matches!(id, Value::Null | Value::String(_) | Value::Number(_))
}

fn call(app: &App, method: &str, params: &Value) -> Result<Value, RpcError> {
    match method {
        "order.create" => {
            let request = OrderRequest::read(params).map_err(|errors| RpcError::fields(&errors))?;
            Ok(app.shop(|shop, now| shop.place(request, now).json()))
        }
        "order.get" => {
            let id = order_id(params)?;
            app.shop(|shop, _| shop.order(id).map(Order::json))
                .ok_or_else(|| unknown_order(id))
        }
        "order.cancel" => {
            let id = order_id(params)?;
            app.shop(|shop, now| shop.cancel(id, now).map(Order::json))
                .map_err(|error| match error {
                    CancelError::Unknown => unknown_order(id),
                    CancelError::Settled(status) => {
                        RpcError::new(-32002, format!("order {id} is {}", status.word()))
                    }
                })
        }
        "sum" => sum(params),
        "echo" => Ok(params.clone()),
        _ => Err(RpcError::new(-32601, format!("Method not found: {method}"))),
    }
}

fn order_id(params: &Value) -> Result<u64, RpcError> {
    let id = params.get("id").or_else(|| params.get(0));
    id.and_then(Value::as_u64)
        .ok_or_else(|| RpcError::params("id must be the number of an order"))
}

fn unknown_order(id: u64) -> RpcError {
    RpcError::new(-32001, format!("there is no order {id}"))
}

/// The sum of a list of numbers, or of the list `numbers`. Whole numbers stay whole.
fn sum(params: &Value) -> Result<Value, RpcError> {
    let numbers = params.get("numbers").unwrap_or(params);
    let numbers = numbers
        .as_array()
        .filter(|numbers| numbers.iter().all(Value::is_number))
        .ok_or_else(|| RpcError::params("a list of numbers is due"))?;
    let whole: Option<Vec<i64>> = numbers.iter().map(Value::as_i64).collect();
    match whole {
        Some(whole) => whole
            .into_iter()
            .try_fold(0i64, i64::checked_add)
            .map(Value::from)
            .ok_or_else(|| RpcError::params("the sum does not fit into 64 bits")),
        None => Ok(numbers.iter().filter_map(Value::as_f64).sum::<f64>().into()),
    }
}
