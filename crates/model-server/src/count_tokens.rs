//! `/v1/messages/count_tokens`: an estimate without an upstream request.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};

use super::{Service, body, current::Current, response, seats::Sitting};
use dialects::messages;

pub(super) async fn count(
    State(service): State<Service>,
    Extension(current): Extension<Arc<Current>>,
    request: Request,
) -> Result<Response, response::Refusal> {
    let receiving = request.extensions().get::<Sitting>().map(Sitting::receiving);
    let received = body::receive(request, &current.limits, &service.0.bodies).await?;
    drop(receiving);
    let (counted, _held) = received.read(messages::count_tokens).await?;
    Ok(Json(counted).into_response())
}
