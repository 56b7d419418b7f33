//! What messages hold, as text and as JSON objects of a bounded size.

use serde_json::value::RawValue;

use super::wire::Content;

/// The text of content; blocks that hold none are named.
pub(super) fn plain(content: Option<&RawValue>) -> serde_json::Result<String> {
    let blocks = match Content::read(content)? {
        Content::Plain(text) => return Ok(text),
        Content::Blocks(blocks) => blocks,
    };
    let mut text = String::new();
    for block in blocks {
        if !text.is_empty() {
            text.push('\n');
        }
        match block.text {
            Some(part) => text.push_str(part.as_str()),
            None => {
                text.push('[');
                text.push_str(block.kind.as_str());
                text.push(']');
            }
        }
    }
    Ok(text)
}

/// The raw value if it is a JSON object, else an empty one.
pub(super) fn object(value: Option<&RawValue>) -> Box<RawValue> {
    match value {
        Some(value) if value.get().starts_with('{') => value.to_owned(),
        _ => RawValue::from_string("{}".to_owned()).unwrap_or_else(|_| RawValue::NULL.to_owned()),
    }
}

/// Cuts `text` to at most `max` bytes between two characters. Tells whether it did.
pub(super) fn cut(text: &mut String, max: usize) -> bool {
    let too_long = text.len() > max;
    if too_long {
        text.truncate(text.floor_char_boundary(max));
    }
    too_long
}
