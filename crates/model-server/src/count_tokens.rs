//! `/v1/messages/count_tokens`: an estimate without an upstream request.

use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};

use super::{Service, body, response, seats::Sitting};
use dialects::messages;

pub(super) async fn count(
    State(service): State<Service>,
    request: Request,
) -> Result<Response, response::Refusal> {
    let inner = &service.0;
    let receiving = request.extensions().get::<Sitting>().map(Sitting::receiving);
    let received = body::receive(request, &inner.limits, &inner.bodies).await?;
    drop(receiving);
    let (counted, _held) = received.read(messages::count_tokens).await?;
    Ok(Json(counted).into_response())
}
