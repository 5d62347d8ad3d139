//! Settings of a function that Lambda does not take together, and those that say nothing without
//! another one: what AWS would refuse when the function is deployed is refused here.

use std::path::Path;

use crate::error::ProjectError;
use crate::setting::Setting;
use crate::settings::DeploySettings;
use crate::value::{EphemeralStorage, LogFormat, SettingValue};

/// A setting that is in force: its key, value and origin in words.
type InForce = Option<String>;

fn words<T: SettingValue>(key: &str, setting: &Setting<T>) -> String {
    format!(
        "`{key} = {}` ({})",
        setting.value.describe(),
        setting.origin
    )
}

fn given<T: SettingValue>(key: &str, setting: Option<&Setting<T>>) -> InForce {
    setting.map(|setting| words(key, setting))
}

fn on(key: &str, setting: &Setting<bool>) -> InForce {
    setting.value.then(|| words(key, setting))
}

impl DeploySettings {
    /// The format of the log: what is configured, else that of what the function runs on.
    pub fn effective_log_format(&self) -> LogFormat {
        match &self.log_format {
            Some(format) => format.value,
            // Managed instances have no other.
            None if self.max_concurrency.is_some() => LogFormat::Json,
            None => LogFormat::Text,
        }
    }

    /// Looks for settings that Lambda does not take together.
    ///
    /// Sources: the developer guide on SnapStart ("Supported features and limitations"), on tenant
    /// isolation ("Limitations"), on managed instances and on provisioned concurrency; what
    /// CreateFunction answers to a log level with the format Text.
    pub(crate) fn check_together(&self) -> Result<(), ProjectError> {
        let snap_start = on("snap_start", &self.snap_start);
        let provisioned = given(
            "provisioned_concurrency",
            self.provisioned_concurrency.as_ref(),
        );
        let tenants = on("tenant_isolation", &self.tenant_isolation);
        let managed = given("max_concurrency", self.max_concurrency.as_ref());
        let large_tmp = (self.ephemeral_storage.value > EphemeralStorage::DEFAULT)
            .then(|| words("ephemeral_storage", &self.ephemeral_storage));
        let text = self.log_format.as_ref();
        let text = given(
            "log_format",
            text.filter(|format| format.value == LogFormat::Text),
        );
        let below_provisioned = self.reserved_concurrency.as_ref().filter(|reserved| {
            let provisioned = self.provisioned_concurrency.as_ref();
            provisioned.is_some_and(|it| it.value.get() > reserved.value.invocations())
        });
        let below_provisioned = given("reserved_concurrency", below_provisioned);
        let pairs: [(&InForce, &InForce, &str); 9] = [
            (
                &snap_start,
                &provisioned,
                "SnapStart does not support provisioned concurrency",
            ),
            (
                &snap_start,
                &large_tmp,
                "SnapStart does not support more than 512 MB of ephemeral storage",
            ),
            (
                &tenants,
                &snap_start,
                "tenant isolation does not support SnapStart",
            ),
            (
                &tenants,
                &provisioned,
                "tenant isolation does not support provisioned concurrency",
            ),
            (
                &managed,
                &snap_start,
                "managed instances, which `max_concurrency` is for, do not support SnapStart",
            ),
            (
                &managed,
                &provisioned,
                "managed instances, which `max_concurrency` is for, do not support provisioned \
                 concurrency",
            ),
            (
                &managed,
                &tenants,
                "managed instances, which `max_concurrency` is for, do not support tenant isolation",
            ),
            (
                &managed,
                &text,
                "managed instances, which `max_concurrency` is for, log in JSON only",
            ),
            (
                &below_provisioned,
                &provisioned,
                "reserved concurrency should not be lower than provisioned concurrency",
            ),
        ];
        for (first, second, reason) in pairs {
            if let (Some(first), Some(second)) = (first, second) {
                return Err(ProjectError::NotTogether {
                    first: first.clone(),
                    second: second.clone(),
                    reason,
                });
            }
        }
        self.check_levels()
    }

    fn check_levels(&self) -> Result<(), ProjectError> {
        if self.effective_log_format() == LogFormat::Json {
            return Ok(());
        }
        let application = given("application_log_level", self.application_log_level.as_ref());
        let system = given("system_log_level", self.system_log_level.as_ref());
        match application.or(system) {
            None => Ok(()),
            Some(first) => Err(ProjectError::NotTogether {
                first,
                second: given("log_format", self.log_format.as_ref())
                    .unwrap_or_else(|| "`log_format = text` (default)".to_owned()),
                reason: "log levels are not supported when the log format is text: remove the level, \
                         or change the format to json",
            }),
        }
    }

    /// Looks whether the layers are there.
    pub(crate) fn check_layers(&self) -> Result<(), ProjectError> {
        let Some(layers) = &self.layers else {
            return Ok(());
        };
        let problem = |directory: &Path| {
            if directory.is_dir() {
                None
            } else if directory.exists() {
                Some("is not a directory")
            } else {
                Some("does not exist")
            }
        };
        for path in layers.value.directories() {
            if let Some(problem) = problem(path) {
                return Err(ProjectError::InvalidLayer {
                    path: path.to_owned(),
                    origin: Box::new(layers.origin.clone()),
                    problem,
                });
            }
        }
        Ok(())
    }
}
