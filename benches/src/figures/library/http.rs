//! What the layers for HTTP cost per request, in this process.

use std::convert::Infallible;
use std::time::Instant;

use kiln::http::lambda_http::{Adapter, Body, Request, Response, request::LambdaRequest};
use kiln::http::{BodyLimitLayer, ETagLayer, Events, StageLayer, cors};
use kiln::tower::{Service, ServiceBuilder, ServiceExt as _, service_fn};
use kiln::{Context, LambdaEvent};
use serde::Serialize;

use super::{failed, on_one_thread};
use crate::error::BenchError;
use crate::figures::{Plan, round};
use crate::report::{Row, Section};
use crate::statistics::{median, microseconds};

/// How many requests a time is taken over.
const REQUESTS: u32 = 20_000;
/// A GET through an HTTP API.
const EVENT: &str = r#"{
    "version": "2.0", "routeKey": "$default", "rawPath": "/orders/7", "rawQueryString": "",
    "headers": {"accept": "application/json", "host": "example.com"},
    "requestContext": {
        "http": {"method": "GET", "path": "/orders/7"}, "stage": "$default", "requestId": "1"
    },
    "isBase64Encoded": false
}"#;

pub(in crate::figures) fn measure(plan: &Plan) -> Result<Section, BenchError> {
    let (mut bare, mut run, mut all) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..plan.runs {
        round("http", number, plan.runs);
        bare.push(on_one_thread(per_request(Adapter::from(service_fn(
            answer,
        ))))?);
        run.push(on_one_thread(per_request(Events::new(service_fn(answer))))?);
        all.push(on_one_thread(per_request(with_all_layers()?))?);
    }
    let bare = median(bare);
    Ok(Section {
        figure: String::new(),
        title: "a request over HTTP, from event to answer (bare: lambda_http alone)",
        rows: vec![
            Row::new("`http::run`: id, problems, deadline, limit", "µs")
                .kiln(median(run))
                .bare(bare),
            Row::new("the same, with stage, CORS, tag and body limit", "µs")
                .kiln(median(all))
                .bare(bare),
        ],
        notes: vec![format!(
            "medians of {} rounds of {REQUESTS} requests, on one thread; from and to JSON",
            plan.runs
        )],
    })
}

fn with_all_layers() -> Result<Events, BenchError> {
    let cors = cors(["https://shop.example"]).map_err(failed)?;
    let service = ServiceBuilder::new()
        .layer(StageLayer::new())
        .layer(cors)
        .layer(ETagLayer::new())
        .layer(BodyLimitLayer::new(128 * 1024))
        .service(service_fn(answer));
    Ok(Events::new(service))
}

async fn answer(_request: Request) -> Result<Response<Body>, Infallible> {
    let mut answer = Response::new(Body::from(r#"{"orderId":"ord-1001","totalCents":4490}"#));
    let json = http::HeaderValue::from_static("application/json");
    answer
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, json);
    Ok(answer)
}

/// µs per request, with the JSON of both sides.
async fn per_request<S>(service: S) -> f64
where
    S: Service<LambdaEvent<LambdaRequest>, Error = Infallible> + Clone,
    S::Response: Serialize,
{
    let mut context = Context::default();
    context.request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned();
    let began = Instant::now();
    for _ in 0..REQUESTS {
        let Ok(payload) = serde_json::from_str(EVENT) else {
            return f64::NAN;
        };
        let event = LambdaEvent::new(payload, context.clone());
        let answered = match service.clone().oneshot(event).await {
            Ok(answer) => serde_json::to_vec(&answer),
            Err(never) => match never {},
        };
        // What cannot be written would be measured as nothing.
        if std::hint::black_box(answered).is_err() {
            return f64::NAN;
        }
    }
    microseconds(began.elapsed()) / f64::from(REQUESTS)
}
