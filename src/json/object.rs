//! Fields of a JSON object, read one by one.
//!
//! A field that cannot be read leaves the others as they are. Of two with one name the last counts,
//! as in JavaScript.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapDeserializer},
};
use serde_json::{Map, Value, value::RawValue};

/// Fields of one object that are read. Known objects have some thirty at most.
const MAX_FIELDS: usize = 256;

/// Depth of nested objects whose fields are read one by one.
const MAX_NESTING: usize = 8;

/// Elements of one list that are read.
const MAX_ELEMENTS: usize = 4096;

/// A string, borrowed from the text unless it contains escapes. (`Option<Cow<str>>` itself always
/// allocates with serde.)
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

impl Text<'_> {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The fields of an object, not yet parsed.
#[derive(Debug, Default)]
pub(crate) struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Object<'a> {
    pub(crate) fn read(text: &'a str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    /// The unparsed value of a field.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// The value of a field, if it has this type.
    pub(crate) fn get<T: Deserialize<'a>>(&self, name: &str) -> Option<T> {
        super::read(self.raw(name)?.get()).ok()
    }

    pub(crate) fn text(&self, name: &str) -> Option<Text<'a>> {
        self.get(name)
    }

    pub(crate) fn object(&self, name: &str) -> Option<Self> {
        Self::read(self.raw(name)?.get()).ok()
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), *value))
    }

    /// All fields; unreadable ones are null, also in nested objects.
    pub(crate) fn values(&self) -> Map<String, Value> {
        self.values_within(MAX_NESTING)
    }

    fn values_within(&self, nesting: usize) -> Map<String, Value> {
        let read = |value: &'a RawValue| {
            serde_json::from_str(value.get()).unwrap_or_else(|_| match Object::read(value.get()) {
                Ok(inner) if nesting > 0 => Value::Object(inner.values_within(nesting - 1)),
                _ => Value::Null,
            })
        };
        self.fields().map(|(name, value)| (name.to_owned(), read(value))).collect()
    }

    pub(super) fn into_typed<T: Deserialize<'a>>(self) -> serde_json::Result<T> {
        T::deserialize(MapDeserializer::new(self.0.into_iter()))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Object<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields: Vec<(Cow<'de, str>, &'de RawValue)> = Vec::new();
                while let Some(Text(name)) = map.next_key::<Text<'de>>()? {
                    let has_room = fields.len() < MAX_FIELDS;
                    let known = fields.iter_mut().find(|(known, _)| *known == name);
                    match known {
                        Some((_, value)) => *value = map.next_value()?,
                        None if has_room => fields.push((name, map.next_value()?)),
                        None => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(Object(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// The elements of a list, not yet parsed; those beyond a bound are left out.
pub(crate) fn list(text: &str) -> serde_json::Result<Vec<&RawValue>> {
    struct Elements;
    impl<'de> Visitor<'de> for Elements {
        type Value = Vec<&'de RawValue>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut elements = Vec::new();
            while elements.len() < MAX_ELEMENTS
                && let Some(element) = list.next_element()?
            {
                elements.push(element);
            }
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(elements)
        }
    }
    serde_json::Deserializer::from_str(text).deserialize_seq(Elements)
}
