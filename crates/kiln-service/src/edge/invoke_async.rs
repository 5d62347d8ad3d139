//! `InvokeAsync`, which AWS deprecates and old clients still call: an `Event` invocation with a path of its
//! own.

use http::Request;
use hyper::body::Incoming;
use kiln_protocol::invoke::InvocationType;

use super::invoke;
use super::reply::Reply;
use crate::service::Service;

pub(super) async fn handle(service: &Service, name: &str, request: Request<Incoming>) -> Reply {
    // Whatever else the caller asks for: the operation has no other way.
    let event = |_: Option<&str>| Ok(InvocationType::Event);
    invoke::operate(service, name, request, event, invoke::invoke).await
}
