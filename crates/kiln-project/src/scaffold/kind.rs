//! What a built-in template can make: the event, the shape of the work, the extension's interface.

/// Gives an enum of choices its table: the name typed on the command line and what it is.
macro_rules! choices {
    ($type:ident { $($variant:ident => $name:literal, $description:literal;)+ }) => {
        impl $type {
            /// All of them, in the order they are listed in.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name it is asked for by.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// What it is, in a few words.
            pub fn description(self) -> &'static str {
                match self { $(Self::$variant => $description),+ }
            }
        }
    };
}

/// The event that a function answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// HTTP requests of an API, routed by axum.
    Http,
    /// HTTP requests of a function URL, JSON in and out.
    FunctionUrl,
    /// A JSON payload of one's own.
    Json,
    /// Batches from an SQS queue.
    Sqs,
    /// Notifications of an SNS topic.
    Sns,
    /// Objects created in an S3 bucket.
    S3,
    /// Events of an EventBridge bus.
    EventBridge,
    /// Runs of a schedule.
    Schedule,
    /// Batches from a DynamoDB stream.
    DynamoDb,
    /// Batches from a Kinesis stream.
    Kinesis,
    /// Batches from Kafka topics.
    Kafka,
}

choices!(Kind {
    Http => "http", "HTTP API with routes, on axum";
    FunctionUrl => "function-url", "function URL, JSON in and out";
    Json => "json", "a JSON payload of your own";
    Sqs => "sqs", "messages of an SQS queue, with partial batches";
    Sns => "sns", "notifications of an SNS topic";
    S3 => "s3", "objects created in an S3 bucket";
    EventBridge => "eventbridge", "events of an EventBridge bus";
    Schedule => "schedule", "a schedule";
    DynamoDb => "dynamodb", "changes of a DynamoDB table, with partial batches";
    Kinesis => "kinesis", "records of a Kinesis stream, with partial batches";
    Kafka => "kafka", "records of Kafka topics";
});

impl Kind {
    /// Whether events are HTTP requests, so that errors are responses.
    pub(super) fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::FunctionUrl)
    }
}

/// What the handler spends its time on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Workload {
    /// Waiting for others.
    #[default]
    Io,
    /// Computing.
    Compute,
    /// Both.
    Mixed,
}

choices!(Workload {
    Io => "io", "waits for others: concurrent calls, bounded and with time limits";
    Compute => "compute", "computes: rayon on all processors, behind spawn_blocking";
    Mixed => "mixed", "both: async calls at the ends, parallel computing in the middle";
});

impl Workload {
    /// Whether prices are looked up.
    pub(super) fn waits(self) -> bool {
        self != Self::Compute
    }

    /// Whether forecasts are computed.
    pub(super) fn computes(self) -> bool {
        self != Self::Io
    }
}

/// What an extension listens to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExtensionApi {
    /// The Extensions API: invocations and the environment's end.
    #[default]
    Events,
    /// The Logs API.
    Logs,
    /// The Telemetry API.
    Telemetry,
}

choices!(ExtensionApi {
    Events => "events", "invocations, and the environment's end";
    Logs => "logs", "what functions and the platform log (Logs API)";
    Telemetry => "telemetry", "logs, metrics and spans of the platform (Telemetry API)";
});

impl ExtensionApi {
    /// The sample event that its tests read.
    pub(super) fn sample(self) -> &'static str {
        match self {
            Self::Events => "extension-invoke",
            Self::Logs => "extension-logs",
            Self::Telemetry => "extension-telemetry",
        }
    }
}

/// A template that comes with Kiln.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builtin {
    /// A function.
    Function {
        /// The event it answers.
        kind: Kind,
        /// What it does with it.
        workload: Workload,
    },
    /// An extension.
    Extension(ExtensionApi),
}

impl Builtin {
    /// The name of the sample event that the project holds, answers and is tested with.
    pub fn sample(self) -> &'static str {
        match self {
            Self::Function { kind, .. } => kind.name(),
            Self::Extension(api) => api.sample(),
        }
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        let functions = Kind::ALL.iter().flat_map(|&kind| {
            Workload::ALL
                .iter()
                .map(move |&workload| Self::Function { kind, workload })
        });
        functions.chain(ExtensionApi::ALL.iter().map(|&api| Self::Extension(api)))
    }
}
