//! A document of feature flags, checked.

use std::time::SystemTime;

use serde_json::Value;

use super::FlagError;
use super::condition::Condition;
use super::json::Node;

/// Features with their rules, in the schema of Powertools, checked as a whole: what is wrong with a
/// document is known before the first evaluation.
///
/// # Example
///
/// ```
/// use kiln::flags::Schema;
/// use serde_json::json;
/// use std::time::SystemTime;
///
/// let schema = Schema::parse(br#"{
///     "discount": {
///         "default": false,
///         "rules": {
///             "gold tier": {
///                 "when_match": true,
///                 "conditions": [{"action": "EQUALS", "key": "tier", "value": "gold"}]
///             }
///         }
///     }
/// }"#)?;
/// let now = SystemTime::now();
/// assert_eq!(schema.evaluate("discount", &json!({"tier": "gold"}), now), Some(&json!(true)));
/// assert_eq!(schema.evaluate("discount", &json!({}), now), Some(&json!(false)));
/// assert_eq!(schema.evaluate("discounts", &json!({}), now), None);
/// # Ok::<_, kiln::flags::FlagError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    features: Vec<(String, Feature)>,
}

#[derive(Clone, Debug, PartialEq)]
struct Feature {
    default: Value,
    is_boolean: bool,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq)]
struct Rule {
    name: String,
    when_match: Value,
    conditions: Vec<Condition>,
}

impl Schema {
    /// Reads and checks a document.
    ///
    /// # Errors
    /// [`FlagError::Syntax`], or [`FlagError::Schema`] with the feature, the rule and the condition.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::flags::Schema;
    ///
    /// let schema = Schema::parse(br#"{"discount": {"default": false}}"#)?;
    /// assert!(schema.names().eq(["discount"]));
    ///
    /// let error = Schema::parse(br#"{"discount": {"default": "on"}}"#).unwrap_err();
    /// assert!(error.to_string().starts_with("feature `discount`: its `default`"));
    /// # Ok::<_, kiln::flags::FlagError>(())
    /// ```
    pub fn parse(document: &[u8]) -> Result<Self, FlagError> {
        Self::parse_within(document, &[])
    }

    /// Reads and checks what is in a document under these members, one within the other.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and when there is no such member.
    ///
    /// ```
    /// use kiln::flags::Schema;
    ///
    /// let document = br#"{"shop": {"features": {"discount": {"default": false}}}}"#;
    /// let schema = Schema::parse_within(document, &["shop", "features"])?;
    /// assert!(schema.names().eq(["discount"]));
    /// # Ok::<_, kiln::flags::FlagError>(())
    /// ```
    pub fn parse_within(document: &[u8], envelope: &[&str]) -> Result<Self, FlagError> {
        let document: Node =
            serde_json::from_slice(document).map_err(|error| FlagError::Syntax {
                line: error.line(),
                column: error.column(),
            })?;
        let mut node = &document;
        for member in envelope {
            node = node.get(member).ok_or_else(|| {
                Place::default().problem(format!("there is no member `{member}`"))
            })?;
        }
        let Node::Object(members) = node else {
            return Err(Place::default().problem("they are no object"));
        };
        let features = members.iter().map(|(name, node)| {
            let place = Place {
                feature: Some(name),
                ..Place::default()
            };
            Ok((name.clone(), Feature::parse(node, place)?))
        });
        Ok(Self {
            features: features.collect::<Result<_, FlagError>>()?,
        })
    }

    /// The names of its features, in the order of the document.
    ///
    /// ```
    /// use kiln::flags::Schema;
    ///
    /// let schema = Schema::parse(br#"{"b": {"default": true}, "a": {"default": true}}"#)?;
    /// assert!(schema.names().eq(["b", "a"]));
    /// # Ok::<_, kiln::flags::FlagError>(())
    /// ```
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.features.iter().map(|(name, _)| name.as_str())
    }

    /// The value of a feature for these attributes (a JSON object) at this time: that of the first
    /// rule whose conditions are all met, or the feature's default. `None` if there is no such
    /// feature.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::flags::Schema;
    /// use serde_json::json;
    /// use std::time::SystemTime;
    ///
    /// let schema = Schema::parse(br#"{"page size": {
    ///     "boolean_type": false,
    ///     "default": 10,
    ///     "rules": {"desktop": {
    ///         "when_match": 50,
    ///         "conditions": [{"action": "EQUALS", "key": "device", "value": "desktop"}]
    ///     }}
    /// }}"#)?;
    /// let page_size = |device| {
    ///     schema.evaluate("page size", &json!({"device": device}), SystemTime::now())
    /// };
    /// assert_eq!(page_size("desktop"), Some(&json!(50)));
    /// assert_eq!(page_size("phone"), Some(&json!(10)));
    /// # Ok::<_, kiln::flags::FlagError>(())
    /// ```
    pub fn evaluate(&self, feature: &str, attributes: &Value, now: SystemTime) -> Option<&Value> {
        let found = self.features.iter().find(|(name, _)| name == feature);
        found.map(|(name, feature)| feature.evaluate(name, attributes, now))
    }

    /// The features whose value for these attributes is `true`, or, where they are not boolean,
    /// neither null nor zero nor empty.
    ///
    /// ```
    /// use kiln::flags::Schema;
    /// use serde_json::json;
    /// use std::time::SystemTime;
    ///
    /// let schema = Schema::parse(br#"{"on": {"default": true}, "off": {"default": false}}"#)?;
    /// assert!(schema.enabled(&json!({}), SystemTime::now()).eq(["on"]));
    /// # Ok::<_, kiln::flags::FlagError>(())
    /// ```
    pub fn enabled(&self, attributes: &Value, now: SystemTime) -> impl Iterator<Item = &str> {
        let features = self.features.iter();
        let enabled = features
            .filter(move |(name, feature)| is_truthy(feature.evaluate(name, attributes, now)));
        enabled.map(|(name, _)| name.as_str())
    }

    pub(super) fn is_boolean(&self, feature: &str) -> bool {
        let mut features = self.features.iter();
        features.any(|(name, known)| name == feature && known.is_boolean)
    }
}

