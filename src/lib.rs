//! Cicerone: a chat server that puts a read-only guide in front of a codebase.
//!
//! # The way of a message
//!
//! ```text
//! browser ──ws──▶ Viewer ──▶ Registry ──▶ Session(project) ──stdin──▶ agent process
//!                   ▲                        │  │                        │ stdout, JSON lines
//!                   │  frames, shared bytes  │  │ entries, answers       ▼
//!                   └────────────────────────┘  └──▶ Database ──▶ SQLite, one writer
//! ```
//!
//! A [`web::websocket`] reads a frame, [`wire::client_frame`] understands it, the [`registry`] finds the
//! project's [`session`]. The session has the [`database`] accept a question, its state machine
//! [`conversation::turn`] decides when the question's turn comes, and [`agent`] gives it to a process.
//! What the process prints, [`agent::codec`] turns into events; the session appends them to the
//! [`conversation::transcript`], and every viewer that has asked gets what it has not seen, rendered
//! by [`wire::encode`]. The same entries ([`entry`]) are the rows of the database.
//!
//! Awaits go downward only: web, registry, session, database. Facts travel upward as messages
//! that nobody waits for. A viewer gets a batch only when it asks, so one that does not read
//! costs one batch and delays nobody.
//!
//! # In reading order

pub mod cli;
pub mod config;
pub mod doctor;
pub mod server;

pub mod web;
pub mod wire;

pub(crate) mod registry;
pub mod session;

pub mod conversation;

pub mod agent;
pub(crate) mod citation;
pub mod policy;

pub(crate) mod features;
pub mod guide;
pub mod mcp;
pub mod source;
pub(crate) mod suggestions;

pub mod database;
pub mod entry;
pub(crate) mod highlighter;
pub mod markdown;
pub(crate) mod sqlite_readonly;

pub(crate) mod authority;
pub mod ids;
pub(crate) mod json;
pub mod project;
