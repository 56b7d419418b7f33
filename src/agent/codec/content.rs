//! The content of messages, as text and as JSON objects of bounded depth.

use serde_json::value::RawValue;

use super::wire::MessageContent;

/// The text of a message's content; a block without text is shown as its kind in brackets.
pub(super) fn plain(content: Option<&RawValue>) -> String {
    let blocks = match MessageContent::read(content) {
        MessageContent::Plain(text) => return text,
        MessageContent::Blocks(blocks) => blocks,
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
    text
}

/// Deepest nesting of a value that is passed on: every later reader must be able to parse it.
const MAX_DEPTH: usize = 100;

/// The raw value if it is a JSON object of at most that depth, else `{}`.
pub(super) fn object(value: Option<&RawValue>) -> Box<RawValue> {
    match value {
        Some(value) if value.get().starts_with('{') && depth(value.get()) <= MAX_DEPTH => {
            value.to_owned()
        }
        _ => RawValue::from_string("{}".to_owned()).unwrap_or_else(|_| RawValue::NULL.to_owned()),
    }
}

/// The nesting depth of JSON text.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut is_escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => (),
        }
    }
    deepest
}

/// Cuts `text` to at most `max` bytes at a character boundary. Returns whether it was longer.
pub(super) fn cut(text: &mut String, max: usize) -> bool {
    let too_long = text.len() > max;
    if too_long {
        text.truncate(text.floor_char_boundary(max));
    }
    too_long
}