impl Feature {
    fn parse(node: &Node, place: Place<'_>) -> Result<Self, FlagError> {
        match node {
            Node::Object(members) if !members.is_empty() => {}
            _ => return Err(place.problem("it is no object with anything in it")),
        }
        let is_boolean = match node.get("boolean_type") {
            None => true,
            Some(node) => node
                .as_bool()
                .ok_or_else(|| place.problem("its `boolean_type` is neither `true` nor `false`"))?,
        };
        let default = node.get("default").filter(|node| !node.is_null());
        let default = default.ok_or_else(|| place.problem("it has no `default`"))?;
        if is_boolean && default.as_bool().is_none() {
            return Err(place.problem(
                "its `default` is neither `true` nor `false`, and `boolean_type` is not `false`",
            ));
        }
        let rules = match node.get("rules") {
            None => Vec::new(),
            Some(Node::Object(rules)) => rules
                .iter()
                .map(|(name, node)| Rule::parse(name, node, is_boolean, place))
                .collect::<Result<_, FlagError>>()?,
            // Nothing, in other words.
            Some(node) if node.is_null() || *node == Node::List(Vec::new()) => Vec::new(),
            Some(_) => return Err(place.problem("its `rules` are no object")),
        };
        Ok(Self {
            default: default.to_value(),
            is_boolean,
            rules,
        })
    }

    fn evaluate(&self, name: &str, attributes: &Value, now: SystemTime) -> &Value {
        let matching = self.rules.iter().find(|rule| rule.matches(attributes, now));
        // Attributes may be personal: neither they nor values are logged.
        match matching {
            Some(rule) => {
                tracing::debug!(feature = name, rule = rule.name, "a rule matches");
                &rule.when_match
            }
            None => {
                tracing::debug!(feature = name, "no rule matches: its default");
                &self.default
            }
        }
    }
}

impl Rule {
    fn parse(
        name: &str,
        node: &Node,
        is_boolean: bool,
        place: Place<'_>,
    ) -> Result<Self, FlagError> {
        let place = Place {
            rule: Some(name),
            ..place
        };
        if name.is_empty() {
            return Err(place.problem("its name is empty"));
        }
        match node {
            Node::Object(members) if !members.is_empty() => {}
            _ => return Err(place.problem("it is no object with anything in it")),
        }
        let when_match = node.get("when_match");
        if is_boolean && when_match.and_then(Node::as_bool).is_none() {
            return Err(place.problem("its `when_match` is neither `true` nor `false`"));
        }
        let conditions = match node.get("conditions") {
            Some(Node::List(conditions)) if !conditions.is_empty() => conditions,
            _ => return Err(place.problem("its `conditions` are no list with anything in it")),
        };
        let conditions = conditions.iter().enumerate().map(|(index, node)| {
            let place = Place {
                condition: Some(index + 1),
                ..place
            };
            Condition::parse(node).map_err(|problem| place.problem(problem))
        });
        Ok(Self {
            name: name.to_owned(),
            when_match: when_match.map_or(Value::Null, Node::to_value),
            conditions: conditions.collect::<Result<_, FlagError>>()?,
        })
    }

    /// An attribute that is missing meets no condition, not even one that denies.
    fn matches(&self, attributes: &Value, now: SystemTime) -> bool {
        self.conditions.iter().all(|condition| match condition {
            Condition::Attribute { key, test } => {
                let attribute = attributes.get(key);
                attribute.is_some_and(|attribute| test.passes(attribute))
            }
            Condition::Time(schedule) => schedule.includes(now),
        })
    }
}

/// Where something is wrong.
#[derive(Clone, Copy, Default)]
struct Place<'a> {
    feature: Option<&'a str>,
    rule: Option<&'a str>,
    condition: Option<usize>,
}

impl Place<'_> {
    fn problem(self, problem: impl Into<String>) -> FlagError {
        FlagError::Schema {
            feature: self.feature.map(str::to_owned),
            rule: self.rule.map(str::to_owned),
            condition: self.condition,
            problem: problem.into(),
        }
    }
}

fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}
