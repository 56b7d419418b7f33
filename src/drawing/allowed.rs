//! XML from a process that is not trusted, written anew: only what the rules allow comes out.
//!
//! The text is parsed, and every element, attribute and character is written again with our own
//! escaping. What no rule allows refuses the whole text; nothing is repaired.

use quick_xml::{
    Reader,
    escape::unescape,
    events::{BytesStart, Event},
};

use crate::markdown::escape::push_escaped;

/// Elements within each other.
const MAX_DEPTH: usize = 256;

/// Why a text was refused, for the log and for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAllowed {
    #[error("an element `{0}`")]
    Element(String),
    #[error("an attribute `{0}` of this value")]
    Attribute(String),
    #[error("a style of this kind")]
    Style,
    #[error("more than is shown")]
    TooLong,
    #[error("something that is no element and no text")]
    Other,
    #[error("a text that cannot be parsed")]
    Malformed,
}

/// What becomes of an attribute.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AttributeRuling {
    Keep,
    /// The attribute is written with this name and value.
    Replace(&'static str, String),
    /// The attribute is left out, which changes nothing that matters.
    Drop,
    Refuse,
}

/// What may come out.
pub(super) trait Rules {
    /// Whether an element may stand within `parents`, outermost first.
    fn element(&mut self, name: &str, parents: &[String]) -> bool;
    /// What becomes of an attribute of an element; its value is unescaped.
    fn attribute(&mut self, element: &str, name: &str, value: &str) -> AttributeRuling;
    /// Attributes to add to an element.
    fn added(&mut self, element: &str) -> Vec<(&'static str, String)>;
    /// The text of an element as it is to be written; `None` refuses it.
    fn text(&mut self, element: &str, text: &str) -> Option<String>;
}

/// The text as the rules allow it, at most `limit` bytes.
///
/// # Errors
/// It has something that no rule allows, or is longer or deeper than may be.
pub(super) fn rewritten(
    text: &str,
    limit: usize,
    rules: &mut impl Rules,
) -> Result<String, NotAllowed> {
    if text.len() > limit {
        return Err(NotAllowed::TooLong);
    }
    let mut reader = Reader::from_str(text.trim());
    reader.config_mut().check_end_names = true;
    let mut writer = Writer { out: String::new(), open: Vec::new(), content: String::new(), rules };
    let mut has_root = false;
    loop {
        // A second root, and text outside of the first.
        let is_outside = writer.open.is_empty();
        match reader.read_event().map_err(|_| NotAllowed::Malformed)? {
            Event::Start(_) | Event::Empty(_) if is_outside && has_root => {
                return Err(NotAllowed::Malformed);
            }
            Event::Start(start) => {
                has_root = true;
                writer.start(&start)?;
            }
            Event::Empty(start) => {
                has_root = true;
                writer.start(&start)?;
                writer.end()?;
            }
            Event::End(_) => writer.end()?,
            Event::Text(text) if !is_outside => writer.content.push_str(&text),
            Event::GeneralRef(entity) if !is_outside => {
                let entity = format!("&{};", &*entity);
                let c = unescape(&entity).map_err(|_| NotAllowed::Malformed)?;
                writer.content.push_str(&c);
            }
            Event::Comment(_) => (),
            Event::Eof if has_root && is_outside => break,
            Event::Eof | Event::Text(_) | Event::GeneralRef(_) => {
                return Err(NotAllowed::Malformed);
            }
            Event::CData(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {
                return Err(NotAllowed::Other);
            }
        }
        if writer.out.len() > limit {
            return Err(NotAllowed::TooLong);
        }
    }
    Ok(writer.out)
}

struct Writer<'a, R> {
    out: String,
    /// The names of the open elements.
    open: Vec<String>,
    /// Text of the innermost element that is not written yet, unescaped.
    content: String,
    rules: &'a mut R,
}

impl<R: Rules> Writer<'_, R> {
    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), NotAllowed> {
        self.flush()?;
        let name = start.name().into_inner().to_owned();
        if self.open.len() >= MAX_DEPTH {
            return Err(NotAllowed::TooLong);
        }
        if !self.rules.element(&name, &self.open) {
            return Err(NotAllowed::Element(shortened(&name)));
        }
        self.out.push('<');
        self.out.push_str(&name);
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|_| NotAllowed::Malformed)?;
            let key = attribute.key.into_inner();
            let value = unescape(&attribute.value).map_err(|_| NotAllowed::Malformed)?;
            match self.rules.attribute(&name, key, &value) {
                AttributeRuling::Keep => self.attribute(key, &value),
                AttributeRuling::Replace(key, value) => self.attribute(key, &value),
                AttributeRuling::Drop => (),
                AttributeRuling::Refuse => return Err(NotAllowed::Attribute(shortened(key))),
            }
        }
        for (key, value) in self.rules.added(&name) {
            self.attribute(key, &value);
        }
        self.out.push('>');
        self.open.push(name);
        Ok(())
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.out.push(' ');
        self.out.push_str(name);
        self.out.push_str("=\"");
        push_escaped(value, &mut self.out);
        self.out.push('"');
    }

    fn end(&mut self) -> Result<(), NotAllowed> {
        self.flush()?;
        let name = self.open.pop().ok_or(NotAllowed::Malformed)?;
        self.out.push_str("</");
        self.out.push_str(&name);
        self.out.push('>');
        Ok(())
    }

    /// Writes the text of the innermost element.
    fn flush(&mut self) -> Result<(), NotAllowed> {
        let content = std::mem::take(&mut self.content);
        if content.is_empty() {
            return Ok(());
        }
        let element = self.open.last().map_or("", String::as_str);
        let text = self.rules.text(element, &content).ok_or(NotAllowed::Style)?;
        if text.contains(is_control) {
            return Err(NotAllowed::Other);
        }
        push_escaped(&text, &mut self.out);
        Ok(())
    }
}

