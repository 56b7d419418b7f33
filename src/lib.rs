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
//! 1. A viewer ([`web::websocket`]) reads a frame, [`wire::client_frame`] parses it, and the
//!    [`registry`] finds the project's [`session`].
//! 2. The session has the [`database`] accept the question. Its state machine
//!    ([`conversation::turn`]) decides when the question's turn begins, and [`agent`] hands it to
//!    a process.
//! 3. [`agent::codec`] decodes what the process prints into events. The session appends them to
//!    the [`conversation::transcript`] and saves its entries ([`entry`]) as rows.
//! 4. Every viewer that has asked for more gets what it has not seen, encoded once by
//!    [`wire::encode`] and shared.
//!
//! Awaits go downward only: web, registry, session, database. Facts travel upward as messages
//! that nobody waits for. A viewer gets a batch only when it asks, so one that does not read
//! costs one batch and delays nobody.
//!
//! # Glossary
//!
//! * **Project** ([`project::Project`]): a directory that people ask about, under a name; or a group,
//!   several of them as one, each a [`project::Root`].
//! * **Session** ([`session::Session`]): the actor of one project; owns its conversations.
//! * **Registry** ([`registry::Registry`]): the actor that starts, finds and closes sessions.
//! * **Conversation** ([`conversation::Conversation`]): questions and answers under one id.
//! * **Turn** ([`ids::TurnNumber`]): one question with its answer and exactly one end.
//! * **Attachment** ([`attachment::AttachedFile`]): a file that a person attached to a question.
//! * **Entry** ([`entry::Content`]): one item of a history, on screen, in memory and as a row.
//! * **Sequence number** ([`ids::Seq`]): the place of a piece in its conversation's history.
//! * **Transcript** ([`conversation::transcript::Transcript`]): a history in memory, with what is
//!   still to be saved.
//! * **Viewer** ([`web::websocket`]): the actor of one WebSocket connection.
//! * **Subscriber** ([`conversation::subscriber::Subscriber`]): a viewer as its conversation sees
//!   it.
//! * **Cursor** ([`conversation::transcript::Cursor`]): what a subscriber has already been sent.
//! * **Batch** ([`conversation::viewer::Batch`]): the frames that a viewer gets for one pull.
//! * **Frame** ([`wire::client_frame::ClientFrame`]): one JSON message of the WebSocket protocol.
//! * **Notice** ([`wire::server_frame::Notice`]): a frame outside the history.
//! * **Dialect** ([`wire::Dialect`]): the variant of the protocol that a client asked for.
//! * **Agent** ([`agent::AgentHandle`]): a process that answers the questions of a conversation.
//! * **Codec** ([`agent::codec`]): the line protocol that agents speak.
//! * **Slot** ([`agent::slots::Slot`]): the right to run one agent.
//! * **Sandbox** ([`agent::sandbox`]): what the kernel denies an agent.
//! * **Self-test** ([`agent::sandbox::self_test::SelfTest`]): attempts to break out, made at start.
//! * **Policy** ([`policy::Policy`]): which files of a project may be read.
//! * **Gate** ([`policy::gate`]): the one place that opens files of a project.
//! * **Citation** ([`citation::Citation`]): a reference of an answer to a place in a file.
//! * **Reader** ([`reader::Readers`]): the confined process that reads the files of one project.
//! * **Guide** ([`guide`]): the built-in agent, a search without a model.
//! * **Passage** ([`source::document::Passage`]): lines of a file that the guide shows.
//! * **Write** ([`database::writes::Write`]): a change of the store as a value.
//! * **Role** ([`web::access::roles::Role`]): what a token allows: chat or admin.
//! * **Settings** ([`config::settings::Settings`]): the configuration after all layers.
//!
//! # In reading order

#![allow(rustdoc::private_intra_doc_links)] // Its readers work on it, and document private items.

pub mod ask;
pub mod cli;
pub mod config;
pub mod doctor;
pub mod server;

pub mod web;
pub mod wire;

pub(crate) mod registry;
pub(crate) mod repositories;
pub mod session;

pub mod cluster;
pub mod conversation;

pub mod drawing;
pub mod reader;

pub mod agent;
pub(crate) mod citation;
pub mod policy;

pub(crate) mod features;
pub(crate) mod forge;
pub(crate) mod git_remote;
pub mod guide;
pub(crate) mod history;
pub mod mcp;
pub mod model;
pub mod recording;
pub mod source;
pub(crate) mod suggestions;
pub(crate) mod webhook;

pub mod attachment;
pub(crate) mod budget;
pub mod database;
pub mod effort;
pub mod entry;
pub(crate) mod highlighter;
pub mod markdown;
pub(crate) mod sqlite_readonly;
pub(crate) mod telemetry;

pub(crate) mod authority;
pub(crate) mod hex;
pub(crate) mod histogram;
pub(crate) mod http_client;
pub mod ids;
pub(crate) mod json;
pub(crate) mod mask;
pub mod project;
pub(crate) mod reaction;
pub mod rights;
pub(crate) mod signing;
pub(crate) mod sse;
pub mod tools;
