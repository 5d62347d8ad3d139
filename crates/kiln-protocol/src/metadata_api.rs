//! What an execution environment can ask about itself: where it is, and, when it was restored from a
//! snapshot, its role's credentials.
//!
//! Source: [Execution environment metadata](https://docs.aws.amazon.com/lambda/latest/dg/configuration-metadata-endpoint.html)
//! and the behaviour of the implementation AWS publishes. Which status a wrong token has for the metadata
//! is not documented.

use serde::Serialize;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `GET /2026-01-15/metadata/execution-environment`
    Metadata,
    /// `GET /2021-04-23/credentials`
    Credentials,
}

/// The path of the credentials, for `AWS_CONTAINER_CREDENTIALS_FULL_URI`.
pub const CREDENTIALS_PATH: &str = "/2021-04-23/credentials";

/// How long an answer about the environment stays true, which is as long as the environment.
pub const METADATA_CACHE_CONTROL: &str = "max-age=86400";

/// What asks for credentials without their token is told.
pub const NO_CREDENTIALS: &str = "cannot get credentials for the provided token";

impl Operation {
    /// Reads method and path (without query); `None` for what there is not.
    pub fn parse(method: &str, path: &str) -> Option<Self> {
        match (method, path) {
            ("GET", "/2026-01-15/metadata/execution-environment") => Some(Self::Metadata),
            ("GET", CREDENTIALS_PATH) => Some(Self::Credentials),
            _ => None,
        }
    }

    /// Whether `Authorization` has this token.
    pub fn is_authorized(self, authorization: Option<&str>, token: &str) -> bool {
        match self {
            Self::Metadata => {
                authorization.and_then(|it| it.strip_prefix("Bearer ")) == Some(token)
            }
            Self::Credentials => authorization == Some(token),
        }
    }
}

/// Credentials of a function's role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Credentials {
    /// Its key's id.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: String,
    /// The session's token.
    pub token: String,
    /// Until when they hold, RFC 3339.
    pub expiration: String,
}

impl Credentials {
    /// JSON body.
    pub fn body(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The body about an environment in the first availability zone of a region.
pub fn metadata(region: &str) -> String {
    #[derive(Serialize)]
    struct Body {
        #[serde(rename = "AvailabilityZoneID")]
        availability_zone_id: String,
    }
    let availability_zone_id = first_zone_id(region);
    serde_json::to_string(&Body {
        availability_zone_id,
    })
    .unwrap_or_default()
}

/// The id of a region's first availability zone: `use1-az1` for `us-east-1`.
///
/// Source: [Availability Zone IDs](https://docs.aws.amazon.com/global-infrastructure/latest/regions/az-ids.html),
/// which have the region's area, the first letters of its direction and its number.
fn first_zone_id(region: &str) -> String {
    let mut id = String::new();
    for part in region.split('-') {
        let letters = match part {
            "northeast" => "ne",
            "northwest" => "nw",
            "southeast" => "se",
            "southwest" => "sw",
            "north" | "east" | "south" | "west" | "central" | "gov" | "iso" | "isob" => {
                part.get(..1).unwrap_or_default()
            }
            other => other,
        };
        id.push_str(letters);
    }
    id.push_str("-az1");
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_named_after_their_region() {
        for (region, zone) in [
            ("us-east-1", "use1-az1"),
            ("eu-central-1", "euc1-az1"),
            ("ap-southeast-2", "apse2-az1"),
            ("us-gov-west-1", "usgw1-az1"),
            ("", "-az1"),
        ] {
            assert_eq!(first_zone_id(region), zone);
        }
        assert_eq!(
            metadata("us-east-1"),
            r#"{"AvailabilityZoneID":"use1-az1"}"#
        );
    }

    #[test]
    fn only_the_token_opens() {
        let metadata = Operation::parse("GET", "/2026-01-15/metadata/execution-environment");
        let metadata = metadata.unwrap();
        let credentials = Operation::parse("GET", "/2021-04-23/credentials").unwrap();
        assert_eq!(Operation::parse("POST", "/2021-04-23/credentials"), None);
        assert!(metadata.is_authorized(Some("Bearer t"), "t"));
        assert!(!metadata.is_authorized(Some("t"), "t"));
        assert!(credentials.is_authorized(Some("t"), "t"));
        assert!(!credentials.is_authorized(Some("Bearer t"), "t"));
        for operation in [metadata, credentials] {
            assert!(!operation.is_authorized(None, "t"));
            assert!(!operation.is_authorized(Some("Bearer u"), "t"));
        }
    }

    #[test]
    fn credentials_have_the_names_that_sdks_look_for() {
        let credentials = Credentials {
            access_key_id: "ASIA".to_owned(),
            secret_access_key: "s".to_owned(),
            token: "t".to_owned(),
            expiration: "2026-01-01T00:00:00Z".to_owned(),
        };
        assert_eq!(
            credentials.body(),
            r#"{"AccessKeyId":"ASIA","SecretAccessKey":"s","Token":"t","Expiration":"2026-01-01T00:00:00Z"}"#
        );
    }
}