/// Whether XML cannot have this character.
fn is_control(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t' | '\r')
}

fn shortened(name: &str) -> String {
    name.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Few;

    impl Rules for Few {
        fn element(&mut self, name: &str, _: &[String]) -> bool {
            matches!(name, "a" | "b")
        }

        fn attribute(&mut self, _: &str, name: &str, value: &str) -> AttributeRuling {
            match name {
                "x" if value == "bad" => AttributeRuling::Refuse,
                "x" => AttributeRuling::Keep,
                _ => AttributeRuling::Drop,
            }
        }

        fn added(&mut self, _: &str) -> Vec<(&'static str, String)> {
            Vec::new()
        }

        fn text(&mut self, _: &str, text: &str) -> Option<String> {
            Some(text.to_owned())
        }
    }

    fn of(text: &str) -> Result<String, NotAllowed> {
        rewritten(text, 4096, &mut Few)
    }

    #[test]
    fn what_is_allowed_is_written_with_our_own_escaping() {
        for (text, expected) in [
            ("<a/>", "<a></a>"),
            (
                "<a x='1 &lt; 2' onload='x'>1 &amp; 2<b/></a>",
                "<a x=\"1 &lt; 2\">1 &amp; 2<b></b></a>",
            ),
            ("<a>&#60;script&#x3e;</a>", "<a>&lt;script&gt;</a>"),
            ("<a x=\"&quot;&gt;&lt;b&gt;\"/>", "<a x=\"&quot;&gt;&lt;b&gt;\"></a>"),
            ("<a><!-- <script> --></a>", "<a></a>"),
        ] {
            assert_eq!(of(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "text",
            "<a/>text",
            "<a/><b/>",
            "<a>",
            "<a></b>",
            "<a><script/></a>",
            "<A/>",
            "<x:a/>",
            "<a x='bad'/>",
            "<a x='&nbsp;'/>",
            "<a x='1' x='2'/>",
            "<a>&nbsp;</a>",
            "<a>&xxe;</a>",
            "<a><![CDATA[<script>]]></a>",
            "<?xml version='1.0'?><a/>",
            "<?xml-stylesheet href='x'?><a/>",
            "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
            "<a>\u{0}</a>",
            "<a>&#27;</a>",
            "<a x=1/>",
            "<a x/>",
            "<a <b/>",
        ] {
            assert!(of(text).is_err(), "{text}: {:?}", of(text));
        }
        assert_eq!(of(&"<a>".repeat(300)), Err(NotAllowed::TooLong));
        assert_eq!(of(&format!("<a>{}</a>", "x".repeat(5000))), Err(NotAllowed::TooLong));
        assert_eq!(of(&format!("<a>{}</a>", "&#60;".repeat(1500))), Err(NotAllowed::TooLong));
    }
}
