//! The extensions of an environment, as the lifecycle sees them.

use kiln_protocol::extension_event::EventType;
use kiln_protocol::extensions_api::{
    AgentState, Answer, Kind, MAX_EXTENSIONS, Operation, Registration,
};

/// One of the environment's extensions: external ones first, in the order they were named, then
/// internal ones in the order they registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExtensionId(pub usize);

/// An extension.
#[derive(Clone, Debug)]
pub struct Extension {
    /// Its name: of an external one, that of its file.
    pub name: String,
    /// Where it lives.
    pub kind: Kind,
    /// What it was given when it registered.
    pub identifier: Option<String>,
    /// Where it stands.
    pub state: AgentState,
    /// What it subscribed to.
    pub events: Vec<EventType>,
    /// Why it failed: the type it gave, where it gave one.
    pub error_type: Option<String>,
    /// It has a process of its own that has not ended.
    alive: bool,
    /// It was told that the environment ends.
    told_shutdown: bool,
}

impl Extension {
    fn external(name: String) -> Self {
        Self {
            name,
            kind: Kind::External,
            identifier: None,
            state: AgentState::Started,
            events: Vec::new(),
            error_type: None,
            alive: false,
            told_shutdown: false,
        }
    }

    fn wants(&self, event: EventType) -> bool {
        self.events.contains(&event)
    }
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct Extensions {
    all: Vec<Extension>,
    /// Identifiers of those that reported an error and are gone, and where they stood.
    reported: Vec<(String, AgentState)>,
}

impl Extensions {
    pub(super) fn new(external: impl IntoIterator<Item = String>) -> Self {
        let all = external.into_iter().map(Extension::external).collect();
        Self {
            all,
            reported: Vec::new(),
        }
    }

    /// Each with its id.
    pub fn iter(&self) -> impl Iterator<Item = (ExtensionId, &Extension)> {
        let ids = (0..).map(ExtensionId);
        ids.zip(&self.all)
    }

    /// One of them.
    pub fn get(&self, id: ExtensionId) -> Option<&Extension> {
        self.all.get(id.0)
    }

    /// The one that was given this identifier.
    pub fn find(&self, identifier: &str) -> Option<ExtensionId> {
        self.iter()
            .find(|(_, extension)| extension.identifier.as_deref() == Some(identifier))
            .map(|(id, _)| id)
    }

    /// Where an extension of this name lives: what has no file is part of the runtime's process.
    pub fn kind(&self, name: &str) -> Kind {
        match self.external().any(|(_, external)| external.name == name) {
            true => Kind::External,
            false => Kind::Internal,
        }
    }

    fn external(&self) -> impl Iterator<Item = (ExtensionId, &Extension)> {
        self.iter().filter(|(_, it)| it.kind == Kind::External)
    }

