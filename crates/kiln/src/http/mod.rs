//! Layers for functions that answer HTTP requests.
//!
//! They are [`tower`] layers over `Service<http::Request<B>>`, for handlers of [`lambda_http`] and
//! routers of axum alike, and do what these two leave open: errors and panics become [problem
//! documents](Problem), answers that Lambda would refuse become errors one can read, and what API
//! Gateway, load balancers and function URLs do to a response is allowed for.
//!
//! | layer | does |
//! | --- | --- |
//! | [`ProblemLayer`] | errors, panics and empty error answers become `application/problem+json` |
//! | [`DeadlineLayer`] | answers 504 before Lambda ends the invocation |
//! | [`BodyLimitLayer`] | answers 413 to a request that is too large |
//! | [`ResponseLimitLayer`] | answers 500, and logs why, in place of a response that Lambda would refuse |
//! | [`RequestIdLayer`] | tells callers the request id |
//! | [`StageLayer`] | takes API Gateway's stage out of the path |
//! | [`ETagLayer`] | answers 304 when the caller has the body already |
//! | [`cors()`] | answers preflight requests, and lets browsers read the answer |
//! | `CompressionLayer` | compresses bodies; a feature of its own, `http-compression` |
//!
//! [`run`](fn@run) applies those that belong to every function: request id, problems, deadline and
//! response limit. The others are added by choice, as to any service. The first one added is
//! outermost, and this is the order that works:
//!
//! ```
//! use kiln::http::{self, BodyLimitLayer, DeadlineLayer, ETagLayer, ProblemLayer, RequestIdLayer};
//! use kiln::tower::{ServiceBuilder, ServiceExt as _, service_fn};
//! use lambda_http::{Body, Request, Response};
//! use std::convert::Infallible;
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
//! # runtime.block_on(async {
//! let service = ServiceBuilder::new()
//!     .layer(RequestIdLayer::new())
//!     .layer(http::cors(["https://shop.example"]).unwrap())
//!     .layer(ETagLayer::new())
//!     .layer(ProblemLayer::new())
//!     .layer(DeadlineLayer::new())
//!     .layer(BodyLimitLayer::new(64 * 1024))
//!     .service(service_fn(|request: Request| async move {
//!         Ok::<_, Infallible>(Response::new(Body::from(format!("{}", request.uri()))))
//!     }));
//! let answer = service.oneshot(Request::default()).await.unwrap();
//! assert!(answer.headers().contains_key("etag"));
//! # });
//! ```

mod body_limit;
#[cfg(feature = "http-compression")]
mod compression;
mod cors;
mod deadline;
mod entry;
mod etag;
mod events;
mod problem;
mod problem_layer;
mod request_id;
mod response_limit;
mod stage;

use futures_util::future::BoxFuture;
use lambda_http::RequestExt as _;

use crate::invocation;

pub use self::body_limit::{BodyLimitLayer, BodyLimitService};
#[cfg(feature = "http-compression")]
pub use self::compression::{CompressionLayer, CompressionService};
pub use self::cors::{InvalidOrigin, cors};
pub use self::entry::{run, run_streaming};
pub use self::etag::{ETagLayer, ETagService};
pub use self::events::{Events, HttpAnswer};
pub use self::problem::Problem;
pub use self::problem_layer::{ProblemLayer, ProblemService};
pub use self::request_id::{RequestIdLayer, RequestIdService};
pub use self::response_limit::{
    ALB_RESPONSE_LIMIT, RESPONSE_LIMIT, ResponseLimitLayer, ResponseLimitService,
};
pub use self::stage::{StageLayer, StageService};
#[doc(no_inline)]
pub use crate::deadline::{DeadlineLayer, DeadlineService};
pub use lambda_http;

/// What the layers' services return.
type Answering<R, E> = BoxFuture<'static, Result<::http::Response<R>, E>>;

/// The id of the invocation that the request came with.
fn request_id<B>(request: &::http::Request<B>) -> Option<String> {
    let of_request = request
        .extensions()
        .lambda_context_ref()
        .map(|context| context.request_id.clone());
    of_request.filter(|id| !id.is_empty()).or_else(current_id)
}

/// The id of the current invocation.
fn current_id() -> Option<String> {
    let current = invocation::current()?;
    Some(current.context.request_id.clone()).filter(|id| !id.is_empty())
}
