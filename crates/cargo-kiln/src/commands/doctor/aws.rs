//! Whether AWS could be called: what is configured, without a single call.

use std::path::{Path, PathBuf};

use kiln_project::Environment;

use super::report::{Check, Status};

/// The files of the AWS tools, as text.
#[derive(Clone, Debug, Default)]
pub struct Files {
    config: String,
    credentials: String,
}

impl Files {
    /// Reads the files where the environment says they are; one that is not there is empty.
    pub fn read(environment: &Environment) -> Self {
        let home = environment
            .get("HOME")
            .or_else(|| environment.get("USERPROFILE"));
        let read = |variable: &str, name: &str| {
            let path = match environment.get(variable) {
                Some(path) => Some(PathBuf::from(path)),
                None => home.map(|home| Path::new(home).join(".aws").join(name)),
            };
            path.and_then(|path| std::fs::read_to_string(path).ok())
                .unwrap_or_default()
        };
        Self {
            config: read("AWS_CONFIG_FILE", "config"),
            credentials: read("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
        }
    }
}

/// Region and credentials in the order the SDKs look for them.
pub fn check(environment: &Environment, files: &Files) -> Check {
    const NAME: &str = "aws";
    let profile = environment.get("AWS_PROFILE").unwrap_or("default");
    let region = region(environment, files, profile);
    let credentials = credentials(environment, files, profile);
    let cure = match (&region, &credentials) {
        (Some(region), Some(credentials)) => {
            return Check::ok(
                NAME,
                format!("region {region}, credentials from {credentials}"),
            );
        }
        (None, Some(_)) => "export AWS_REGION=eu-central-1, or another region",
        _ => "aws configure",
    };
    let found = format!(
        "{}, {}: needed to deploy and for `--remote`",
        region.map_or("no region".into(), |region| format!("region {region}")),
        credentials.map_or("no credentials".into(), |it| format!(
            "credentials from {it}"
        )),
    );
    Check::not_ok(NAME, Status::Note, found, cure)
}

/// The region and who says so.
fn region(environment: &Environment, files: &Files, profile: &str) -> Option<String> {
    for variable in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
        if let Some(region) = environment.get(variable) {
            return Some(format!("{region} ({variable})"));
        }
    }
    let region = value(&files.config, &config_section(profile), "region")?;
    Some(format!("{region} (profile {profile})"))
}

/// Where credentials would come from; whether they are good only AWS can say.
fn credentials(environment: &Environment, files: &Files, profile: &str) -> Option<String> {
    let set = |name: &str| environment.get(name).is_some();
    if set("AWS_ACCESS_KEY_ID") && set("AWS_SECRET_ACCESS_KEY") {
        return Some("AWS_ACCESS_KEY_ID".into());
    }
    if value(&files.credentials, profile, "aws_access_key_id").is_some() {
        return Some(format!("profile {profile} of the credentials file"));
    }
    let section = config_section(profile);
    let ways = [
        ("aws_access_key_id", "keys"),
        ("sso_session", "single sign-on"),
        ("sso_start_url", "single sign-on"),
        ("role_arn", "an assumed role"),
        ("credential_process", "a credential process"),
        ("login_session", "`aws login`"),
    ];
    for (key, way) in ways {
        if value(&files.config, &section, key).is_some() {
            return Some(format!("profile {profile} ({way})"));
        }
    }
    [
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ]
    .into_iter()
    .find(|variable| set(variable))
    .map(str::to_owned)
}

/// The name of a profile's section in the config file, where all but the default one are marked.
fn config_section(profile: &str) -> String {
    if profile == "default" {
        profile.to_owned()
    } else {
        format!("profile {profile}")
    }
}

/// A value of a section in the ini dialect of the AWS tools.
fn value<'a>(text: &'a str, section: &str, key: &str) -> Option<&'a str> {
    let mut inside = false;
    for line in text.lines() {
        // Indented lines belong to the key before them.
        if line.starts_with([' ', '\t', '#', ';']) {
            continue;
        }
        if let Some(rest) = line.strip_prefix('[') {
            let name = rest.split(']').next().unwrap_or_default();
            inside = name.split_whitespace().eq(section.split_whitespace());
        } else if inside
            && let Some((name, value)) = line.split_once('=')
            && name.trim() == key
            && !value.trim().is_empty()
        {
            return Some(value.trim());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "\
# comment
[default]
region = eu-west-1
s3 =
    region = not-this
[profile  work]
region=us-east-1
sso_session = corp
[profile empty]
region =
";

    const CREDENTIALS: &str = "[default]\naws_access_key_id = AKIA\naws_secret_access_key = x\n";

    /// Variables, config file, credentials file, and what the check says of them.
    type Case = (
        &'static [(&'static str, &'static str)],
        &'static str,
        &'static str,
        &'static str,
    );

    #[test]
    fn what_is_configured_is_found() {
        let (config, credentials) = (CONFIG, CREDENTIALS);
        let cases: [Case; 8] = [
            (
                &[],
                config,
                credentials,
                "region eu-west-1 (profile default), credentials from profile default of the \
                 credentials file",
            ),
            (
                &[("AWS_PROFILE", "work")],
                config,
                credentials,
                "region us-east-1 (profile work), credentials from profile work (single sign-on)",
            ),
            (
                &[
                    ("AWS_DEFAULT_REGION", "eu-north-1"),
                    ("AWS_ACCESS_KEY_ID", "AKIA"),
                    ("AWS_SECRET_ACCESS_KEY", "x"),
                ],
                config,
                "",
                "region eu-north-1 (AWS_DEFAULT_REGION), credentials from AWS_ACCESS_KEY_ID",
            ),
            (
                &[
                    ("AWS_REGION", "eu-north-1"),
                    ("AWS_WEB_IDENTITY_TOKEN_FILE", "f"),
                ],
                "",
                "",
                "region eu-north-1 (AWS_REGION), credentials from AWS_WEB_IDENTITY_TOKEN_FILE",
            ),
            (
                &[],
                "",
                "",
                "no region, no credentials: needed to deploy and for `--remote`",
            ),
            // Half a key is none.
            (
                &[("AWS_ACCESS_KEY_ID", "AKIA")],
                "",
                "",
                "no region, no credentials: needed to deploy and for `--remote`",
            ),
            (
                &[("AWS_PROFILE", "empty")],
                config,
                credentials,
                "no region, no credentials: needed to deploy and for `--remote`",
            ),
            (
                &[],
                "",
                credentials,
                "no region, credentials from profile default of the credentials file: needed to \
                 deploy and for `--remote`",
            ),
        ];
        for (variables, config, credentials, expected) in cases {
            let files = Files {
                config: config.into(),
                credentials: credentials.into(),
            };
            let check = check(&Environment::from_pairs(variables.iter().copied()), &files);
            assert_eq!(check.found, expected);
            let complete = !expected.contains("needed");
            assert_eq!(check.status == Status::Ok, complete);
            assert_eq!(check.cure.is_none(), complete);
        }
    }

    #[test]
    fn files_are_where_the_variables_say() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        std::fs::create_dir(directory.path().join(".aws")).unwrap();
        std::fs::write(path(".aws/config"), CONFIG).unwrap();
        std::fs::write(path("elsewhere"), CREDENTIALS).unwrap();
        let files = Files::read(&Environment::from_pairs([
            ("HOME", directory.path().display().to_string()),
            ("AWS_SHARED_CREDENTIALS_FILE", path("elsewhere")),
        ]));
        assert_eq!(files.config, CONFIG);
        assert_eq!(files.credentials, CREDENTIALS);
        assert!(Files::read(&Environment::default()).config.is_empty());
    }
}
