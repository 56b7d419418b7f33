//! What a node does not start with, in words.

use super::{
    nats::{Nats, NatsSetup, nobody},
    nodes::{LONG, SHORT, begin, config, node, titles},
};
use crate::{
    client::text_of,
    keeping::{ask, cicerone},
    server::{Setup, eventually},
};

/// What a node says that must not start.
fn refused(config: &str) -> String {
    let (status, words) = Setup::scripted().config(config).fail();
    assert_eq!(status.code(), Some(1), "{words}");
    words
}

#[actix::test]
async fn servers_that_may_lose_the_log_are_refused_unless_the_operator_vouches_for_them() {
    let setup = NatsSetup { servers: 1, sync: "", ..NatsSetup::default() };
    let nats = Nats::with(setup).await;
    let words = refused(&config(&nats, "a", LONG));
    assert!(words.contains("sync_interval: always"), "{words}");
    let monitoring = format!("monitoring = {:?}", nats.monitoring());
    let unknown = config(&nats, "a", LONG)
        .replace(&monitoring, &format!("monitoring = [\"http://{}\"]", nobody()));
    let words = refused(&unknown);
    assert!(words.contains("vouched") && words.contains("cluster.monitoring"), "{words}");
    let vouched = format!("{unknown}sync = \"vouched\"\n");
    Setup::scripted().config(&vouched).start();
}

#[actix::test]
async fn wrong_credentials_and_servers_that_are_not_there_are_told() {
    let setup = NatsSetup {
        servers: 1,
        more: "authorization { users: [ { user: cicerone, password: \"a-long-password\" } ] }"
            .to_owned(),
        ..NatsSetup::default()
    };
    let nats = Nats::with(setup).await;
    let plain = format!("{}append_timeout = \"2s\"\n", config(&nats, "a", LONG));
    let words = refused(&plain);
    assert!(words.contains("cannot reach NATS") && words.contains("user_file"), "{words}");
    let with_user = |password: &str| {
        let setup = Setup::scripted();
        let file = setup.files_dir().join("nats-user");
        std::fs::write(&file, format!("cicerone:{password}\n")).unwrap();
        setup.config(&format!("{plain}user_file = {file:?}\n"))
    };
    let (_, words) = with_user("a-wrong-password").fail();
    assert!(words.contains("cannot reach NATS"), "{words}");
    drop(with_user("a-long-password").start());
    let address = format!("{:?}", nats.addresses());
    let words = refused(&plain.replace(&address, &format!("[\"nats://{}\"]", nobody())));
    assert!(words.contains("cannot reach NATS"), "{words}");
}

#[actix::test]
async fn the_doctor_looks_at_nats_the_log_and_the_other_nodes() {
    let nats = Nats::with(NatsSetup { servers: 1, ..NatsSetup::default() }).await;
    let look = |more: &str| {
        let setup = Setup::scripted().config(&format!("{}{more}", config(&nats, "c", LONG)));
        let file = setup.files_dir().join("cicerone.toml");
        let data = setup.files_dir().join("data");
        let (_, words) = cicerone(&data, &["--config", file.to_str().unwrap(), "doctor"]);
        words.lines().filter(|line| line.contains("cluster: ")).collect::<Vec<_>>().join("\n")
    };
    let words = look("");
    assert!(words.starts_with("ok ") && words.contains("there is no log yet"), "{words}");
    let a = node(&nats, "a", LONG);
    let (mut client, _) = begin(&a).await;
    client.ask("say hello").await;
    client.turn().await;
    let nowhere = config(&nats, "b", LONG).replace("127.0.0.1:0", &nobody().to_string());
    let _lost = Setup::scripted().config(&nowhere).start();
    let words = look("");
    assert!(words.contains("nodes that live: a, b"), "{words}");
    assert!(words.contains("fail  cluster: the node b cannot be reached"), "{words}");
    let table = format!("nats = {:?}", nats.addresses());
    let away =
        config(&nats, "c", LONG).replace(&table, &format!("nats = [\"nats://{}\"]", nobody()));
    let setup = Setup::scripted().config(&format!("{away}append_timeout = \"1s\"\n"));
    let file = setup.files_dir().join("cicerone.toml");
    let (code, words) =
        cicerone(&setup.files_dir().join("data"), &["--config", file.to_str().unwrap(), "doctor"]);
    assert!(code == Some(1) && words.contains("fail  cluster: cannot reach NATS"), "{words}");
}

