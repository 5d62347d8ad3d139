//! The layers of a function.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{SettingValue, list};

/// The layers of a function, in order: of two files of a name, that of the later one is seen.
///
/// Source: AWS Lambda developer guide, "Managing Lambda dependencies with layers".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct FunctionLayers(pub Vec<FunctionLayer>);

/// One layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FunctionLayer {
    /// What is in it, unpacked.
    Directory(PathBuf),
    /// The ARN of a version that lies on AWS, which is all that cargo-lambda knows.
    Arn(String),
}

impl FunctionLayers {
    /// Those that are on this machine.
    pub fn directories(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().filter_map(|layer| match layer {
            FunctionLayer::Directory(directory) => Some(directory.as_path()),
            FunctionLayer::Arn(_) => None,
        })
    }

    /// Those that are on AWS.
    pub fn arns(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|layer| match layer {
            FunctionLayer::Arn(arn) => Some(arn.as_str()),
            FunctionLayer::Directory(_) => None,
        })
    }
}

impl fmt::Display for FunctionLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(directory) => directory.display().fmt(f),
            Self::Arn(arn) => f.write_str(arn),
        }
    }
}

impl Serialize for FunctionLayer {
    /// As it is written.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl SettingValue for FunctionLayers {
    const ALLOWED: &'static str = "a list of directories";

    fn from_text(text: &str) -> Option<Self> {
        Some(Self::of(Vec::<String>::from_text(text)?))
    }

    fn from_json(value: &Value) -> Option<Self> {
        let layers = Vec::<String>::from_json(value)?;
        // The current directory of whoever reads it is no layer.
        layers
            .iter()
            .all(|layer| !layer.is_empty())
            .then(|| Self::of(layers))
    }

    fn anchored(self, directory: &Path) -> Self {
        let anchored = |layer| match layer {
            FunctionLayer::Directory(layer) => FunctionLayer::Directory(directory.join(layer)),
            arn @ FunctionLayer::Arn(_) => arn,
        };
        Self(self.0.into_iter().map(anchored).collect())
    }

    fn describe(&self) -> String {
        list(&self.0)
    }
}

impl FunctionLayers {
    fn of(texts: Vec<String>) -> Self {
        let layer = |text: String| {
            if text.starts_with("arn:") {
                FunctionLayer::Arn(text)
            } else {
                FunctionLayer::Directory(text.into())
            }
        };
        Self(texts.into_iter().map(layer).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn layers_are_directories_or_on_aws() {
        let arn = "arn:aws:lambda:us-east-1:123456789012:layer:audit:3";
        for value in [json!(["a", arn, "/b"]), json!(format!("a, {arn},/b"))] {
            let layers = FunctionLayers::from_json(&value).unwrap();
            let layers = layers.anchored(Path::new("/project"));
            let directories: Vec<_> = layers.directories().collect();
            assert_eq!(directories, [Path::new("/project/a"), Path::new("/b")]);
            assert_eq!(layers.arns().collect::<Vec<_>>(), [arn]);
            assert_eq!(layers.describe(), format!("/project/a, {arn}, /b"));
        }
        assert_eq!(FunctionLayers::from_json(&json!([""])), None);
        assert_eq!(FunctionLayers::from_json(&json!([1])), None);
        assert_eq!(
            FunctionLayers::from_json(&json!([])),
            Some(FunctionLayers::default())
        );
    }
}
