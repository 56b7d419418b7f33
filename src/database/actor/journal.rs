//! Handlers of what concerns the journal.

use actix::{Context, Handler};

use crate::database::{
    actor::{Database, Reply},
    journal::{
        messages::{ApplyRecords, LeaveProject, TakeProject, UseLog},
        positions, replay,
    },
    recovery,
};

impl Handler<TakeProject> for Database {
    type Result = Reply<()>;

    fn handle(&mut self, take: TakeProject, context: &mut Context<Self>) -> Self::Result {
        self.enqueue_unbounded(context, 0, move |recorder| {
            let TakeProject { project, instead_of } = take;
            recorder.open(&project, instead_of.as_ref())?;
            recovery::recover(recorder, &project).map(drop)
        })
    }
}

impl Handler<LeaveProject> for Database {
    type Result = Reply<()>;

    fn handle(&mut self, leave: LeaveProject, context: &mut Context<Self>) -> Self::Result {
        self.enqueue_unbounded(context, 0, move |recorder| recorder.close(&leave.project))
    }
}

impl Handler<UseLog> for Database {
    type Result = Reply<bool>;

    fn handle(&mut self, used: UseLog, context: &mut Context<Self>) -> Self::Result {
        self.enqueue_unbounded(context, 0, move |recorder| {
            Ok(positions::use_log(recorder.unrecorded(), &used.log)?)
        })
    }
}

impl Handler<ApplyRecords> for Database {
    type Result = Reply<()>;

    fn handle(&mut self, apply: ApplyRecords, context: &mut Context<Self>) -> Self::Result {
        self.enqueue_unbounded(context, 0, move |recorder| {
            let ApplyRecords { records, up_to } = apply;
            let applied = replay::apply(recorder.unrecorded(), &records)?;
            if applied < records.len() {
                log::debug!("records were applied already count={}", records.len() - applied);
            }
            Ok(positions::set_watermark(recorder.connection(), up_to)?)
        })
    }
}
