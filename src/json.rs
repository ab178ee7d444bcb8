//! The fields of a JSON object in their order, each value as it is written.
//!
//! Values are skipped the way codex skips an unknown field, so a number out of range or a lone surrogate breaks nothing there. An
//! edited text keeps every byte that was not edited. Linear in the length of the text.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::home::auth::not_a_string;
use crate::reason::{Reason, ReasonCode};

/// One JSON object.
pub(crate) struct Fields<'a> {
    text: &'a str,
    fields: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> Fields<'a> {
    /// Parses the text of one object.
    ///
    /// # Errors
    /// The reason, worded for an `auth.json`.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Reason> {
        if bytes.is_empty() {
            return Err(ReasonCode::AuthEmpty.into());
        }
        let text = std::str::from_utf8(bytes).map_err(|_| ReasonCode::AuthNotUtf8)?;
        let InOrder(fields) = serde_json::from_str(text).map_err(|error| match error.classify() {
            Category::Data => Reason::new(ReasonCode::AuthWrongType, "auth.json is not a JSON object"),
            Category::Io | Category::Syntax | Category::Eof => {
                let (line, column) = (error.line(), error.column());
                Reason::new(ReasonCode::AuthNotJson, format!("auth.json is not one JSON value (at {line}:{column})"))
            }
        })?;
        Ok(Self { text, fields })
    }

    /// Returns every value of a field.
    pub(crate) fn all(&self, key: &str) -> impl Iterator<Item = &'a RawValue> {
        self.fields.iter().filter(move |(name, _)| name == key).map(|(_, value)| *value)
    }

    /// Returns every string that the field has, even if it is repeated or other values are wrong.
    pub(crate) fn texts(&self, key: &str) -> impl Iterator<Item = String> {
        self.all(key).filter_map(|value| serde_json::from_str(value.get()).ok())
    }

    /// Returns the last value of a field, even if the field is repeated.
    pub(crate) fn last(&self, key: &str) -> Option<&'a RawValue> {
        self.all(key).last()
    }

    /// Returns the last value of a field if that is a string.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        serde_json::from_str(self.last(key)?.get()).ok()
    }

    /// Returns the only field of the object; `None` if there are none or several.
    pub(crate) fn only(&self) -> Option<(&str, &'a RawValue)> {
        match self.fields.as_slice() {
            [(name, value)] => Some((name, value)),
            _ => None,
        }
    }

    /// Returns the value of a field that codex knows. Such a field must not be repeated.
    pub(crate) fn one(&self, key: &'static str) -> Result<Option<&'a RawValue>, Reason> {
        let mut all = self.all(key);
        match (all.next(), all.next()) {
            (first, None) => Ok(first),
            (_, Some(_)) => Err(Reason::new(ReasonCode::AuthWrongType, format!("`{key}` is repeated in auth.json"))),
        }
    }

    /// Returns a field that is a string, null or absent.
    pub(crate) fn string(&self, key: &'static str) -> Result<Option<String>, Reason> {
        let Some(value) = self.one(key)? else { return Ok(None) };
        serde_json::from_str(value.get()).map_err(|_| not_a_string(key))
    }

    /// Returns whether any field with this prefix is not null.
    pub(crate) fn is_set_with_prefix(&self, prefix: &str) -> bool {
        self.fields.iter().any(|(key, value)| key.starts_with(prefix) && value.get() != "null")
    }

    /// Returns the text of the object with new values for some fields. A missing field is added at the end. All other text is
    /// unchanged.
    pub(crate) fn with(&self, values: &[(&str, String)]) -> Option<String> {
        let mut edits: Vec<(Range<usize>, String)> = Vec::new();
        let end = self.text.rfind('}')?;
        let mut added = String::new();
        for (key, value) in values {
            match self.last(key) {
                Some(old) => edits.push((self.range_of(old)?, value.clone())),
                None => {
                    let is_first = self.fields.is_empty() && added.is_empty();
                    added.push_str(&format!("{}\"{key}\":{value}", if is_first { "" } else { "," }));
                }
            }
        }
        let last = self.text.get(..end)?.trim_end().len();
        edits.push((last..last, added));
        edits.sort_by_key(|(range, _)| range.start);
        let (mut edited, mut from) = (String::with_capacity(self.text.len() + 64), 0);
        for (range, value) in edits {
            edited.push_str(self.text.get(from..range.start)?);
            edited.push_str(&value);
            from = range.end;
        }
        edited.push_str(self.text.get(from..)?);
        Some(edited)
    }

    /// Returns the place of a value in the text.
    fn range_of(&self, value: &RawValue) -> Option<Range<usize>> {
        let start = (value.get().as_ptr() as usize).checked_sub(self.text.as_ptr() as usize)?;
        Some(start..start + value.get().len())
    }
}

struct InOrder<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for InOrder<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(Key(key)) = map.next_key()? {
                    fields.push((key, map.next_value()?));
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Reader).map(Self)
    }
}

/// A key, borrowed if it has no escape.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);
