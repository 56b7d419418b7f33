//! The samples in `config/deploy` that are of a cluster, with the real programs.

use super::{
    nats::{Nats, NatsSetup, PASSWORD},
    nodes::{LONG, begin, config, is_ready},
};
use crate::{client::text_of, server::Setup};

#[actix::test]
async fn a_node_joins_nats_servers_that_have_the_sample() {
    let nats = Nats::with(NatsSetup { is_deployed: true, ..NatsSetup::default() }).await;
    let setup = Setup::scripted();
    let file = setup.files_dir().join("nats.secret");
    std::fs::write(&file, format!("cicerone:{PASSWORD}\n")).unwrap();
    let table = config(&nats, "a", LONG);
    let node = setup.config(&format!("{table}user_file = {file:?}\n")).start();
    assert!(is_ready(&node).await);
    let (mut client, _) = begin(&node).await;
    client.ask("say hello").await;
    assert_eq!(text_of(&client.turn().await), "hello");
    // Nobody gets in without the password.
    let stranger = format!("{}append_timeout = \"2s\"\n", config(&nats, "b", LONG));
    let (_, words) = Setup::scripted().config(&stranger).fail();
    assert!(words.contains("cannot reach NATS"), "{words}");
}
