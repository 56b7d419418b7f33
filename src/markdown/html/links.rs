//! Links and references to files.

use pulldown_cmark::LinkType;

use crate::citation::mention::{self, Mention};

use super::{
    super::{
        address::{self, LONGEST_ADDRESS},
        escape::push_escaped,
    },
    Writer,
};

/// Where a link or an image leads.
pub(super) struct LinkTarget {
    to: String,
    pub(super) is_image: bool,
    /// Whether the address is written in the text, and not in a definition elsewhere.
    is_inline: bool,
}

impl LinkTarget {
    pub(super) fn new(to: String, kind: LinkType) -> Self {
        let is_inline = matches!(kind, LinkType::Inline | LinkType::Autolink | LinkType::Email);
        Self { to, is_image: false, is_inline }
    }

    /// Whether a link may lead there.
    fn is_safe(&self) -> bool {
        let has_scheme = |scheme: &str| {
            self.to.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        };
        self.to.len() <= LONGEST_ADDRESS
            && ["http://", "https://", "mailto:"].into_iter().any(has_scheme)
            && !self.to.contains(char::is_control)
    }
}

/// An open link or image.
pub(super) struct Link {
    /// Where its text begins in the output.
    start: usize,
    /// The address to show after the text, if that is not a link to it.
    shown_address: Option<String>,
    is_image: bool,
}

impl Writer {
    /// Starts a link. An image becomes one too, because nothing from other servers is shown. Where
    /// no link is written, the address is shown as text.
    pub(super) fn start_link(&mut self, target: LinkTarget) {
        let may_be_link = self.links.is_empty() && self.may_open();
        let file = mention::parse_link(&target.to).filter(|_| may_be_link);
        let is_link = may_be_link && file.is_none() && target.is_safe();
        // An address written in the text is visible in any case, budget or not.
        let may_show = self.links.is_empty() && (target.is_inline || self.has_budget());
        if let Some(mention) = &file {
            self.open_reference(mention);
        } else if is_link {
            self.wrapped(
                r#"<a href=""#,
                &target.to,
                r#"" rel="noopener noreferrer" target="_blank">"#,
            );
        }
        self.closing.push(if file.is_some() || is_link { "</a>" } else { "" }.into());
        let is_address = !target.to.is_empty() && !target.to.starts_with('#');
        let is_shown = file.is_some() || (!is_link && may_show && is_address);
        let shown_address = is_shown.then_some(target.to);
        let is_image = target.is_image;
        self.links.push(Link { start: self.out.len(), shown_address, is_image });
    }

    pub(super) fn end_link(&mut self) {
        if let Some(link) = self.links.pop() {
            if link.is_image && self.out.len() == link.start {
                self.out.push_str("image");
            }
            if let Some(address) = link.shown_address {
                self.show_address(&address, link.start);
            }
        }
        self.close();
    }

    /// Shows the address of a link whose text begins at `start`, unless the text has it.
    fn show_address(&mut self, address: &str, start: usize) {
        let mut escaped = String::new();
        push_escaped(address, &mut escaped);
        if !self.out.get(start..).is_some_and(|text| text.contains(&escaped)) {
            self.out.push_str(" <code>");
            self.out.push_str(&escaped);
            self.out.push_str("</code>");
        }
    }

    pub(super) fn inline_code(&mut self, code: &str) {
        let may_refer = self.links.is_empty() && self.has_budget();
        let mention = mention::parse_code(code).filter(|_| may_refer);
        if let Some(mention) = &mention {
            self.open_reference(mention);
        }
        self.wrapped("<code>", code, "</code>");
        if mention.is_some() {
            self.out.push_str("</a>");
        }
    }

    /// Opens an anchor without an address: the page adds it once the file was found.
    fn open_reference(&mut self, mention: &Mention<'_>) {
        self.references.add(mention);
        let reference = &mention.reference;
        self.wrapped(r#"<a class="reference" data-path=""#, &reference.path, "\"");
        for (name, line) in [("line", reference.line), ("end-line", reference.end_line)] {
            if let Some(line) = line {
                self.out.push_str(&format!(r#" data-{name}="{line}""#));
            }
        }
        self.out.push('>');
    }

    /// Text in which bare addresses are links and references to files are marked.
    pub(super) fn text_with_links(&mut self, text: &str) {
        let mut rest = text;
        while self.has_budget()
            && let Some((before, address, after)) = address::find(rest)
        {
            self.text_with_references(before);
            self.start_link(LinkTarget::new(address.to_owned(), LinkType::Autolink));
            self.text(address);
            self.end_link();
            rest = after;
        }
        self.text_with_references(rest);
    }

    /// Text in which references to files are marked.
    pub(super) fn text_with_references(&mut self, text: &str) {
        let mut rest = text;
        while self.has_budget()
            && let Some((before, mention, after)) = mention::find(rest)
        {
            self.text(before);
            self.open_reference(&mention);
            self.text(mention.text);
            self.out.push_str("</a>");
            rest = after;
        }
        self.text(rest);
    }
}
