//! Messages about the journal: whose a project is, and what other nodes have written.

use actix::Message;

use crate::{
    database::{
        DatabaseError,
        journal::{Owner, Placed, Position},
    },
    project::ProjectName,
};

/// Makes a project this node's and puts it in order: turns that nobody goes on with are ended, and
/// conversations in which nobody wrote deleted. Without a journal, nothing is to be done.
#[derive(Message, Debug, Clone)]
#[rtype(result = "Result<(), DatabaseError>")]
pub(crate) struct TakeProject {
    pub(crate) project: ProjectName,
    /// Whose it is known to be; the request fails where it is another one's by now.
    pub(crate) instead_of: Option<Owner>,
}

/// Gives a project back: any node may take it then.
#[derive(Message, Debug, Clone)]
#[rtype(result = "Result<(), DatabaseError>")]
pub(crate) struct LeaveProject {
    pub(crate) project: ProjectName,
}

/// Says which log the journal is. Answers whether the store has applied records of that one alone.
#[derive(Message, Debug)]
#[rtype(result = "Result<bool, DatabaseError>")]
pub(crate) struct UseLog {
    pub(crate) log: String,
}

/// Applies what nodes have written, in its order. What is applied already changes nothing.
#[derive(Message, Debug)]
#[rtype(result = "Result<(), DatabaseError>")]
pub(crate) struct ApplyRecords {
    pub(crate) records: Vec<Placed>,
    /// There is no other record up to this place.
    pub(crate) up_to: Position,
}