    pub(super) fn any_alive(&self) -> bool {
        self.all.iter().any(|extension| extension.alive)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn are_too_many(&self) -> bool {
        self.all.len() > MAX_EXTENSIONS
    }

    /// A new init begins: internal ones are gone with their process, external ones are started.
    /// Returns whether there are any to start.
    pub(super) fn begin(&mut self) -> bool {
        let reported = self.all.iter_mut().filter_map(|it| match it.state {
            AgentState::InitError | AgentState::ExitError => {
                Some((it.identifier.take()?, it.state))
            }
            _ => None,
        });
        self.reported = reported.collect();
        self.all.retain(|it| it.kind == Kind::External);
        for extension in &mut self.all {
            let name = std::mem::take(&mut extension.name);
            *extension = Extension::external(name);
            extension.alive = true;
        }
        !self.all.is_empty()
    }

    /// Takes note that there are none to start after all.
    pub(super) fn begin_none(&mut self) {
        for extension in &mut self.all {
            extension.alive = false;
        }
    }

    /// All external ones have registered.
    pub(super) fn have_registered(&self) -> bool {
        self.external()
            .all(|(_, extension)| extension.state != AgentState::Started)
    }

    /// All have asked for their first event, or those that hold an invocation open for their next.
    pub(super) fn are_ready(&self) -> bool {
        self.all
            .iter()
            .all(|extension| extension.state == AgentState::Ready)
    }

    pub(super) fn register(
        &mut self,
        registration: Registration,
        identifier: String,
    ) -> Result<ExtensionId, Answer> {
        let Registration { name, events, .. } = registration;
        if let Some(index) = self.all.iter().position(|known| known.name == name) {
            let Some(known) = self.all.get_mut(index) else {
                return Err(Answer::AlreadyRegistered);
            };
            if known.kind == Kind::Internal {
                return Err(Answer::AlreadyRegistered);
            }
            known.state = known.state.after(Operation::Register, &name)?;
            known.events = events;
            known.identifier = Some(identifier);
            return Ok(ExtensionId(index));
        }
        if self.all.len() >= MAX_EXTENSIONS {
            return Err(Answer::TooManyExtensions);
        }
        self.all.push(Extension {
            kind: Kind::Internal,
            identifier: Some(identifier),
            state: AgentState::Registered,
            events,
            ..Extension::external(name)
        });
        Ok(ExtensionId(self.all.len() - 1))
    }

    /// Whether it has registered before, or is an external one that is known.
    pub(super) fn knows(&self, name: &str) -> Option<&Extension> {
        self.all.iter().find(|known| known.name == name)
    }

    /// An extension called; its state changes if the call is in order.
    pub(super) fn call(&mut self, id: ExtensionId, operation: Operation) -> Result<(), Answer> {
        let extension = self.all.get_mut(id.0).ok_or(Answer::UnknownReporter)?;
        let identifier = extension.identifier.as_deref().unwrap_or_default();
        extension.state = extension.state.after(operation, identifier)?;
        Ok(())
    }

    /// Whether this is one that reported an error, which ended its environment's processes, and may do
    /// so again, without effect.
    pub fn may_repeat(&self, identifier: &str, operation: Operation) -> bool {
        let mut reported = self.reported.iter();
        let reported = reported.find(|(known, _)| known == identifier);
        reported.is_some_and(|(_, state)| state.after(operation, identifier).is_ok())
    }

    /// An extension is why something failed.
    pub(super) fn failed(&mut self, id: ExtensionId, error_type: &str) {
        if let Some(extension) = self.all.get_mut(id.0) {
            let error_type = || error_type.to_owned();
            extension.error_type.get_or_insert_with(error_type);
        }
    }

    /// An invocation begins: returns those that are told.
    pub(super) fn invoke(&mut self) -> Vec<ExtensionId> {
        let mut told = Vec::new();
        for (index, extension) in self.all.iter_mut().enumerate() {
            if extension.wants(EventType::Invoke) && extension.state == AgentState::Ready {
                extension.state = AgentState::Running;
                told.push(ExtensionId(index));
            }
        }
        told
    }

    /// The environment ends: returns those that are told now, and those that did not want to know.
    /// Who is in the middle of something is told when it [asks](Self::is_to_be_told).
    pub(super) fn shut_down(&mut self) -> (Vec<ExtensionId>, Vec<ExtensionId>) {
        let (mut told, mut not_told) = (Vec::new(), Vec::new());
        for (index, extension) in self.all.iter_mut().enumerate() {
            let id = ExtensionId(index);
            match extension {
                Extension { alive: false, .. } => {}
                it if !it.wants(EventType::Shutdown) => not_told.push(id),
                it if it.state == AgentState::Ready => {
                    it.state = AgentState::Running;
                    it.told_shutdown = true;
                    told.push(id);
                }
                _ => {}
            }
        }
        (told, not_told)
    }

    /// An extension that asks while the environment ends; whether that is what it is told.
    pub(super) fn is_to_be_told(&mut self, id: ExtensionId) -> bool {
        let Some(extension) = self.all.get_mut(id.0) else {
            return false;
        };
        let to_be_told =
            extension.alive && extension.wants(EventType::Shutdown) && !extension.told_shutdown;
        if to_be_told {
            extension.told_shutdown = true;
            extension.state = AgentState::Running;
        }
        to_be_told
    }

    /// Its process is no more, or has never been.
    pub(super) fn ended(&mut self, id: ExtensionId, state: AgentState) {
        if let Some(extension) = self.all.get_mut(id.0) {
            extension.alive = false;
            extension.state = state;
        }
    }
}
