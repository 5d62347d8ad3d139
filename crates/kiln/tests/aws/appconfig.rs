//! Against a data plane of AppConfig, which moto does not have: what its [API reference] says of
//! sessions, tokens and empty bodies.
//!
//! [API reference]: https://docs.aws.amazon.com/appconfig/2019-10-09/APIReference/API_Operations_AWS_AppConfig_Data.html

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_appconfigdata::Client;
use kiln::flags::FeatureFlags;
use kiln::parameters::{AppConfig, ParameterError, Parameters};
use serde_json::{Value, json};

use crate::time::Time;
use crate::wire::{Answer, Request, serve};

/// One configuration profile, `limits` of `shop` in `production`.
#[derive(Clone, Default)]
struct Service(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    configuration: String,
    sessions: u32,
    polls: u32,
    /// The only token that is good, with what its session has seen.
    token: Option<(String, Option<String>)>,
    /// How often sessions wanted to be asked.
    interval: Option<u64>,
    broken: bool,
}

impl Service {
    fn start(configuration: &str) -> (Self, Client) {
        let service = Self::default();
        service.0.lock().unwrap().configuration = configuration.to_owned();
        let serving = service.clone();
        let port = serve(move |request| serving.answer(request));
        let client = client!(aws_sdk_appconfigdata, format!("http://127.0.0.1:{port}"));
        (service, client)
    }

    fn set(&self, configuration: &str) {
        self.0.lock().unwrap().configuration = configuration.to_owned();
    }

    /// Sessions and polls.
    fn calls(&self) -> (u32, u32) {
        let state = self.0.lock().unwrap();
        (state.sessions, state.polls)
    }

    fn answer(&self, request: &Request) -> Answer {
        let refused = |status, kind: &str| Answer::new(status, "{}").with("x-amzn-errortype", kind);
        let state = &mut *self.0.lock().unwrap();
        if state.broken {
            return refused(500, "InternalServerException");
        }
        if request.method == "POST" && request.target == "/configurationsessions" {
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            if body["ApplicationIdentifier"] != "shop"
                || body["EnvironmentIdentifier"] != "production"
                || body["ConfigurationProfileIdentifier"] != "limits"
            {
                return refused(404, "ResourceNotFoundException");
            }
            state.interval = body["RequiredMinimumPollIntervalInSeconds"].as_u64();
            state.sessions += 1;
            let token = format!("session+{}", state.sessions);
            state.token = Some((token.clone(), None));
            return Answer::new(201, json!({"InitialConfigurationToken": token}).to_string());
        }
        let token = request
            .target
            .strip_prefix("/configuration?configuration_token=");
        let token = token.unwrap().replace("%2B", "+");
        state.polls += 1;
        let Some((_, seen)) = state.token.take_if(|(good, _)| *good == token) else {
            return refused(400, "BadRequestException");
        };
        let news = seen.is_none_or(|seen| seen != state.configuration);
        let body = if news {
            state.configuration.clone()
        } else {
            String::new()
        };
        let next = format!("poll+{}", state.polls);
        state.token = Some((next.clone(), Some(state.configuration.clone())));
        Answer::new(200, body)
            .with("next-poll-configuration-token", next)
            .with(
                "next-poll-interval-in-seconds",
                state.interval.unwrap_or(60).to_string(),
            )
            .with("content-type", "application/json")
    }
}

fn parameters(client: Client, time: &Time) -> Parameters<AppConfig> {
    let provider = AppConfig::new(client, "shop", "production").clock(time.clone());
    Parameters::new(provider)
        .clock(time.clone())
        .max_age(Duration::from_secs(5))
}

#[tokio::test]
async fn a_session_goes_on_from_token_to_token() {
    let (service, client) = Service::start("5");
    let time = Time::new();
    let parameters = parameters(client, &time);
    assert_eq!(parameters.get_json::<u32>("limits").await.unwrap(), 5);
    assert_eq!(service.calls(), (1, 1));

    // Not before the interval has passed, whoever asks.
    service.set("6");
    time.pass(59);
    assert_eq!(parameters.force_fetch().get("limits").await.unwrap(), "5");
    assert_eq!(service.calls(), (1, 1));
    time.pass(1);
    assert_eq!(parameters.force_fetch().get("limits").await.unwrap(), "6");
    assert_eq!(service.calls(), (1, 2));
    // Nothing new: an empty body.
    time.pass(60);
    assert_eq!(parameters.get("limits").await.unwrap(), "6");
    assert_eq!(service.calls(), (1, 3));
}

#[tokio::test]
async fn a_token_that_has_expired_starts_a_session() {
    let (service, client) = Service::start("5");
    let time = Time::new();
    let parameters = parameters(client, &time);
    parameters.get("limits").await.unwrap();
    service.0.lock().unwrap().token = None;
    time.pass(86_400);
    assert_eq!(parameters.get("limits").await.unwrap(), "5");
    assert_eq!(service.calls(), (2, 3));
}

#[tokio::test]
async fn a_service_that_fails_is_asked_anew_with_another_session() {
    let (service, client) = Service::start("5");
    let time = Time::new();
    let parameters = parameters(client, &time);
    parameters.get("limits").await.unwrap();
    service.0.lock().unwrap().broken = true;
    time.pass(60);
    let error = parameters.get("limits").await.unwrap_err();
    assert_eq!(
        error,
        ParameterError::unavailable("limits", "InternalServerException")
    );
    let lasting = parameters.clone().stale_if_error(Duration::from_secs(60));
    assert_eq!(lasting.get("limits").await.unwrap(), "5");
    service.0.lock().unwrap().broken = false;
    service.set("6");
    assert_eq!(parameters.get("limits").await.unwrap(), "6");
    assert_eq!(service.calls(), (2, 2));
}

#[tokio::test]
async fn a_profile_that_does_not_exist_is_told_by_its_name() {
    let (_, client) = Service::start("5");
    let error = parameters(client, &Time::new())
        .get("limit")
        .await
        .unwrap_err();
    assert_eq!(error, ParameterError::not_found("limit"));
}

#[tokio::test]
async fn an_empty_configuration_is_one() {
    let (_, client) = Service::start("");
    assert_eq!(
        parameters(client, &Time::new())
            .get("limits")
            .await
            .unwrap(),
        ""
    );
}

#[tokio::test]
async fn the_interval_is_asked_for() {
    let (service, client) = Service::start("5");
    let provider = AppConfig::new(client, "shop", "production");
    let provider = provider.poll_interval(Duration::from_secs(15));
    Parameters::new(provider).get("limits").await.unwrap();
    assert_eq!(service.0.lock().unwrap().interval, Some(15));
}

#[tokio::test]
async fn feature_flags_come_from_it() {
    let (service, client) = Service::start(r#"{"discount": {"default": false}}"#);
    let time = Time::new();
    let flags = FeatureFlags::stored(parameters(client, &time), "limits");
    let nobody = Value::Null;
    assert!(!flags.is_enabled("discount", &nobody, true).await.unwrap());
    service.set(r#"{"discount": {"default": true}}"#);
    time.pass(60);
    assert!(flags.is_enabled("discount", &nobody, false).await.unwrap());
}
