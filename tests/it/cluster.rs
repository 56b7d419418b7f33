//! Several nodes with real NATS servers: what was acknowledged is on all of them, whoever is killed, paused
//! or cut off.

mod any_node;
mod containers;
mod cuts;
mod deployed;
mod fronts;
mod life;
mod nats;
mod nodes;
mod page;
mod refusals;
mod scenes;
