//! `/.rt/{function}/…`: the Runtime API for a function started elsewhere, in a debugger say.
//!
//! The variable `AWS_LAMBDA_RUNTIME_API=http://HOST:PORT/.rt/FUNCTION` in an IDE's launch configuration
//! stays the same from run to run, which the port of an environment of our own does not.

use http::uri::PathAndQuery;
use http::{Request, Uri};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use kiln_protocol::error::ServiceError;
use kiln_protocol::function::FunctionArn;

use super::ONLY_FUNCTION;
use super::reply::Reply;
use crate::service::Service;

pub(super) async fn handle(
    service: &Service,
    segments: &[&str],
    request: Request<Incoming>,
) -> Reply {
    // `/.rt/2018-06-01/…` is the only function's.
    let (name, rest) = match segments {
        ["2018-06-01", ..] => (ONLY_FUNCTION, segments),
        [name, rest @ ..] => (*name, rest),
        [] => (ONLY_FUNCTION, segments),
    };
    let config = service.config();
    let arn = FunctionArn {
        region: config.region.clone(),
        account: config.account.clone(),
        name: name.to_owned(),
        qualifier: None,
    };
    let function = match service.function(&arn) {
        Ok(function) => function,
        Err(error) => return Reply::error(&error),
    };
    let Some(environment) = function.external_environment() else {
        return Reply::error(&ServiceError::ResourceConflict(format!(
            "`{}` is started by kiln itself: run `kiln watch --only-lambda-apis` to start it elsewhere",
            function.name()
        )));
    };
    let (mut parts, body) = request.into_parts();
    let path = format!("/{}", rest.join("/"));
    if let Ok(path) = path.parse::<PathAndQuery>() {
        parts.uri = Uri::from(path);
    }
    let (parts, body) = environment
        .serve(Request::from_parts(parts, body))
        .await
        .into_parts();
    let body = body.collect().await.map(|body| body.to_bytes());
    Reply::from_response(parts.status, parts.headers, body.unwrap_or_default())
}
