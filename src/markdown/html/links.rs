//! Links and references to files.

use pulldown_cmark::LinkType;

use crate::citation::{
    mention::{self, Mention},
    suffix,
};

use super::{
    super::{
        address::{self, LONGEST_ADDRESS},
        escape::push_escaped,
        invisible::{Marking, push_marked},
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
        // A file's page at a code host stays a link if it is none of the project's.
        let is_page = file.is_some() && target.is_safe();
        if let Some(mention) = &file {
            self.open_reference(mention, if is_page { &target.to } else { "" });
        } else if is_link {
            self.out.push_str("<a");
            self.link_attributes(&target.to);
            self.out.push('>');
        }
        self.closing.push(if file.is_some() || is_link { "</a>" } else { "" }.into());
        let is_address = !target.to.is_empty() && !target.to.starts_with('#');
        let is_shown = !is_page && (file.is_some() || (!is_link && may_show && is_address));
        let shown_address = is_shown.then(|| match &file {
            Some(mention) => mention.written.reference.to_string(),
            None => target.to.clone(),
        });
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
        let mut shown = String::new();
        push_marked(address, Marking::All, self.budget, &mut shown);
        if !self.out.get(start..).is_some_and(|text| text.contains(&shown)) {
            self.out.push_str(" <code>");
            self.out.push_str(&shown);
            self.out.push_str("</code>");
        }
    }

    /// Writes inline code that the text `next` follows, which may tell lines of it.
    pub(super) fn inline_code(&mut self, code: &str, next: &str) {
        let may_refer = self.links.is_empty() && self.has_budget();
        let mention = mention::parse_code(code).filter(|_| may_refer).map(|mention| {
            let after = suffix::parse(next).and_then(|it| it.lines);
            mention.with_lines(suffix::lines_before(&self.before).or(after))
        });
        if let Some(mention) = &mention {
            self.open_reference(mention, "");
        }
        self.out.push_str("<code>");
        self.marked(code, Marking::All);
        self.out.push_str("</code>");
        if mention.is_some() {
            self.out.push_str("</a>");
        }
    }

    fn link_attributes(&mut self, to: &str) {
        self.attribute(r#" href=""#, to, r#"" rel="noopener noreferrer" target="_blank""#);
    }

    fn attribute(&mut self, before: &str, value: &str, after: &str) {
        self.out.push_str(before);
        push_escaped(value, &mut self.out);
        self.out.push_str(after);
    }

    /// Opens an anchor. Unless it leads `to` a page, it has no address: the page adds it once the file
    /// was found.
    fn open_reference(&mut self, mention: &Mention<'_>, to: &str) {
        self.references.add(mention);
        let reference = &mention.written.reference;
        self.attribute(r#"<a class="reference" data-path=""#, &reference.path, "\"");
        for (name, line) in [("line", reference.line), ("end-line", reference.end_line)] {
            if let Some(line) = line {
                self.out.push_str(&format!(r#" data-{name}="{line}""#));
            }
        }
        if !to.is_empty() {
            self.link_attributes(to);
        }
        self.out.push('>');
    }

    /// Text in which bare addresses are links and references to files are marked.
    pub(super) fn text_with_links(&mut self, text: &str) {
        let mut rest = text;
        while self.has_budget()
            && let Some((before, address, after)) = address::find(rest)
        {
            self.text_with_references(before, Marking::Directions);
            self.start_link(LinkTarget::new(address.to_owned(), LinkType::Autolink));
            self.text(address);
            self.end_link();
            rest = after;
        }
        self.text_with_references(rest, Marking::Directions);
    }

    /// Text in which references to files are marked.
    pub(super) fn text_with_references(&mut self, text: &str, marking: Marking) {
        let mut rest = text;
        while self.has_budget()
            && let Some((before, mention, after)) = mention::find(rest)
        {
            self.marked(before, marking);
            let mention = mention.with_lines(suffix::lines_before(&self.before));
            self.open_reference(&mention, "");
            self.marked(mention.text, Marking::All);
            self.out.push_str("</a>");
            rest = after;
        }
        self.marked(rest, marking);
    }
}
