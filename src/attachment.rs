//! Files that people attach to their questions: what they are, what they may be, and how they are told.
//! Pure.
//!
//! What a file is follows from its bytes alone: neither its name nor the type that a client claims counts.

pub(crate) mod content;
pub(crate) mod name;
pub(crate) mod told;

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A file of a question, without its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Attachment)]
pub struct AttachedFile {
    /// Unguessable, and unique in the store.
    pub id: String,
    /// The name that its sender gave it, made safe to show.
    pub name: String,
    /// What its bytes are.
    #[serde(rename = "type")]
    pub content_type: AttachedType,
    /// Its length.
    pub bytes: u64,
    /// Of an image, in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Of an image, in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
}

/// What may be attached. Everything that is no such image is text or refused: SVG and HTML are text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum AttachedType {
    /// PNG.
    #[serde(rename = "image/png")]
    Png,
    /// JPEG.
    #[serde(rename = "image/jpeg")]
    Jpeg,
    /// GIF.
    #[serde(rename = "image/gif")]
    Gif,
    /// WebP.
    #[serde(rename = "image/webp")]
    Webp,
    /// Text in any encoding.
    #[serde(rename = "text/plain")]
    Text,
}

impl AttachedType {
    const ALL: [Self; 5] = [Self::Png, Self::Jpeg, Self::Gif, Self::Webp, Self::Text];

    /// The media type.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
            Self::Text => "text/plain",
        }
    }

    /// The type of this media type, as the store has it.
    pub(crate) fn of(media_type: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == media_type)
    }

    /// Whether it is an image.
    pub fn is_image(self) -> bool {
        self != Self::Text
    }
}

/// A file with its content.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LoadedFile {
    pub(crate) file: AttachedFile,
    #[serde(with = "base64_text")]
    pub(crate) content: Vec<u8>,
}

impl fmt::Debug for LoadedFile {
    /// Leaves the content out, which logs have no place for.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("LoadedFile").field(&self.file).finish()
    }
}

impl LoadedFile {
    /// The content in base64.
    pub(crate) fn base64(&self) -> String {
        STANDARD.encode(&self.content)
    }
}

mod base64_text {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map_err(D::Error::custom)
    }
}

/// The id of a new file.
pub(crate) fn new_id() -> String {
    Uuid::new_v4().simple().to_string()
}
