//! Handlers of what is deleted from time to time.

use actix::{Context, Handler};

use crate::database::{
    actor::{Database, Reply},
    messages::{DropLoose, TrimAudit},
    queries::{actions, attachments},
    writes::{Change, DropLooseAttachments},
};

/// Rows of the audit log that are deleted at once.
const MAX_TRIMMED: u32 = 5000;

impl Handler<DropLoose> for Database {
    type Result = Reply<()>;

    fn handle(&mut self, _: DropLoose, context: &mut Context<Self>) -> Self::Result {
        self.enqueue(context, 0, |recorder| {
            for project in attachments::projects_with_loose(recorder.connection())? {
                // Another node sees to those of its own projects.
                if !recorder.owns(&project)? {
                    continue;
                }
                recorder.apply(Change::DropLooseAttachments(DropLooseAttachments { project }))?;
            }
            Ok(())
        })
    }
}

impl Handler<TrimAudit> for Database {
    type Result = Reply<bool>;

    fn handle(&mut self, trim: TrimAudit, context: &mut Context<Self>) -> Self::Result {
        self.enqueue(context, 0, move |recorder| {
            let TrimAudit { before, rows } = trim;
            let connection = recorder.connection();
            match actions::trimmed_up_to(connection, before.as_deref(), rows, MAX_TRIMMED)? {
                // Each store keeps as much as its own settings say.
                Some(up_to) => recorder.apply_unrecorded(Change::TrimAudit(up_to)),
                None => Ok(false),
            }
        })
    }
}