#[actix::test]
async fn nats_is_spoken_to_over_tls_where_its_certificate_is_trusted() {
    let files = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (files.path().join("nats.pem"), files.path().join("nats.key"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let more = format!("tls {{ cert_file: {certificate:?}, key_file: {key:?} }}");
    let nats =
        Nats::with(NatsSetup { servers: 1, more, scheme: "tls", ..NatsSetup::default() }).await;
    let plain = format!("{}append_timeout = \"2s\"\n", config(&nats, "a", LONG));
    let words = refused(&plain);
    assert!(words.contains("cannot reach NATS"), "{words}");
    let trusting = format!("{plain}tls_ca = {certificate:?}\n");
    let a = Setup::scripted().config(&trusting).start();
    let (mut client, _) = begin(&a).await;
    client.ask("say hello").await;
    assert_eq!(text_of(&client.turn().await), "hello");
}

#[actix::test]
async fn two_nodes_of_one_name_and_a_stream_of_others_are_refused() {
    let nats = Nats::with(NatsSetup { servers: 1, ..NatsSetup::default() }).await;
    let _first = node(&nats, "a", SHORT);
    let words = refused(&config(&nats, "a", SHORT));
    assert!(words.contains("another node has the name"), "{words}");
    let foreign = format!("{}stream = \"KV_CICERONE_NODES\"\n", config(&nats, "b", SHORT));
    let words = refused(&foreign);
    assert!(words.contains("none of Cicerone"), "{words}");
}

#[actix::test]
async fn what_a_node_cannot_apply_stops_it_from_following_and_it_says_why() {
    for (name, record, reason) in [
        ("newer", r#"{"v":99,"something":"else"}"#, "upgrade"),
        ("hole", r#"{"v":1,"batch":"b","after":7}"#, "missing"),
        ("odd", "no JSON at all", "cannot be read"),
    ] {
        let nats = Nats::with(NatsSetup { servers: 1, ..NatsSetup::default() }).await;
        let a = node(&nats, "a", LONG);
        let (mut client, id) = begin(&a).await;
        nats.publish("CICERONE.log.other", record);
        eventually("the node says that it cannot follow", async || {
            let (status, told) = a.get("/readyz").await;
            (status == 503 && told["detail"].as_str()?.contains("cannot follow")).then_some(())
        })
        .await;
        assert!(a.log().contains(reason), "{name}: {}", a.log());
        // What it owns goes on.
        client.ask("say hello").await;
        assert_eq!(text_of(&client.turn().await), "hello", "{name}");
        assert_eq!(titles(&a).await, ["say hello"]);
        assert_eq!(id, 1);
    }
}

#[actix::test]
async fn the_store_of_a_node_is_written_by_no_program_that_the_others_do_not_hear_of() {
    let nats = Nats::with(NatsSetup { servers: 1, ..NatsSetup::default() }).await;
    let a = node(&nats, "a", LONG);
    let (mut client, _) = begin(&a).await;
    client.ask("say hello").await;
    client.turn().await;
    let alone = Setup::scripted();
    let data = alone.files_dir().join("data");
    std::fs::create_dir(&data).unwrap();
    let store = data.join("cicerone.db");
    a.database().execute("VACUUM INTO ?1", [store.to_str()]).unwrap();
    let (code, words) = cicerone(&data, &["forget", "ana"]);
    assert!(code != Some(0) && words.contains("node of a cluster"), "{words}");
    let (status, words) = alone.fail();
    assert!(status.code() == Some(1) && words.contains("configure `[cluster]`"), "{words}");
}

#[actix::test]
async fn a_store_of_a_server_that_was_alone_does_not_become_a_node() {
    let nats = Nats::with(NatsSetup { servers: 1, ..NatsSetup::default() }).await;
    let mut alone = Setup::scripted().config("").start();
    ask(&alone, "say hello").await;
    alone.kill();
    std::fs::write(alone.files().join("cicerone.toml"), config(&nats, "a", LONG)).unwrap();
    let words = alone.launch_in_vain();
    assert!(words.contains("of a server that was alone"), "{words}");
    std::fs::write(alone.files().join("cicerone.toml"), "").unwrap();
    alone.launch_again();
    assert_eq!(titles(&alone).await, ["say hello"]);
}

#[test]
fn settings_that_cannot_work_are_refused_with_their_key() {
    let files = tempfile::tempdir().unwrap();
    let secret = files.path().join("secret");
    std::fs::write(&secret, "the-secret-of-all-nodes").unwrap();
    let with = |more: &str| {
        let secret = match more.contains("secret_file") {
            true => String::new(),
            false => format!("secret_file = {secret:?}\n"),
        };
        let config = format!("[cluster]\nnats = [\"nats://127.0.0.1:1\"]\n{secret}{more}\n");
        let (status, words) = Setup::scripted().config(&config).fail();
        assert_eq!(status.code(), Some(2), "{words}");
        words
    };
    for (more, key) in [
        ("", "cluster.address"),
        ("address = \"http://a:1\"\nsecret_file = \"\"", "cluster.secret_file"),
        ("address = \"http://a:1\"\nsecret_file = \"/no/such/file\"", "cluster.secret_file"),
        ("address = \"http://a:1\"\nlease = \"1s\"", "cluster.lease"),
        ("address = \"http://a:1\"\nlease = \"2500ms\"", "cluster.lease"),
        ("address = \"http://a:1\"\nnode = \"a b\"", "cluster.node"),
        ("address = \"http://a:1\"\nstream = \"a.b\"", "cluster.stream"),
        ("address = \"http://a:1\"\nsync = \"never\"", "cluster.sync"),
        ("address = \"http://a:1\"\ntls_certificate = \"/c.pem\"", "cluster.tls_key"),
        ("address = \"http://a:1\"\nuser_file = \"/no/such/file\"", "cluster.user_file"),
    ] {
        let words = with(more);
        assert!(words.contains(key), "{more}: {words}");
    }
    let config = "[cluster]\nnats = [\"nats://me:secret@127.0.0.1:1\"]\n";
    let (_, words) = Setup::scripted().config(config).fail();
    assert!(words.contains("without a password"), "{words}");
}
