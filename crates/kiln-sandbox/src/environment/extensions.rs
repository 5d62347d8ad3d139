//! The Extensions, Telemetry and Logs APIs of an environment, behind their HTTP.

use std::sync::Arc;

use kiln_protocol::extension_event::Event as ExtensionEvent;
use kiln_protocol::extensions_api::{Answer, Operation, RegisterAnswer, Registration};
use kiln_protocol::invoke::ExtensionFault;
use kiln_protocol::telemetry_api::{self, Api, Subscription};
use kiln_protocol::telemetry_record::Category;
use tokio::sync::oneshot;

use super::Environment;
use super::effects::Reply;
use crate::lifecycle::{Event, ExtensionId};

/// An extension that has registered: its identifier, and the answer's body.
#[derive(Debug)]
pub(crate) struct Registered {
    pub(crate) identifier: String,
    pub(crate) body: String,
}

impl Environment {
    /// An extension registers.
    pub(crate) fn register(
        self: &Arc<Self>,
        name: &str,
        features: Option<&str>,
        body: &[u8],
    ) -> Result<Registered, Answer> {
        let core = self.lock();
        let kind = core.machine.extensions().kind(name);
        let registration = Registration::parse(name, kind, features, body)?;
        let account_id = registration.account_id;
        let identifier = uuid::Uuid::new_v4().to_string();
        match self.dispatch(core, Event::Register(registration, identifier.clone())) {
            Some(Reply::Registered) => {
                let identity = &self.config.identity;
                let answer = RegisterAnswer {
                    function_name: &identity.function_name,
                    function_version: &identity.function_version,
                    handler: &identity.handler,
                    account_id: account_id.then_some(&identity.account),
                };
                let body = answer.body();
                Ok(Registered { identifier, body })
            }
            Some(Reply::Extension(refused)) => Err(refused),
            _ => Err(Answer::Closing),
        }
    }

    /// An extension asks for the next event; waits for one.
    pub(crate) async fn extension_next(
        self: &Arc<Self>,
        identifier: &str,
    ) -> Result<ExtensionEvent, Answer> {
        let (sender, receiver) = oneshot::channel();
        let reply = {
            let mut core = self.lock();
            let id = core.machine.extensions().find(identifier);
            let id = id.ok_or_else(|| Answer::UnknownExtension(identifier.to_owned()))?;
            core.asking = Some(sender);
            self.dispatch(core, Event::ExtensionNext(id))
        };
        if let Some(Reply::Extension(refused)) = reply {
            return Err(refused);
        }
        // The sender is dropped when the extension is killed, or the environment ends.
        receiver.await.map_err(|_| Answer::Closing)
    }

    /// An extension reports that its init failed, or that it must exit.
    pub(crate) fn extension_error(
        self: &Arc<Self>,
        identifier: &str,
        operation: Operation,
        error_type: &str,
    ) -> Answer {
        let core = self.lock();
        let extensions = core.machine.extensions();
        let Some(id) = extensions.find(identifier) else {
            return match extensions.may_repeat(identifier, operation) {
                true => Answer::Accepted,
                false => Answer::UnknownReporter,
            };
        };
        let fault = match operation {
            Operation::ExitError => ExtensionFault::ExitError,
            _ => ExtensionFault::InitError,
        };
        let event = Event::ExtensionError(id, fault, error_type.to_owned());
        match self.dispatch(core, event) {
            Some(Reply::Extension(answer)) => answer,
            _ => Answer::Closing,
        }
    }

    /// An extension subscribes to telemetry or logs.
    pub(crate) fn subscribe(
        &self,
        api: Api,
        identifier: &str,
        body: &[u8],
    ) -> Result<telemetry_api::Answer, Answer> {
        let core = self.lock();
        let extensions = core.machine.extensions();
        let id: Option<ExtensionId> = extensions.find(identifier);
        let name = id
            .and_then(|id| extensions.get(id))
            .map(|extension| extension.name.clone())
            .ok_or_else(|| Answer::UnknownExtension(identifier.to_owned()))?;
        drop(core);
        let subscription = match Subscription::parse(api, self.config.initialization, body) {
            Ok(subscription) => subscription,
            Err(refused) => return Ok(refused),
        };
        let types: Vec<Category> = subscription.types.clone();
        let answer = self.telemetry.subscribe(api, &name, subscription);
        if answer == telemetry_api::Answer::Subscribed {
            self.tell_subscription(api, &name, &types);
        }
        Ok(answer)
    }

    /// Whether anybody gets telemetry.
    pub(super) fn has_subscribers(&self) -> bool {
        [Category::Platform, Category::Function, Category::Extension]
            .into_iter()
            .any(|category| self.telemetry.wants(category))
    }
}
