//! HTML of answers: rendered on a timer while they grow, highlighted after they are shown.

use std::{sync::Arc, time::Duration};

use crate::ids::Seq;

use super::live::LiveConversation;

/// Shortest interval between renderings of a growing answer.
const RENDERED: Duration = Duration::from_millis(60);

/// Added to the interval for each KiB of the open part, which is sent again each time.
const RENDERED_PER_KIB: Duration = Duration::from_millis(5);

/// Longest interval between renderings.
const RENDERED_AT_LEAST: Duration = Duration::from_millis(600);

/// Parts that are held back, because they would be sent too often, are sent after this pause.
const QUIET: Duration = Duration::from_secs(2);

impl LiveConversation<'_> {
    /// Renders new text after the interval, if a viewer wants HTML.
    pub(super) fn render_soon(&mut self) {
        if !self.state.audience.wants_html()
            || std::mem::replace(&mut self.state.audience.is_render_due, true)
        {
            return;
        }
        let kib = u32::try_from(self.state.transcript.open_bytes() / 1024).unwrap_or(u32::MAX);
        let wait = RENDERED.saturating_add(RENDERED_PER_KIB.saturating_mul(kib));
        self.run_later(wait.min(RENDERED_AT_LEAST), |live| {
            live.state.audience.is_render_due = false;
            if !live.state.transcript.refresh_within_pace() {
                live.refresh_when_quiet(live.state.transcript.last_seq());
            }
            live.state.deliver();
            live.highlight_code();
            live.prefetch_open_code();
            live.check_new_references();
        });
    }

    /// Renders everything up to `seq` if nothing follows it during the pause.
    fn refresh_when_quiet(&mut self, seq: Seq) {
        self.run_later(QUIET, move |live| {
            if live.state.transcript.last_seq() == seq {
                live.state.transcript.refresh();
                live.state.deliver();
            }
        });
    }

    /// Highlights code that was rendered since the last call, and sends its parts again.
    pub(super) fn highlight_code(&mut self) {
        for code in self.state.transcript.take_uncoloured() {
            let highlighter = self.env.resources.highlighter.clone();
            let (project, fence) = (self.env.project.clone(), Arc::clone(&code.fence));
            let highlighted = async move { highlighter.block(project, fence).await };
            self.spawn(highlighted, move |live, html| {
                live.state.transcript.colour(code, html);
                live.state.deliver();
            });
        }
    }

    /// Reads the code block that is still open ahead, so that its colours come soon once it closes.
    fn prefetch_open_code(&self) {
        if let Some(fence) = self.state.transcript.open_code() {
            self.env.resources.highlighter.prefetch(&self.env.project, fence);
        }
    }
}
