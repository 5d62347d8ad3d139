//! The runtime version that an environment starts with, and its ARN.
//!
//! Source: [Runtime version updates](https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html):
//! `INIT_START` and `platform.initStart` name both, as `provided:al2023.v90` and
//! `arn:aws:lambda:us-east-1::runtime:` with 64 hexadecimal digits.

/// Which version of the local environment this is. It goes up when something changes that functions
/// can see of what they run in, as Lambda's does; it says nothing about one of Lambda's.
const LOCAL: u32 = 1;

/// How many bytes the last part of an ARN has.
const ARN_BYTES: usize = 32;

/// A runtime version and its ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeVersion {
    /// `provided:al2023.v1`
    pub version: String,
    /// `arn:aws:lambda:us-east-1::runtime:…`
    pub arn: String,
}

impl RuntimeVersion {
    /// That of the local Lambda in a region, for this version of Kiln.
    ///
    /// Both have the form of Lambda's and claim to be none of them. The digits of the ARN are no hash:
    /// they are the text `kiln` and its version, one byte after the other, and zeros, so that whoever
    /// finds the ARN in a log can see where it is from.
    pub fn local(region: &str, kiln_version: &str) -> Self {
        let mut bytes = format!("kiln {kiln_version}").into_bytes();
        bytes.resize(ARN_BYTES, 0);
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            version: format!("provided:al2023.v{LOCAL}"),
            arn: format!("arn:aws:lambda:{region}::runtime:{digits}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_runtime_version_has_lambdas_form_and_says_what_it_is() {
        let local = RuntimeVersion::local("eu-central-1", "0.1.0");
        assert_eq!(local.version, "provided:al2023.v1");
        assert_eq!(
            local.arn,
            format!(
                "arn:aws:lambda:eu-central-1::runtime:{}{}",
                "6b696c6e20302e312e30", // `kiln 0.1.0`
                "0".repeat(44)
            )
        );
        // However long the version is.
        let long = RuntimeVersion::local("us-east-1", &"9".repeat(99));
        let digits = long.arn.rsplit(':').next().unwrap();
        assert_eq!(digits.len(), 64);
        assert!(digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    }
}
