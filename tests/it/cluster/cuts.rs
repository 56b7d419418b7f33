//! Nodes that are cut off from NATS: in both directions, or so that what they send arrives and no answer
//! comes back. What was under way arrives when the network is whole again, as it does in a network.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use super::{
    nats::Nats,
    nodes::{SHORT, begin, check, come_back, config, is_ready, node},
};
use crate::{
    client::text_of,
    server::{Server, Setup, eventually},
};

/// Step of waiting for what comes, and for a line that is cut.
const STEP: Duration = Duration::from_millis(20);

/// Lines from one node to all NATS servers.
struct Lines {
    addresses: Vec<String>,
    /// From the node, and to it.
    is_cut: [Arc<AtomicBool>; 2],
}

impl Lines {
    fn to(nats: &Nats) -> Self {
        let is_cut: [Arc<AtomicBool>; 2] = Default::default();
        let lay = |address: String| {
            let to = address.strip_prefix("nats://").unwrap().to_owned();
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let own = listener.local_addr().unwrap();
            let is_cut = is_cut.clone();
            // It ends with the test's process.
            thread::spawn(move || {
                for client in listener.incoming().map_while(Result::ok) {
                    let Ok(server) = TcpStream::connect(&to) else { continue };
                    let [up, down] = is_cut.clone();
                    pass(client.try_clone().unwrap(), server.try_clone().unwrap(), up);
                    pass(server, client, down);
                }
            });
            format!("nats://{own}")
        };
        let addresses = nats.addresses().into_iter().map(lay).collect();
        Self { addresses, is_cut }
    }

    /// Cuts the directions that are named, and joins the others.
    fn cut(&self, which: [bool; 2]) {
        for (is_cut, cut) in self.is_cut.iter().zip(which) {
            is_cut.store(cut, Ordering::SeqCst);
        }
    }
}

/// Passes on what comes, and holds it while the line is cut.
fn pass(mut from: TcpStream, mut to: TcpStream, is_cut: Arc<AtomicBool>) {
    from.set_read_timeout(Some(STEP)).unwrap();
    thread::spawn(move || {
        let mut bytes = vec![0; 64 << 10];
        loop {
            let n_read = match from.read(&mut bytes) {
                Ok(0) => break,
                Ok(n_read) => n_read,
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    continue;
                }
                Err(_) => break,
            };
            while is_cut.load(Ordering::SeqCst) {
                thread::sleep(STEP);
            }
            if to.write_all(&bytes[..n_read]).is_err() {
                break;
            }
        }
        to.shutdown(Shutdown::Both).ok();
    });
}

/// A node that reaches NATS by these lines alone.
fn node_by(lines: &Lines, nats: &Nats, name: &str) -> Server {
    let table = config(nats, name, SHORT);
    let direct = format!("nats = {:?}", nats.addresses());
    assert!(table.contains(&direct), "{table}");
    let table = table.replace(&direct, &format!("nats = {:?}", lines.addresses));
    Setup::scripted().config(&table).start()
}

/// Cuts the node that owns a project off, in these directions, and joins it again.
async fn is_cut_off(which: [bool; 2]) {
    let nats = Nats::start().await;
    let lines = Lines::to(&nats);
    let a = node_by(&lines, &nats, "a");
    let (b, c) = (node(&nats, "b", SHORT), node(&nats, "c", SHORT));
    let (mut client, id) = begin(&a).await;
    client.post("m1", "say before").await;
    assert_eq!(text_of(&client.turn().await), "before");
    client.post("m2", "stream 100000 20").await;
    client.until("text").await;
    lines.cut(which);
    // It is asked something that it can tell nobody any more.
    client.post("m3", "say lost").await;
    let (texts, code, _) = client.until_closed().await;
    assert_eq!(code, 1012);
    let is_taken = |text: &String| text.contains(r#""type":"accepted""#) && text.contains("m3");
    let was_taken = texts.iter().any(is_taken);
    let (mut heirs, _) = come_back(&[&b, &c], id, 0).await;
    heirs.post("m4", "say here").await;
    let said = heirs.until_any(&["error", "response_done"]).await;
    assert!(said.iter().all(|frame| frame["type"] != "error"), "{said:?}");
    lines.cut([false, false]);
    eventually("it can serve again", async || is_ready(&a).await.then_some(())).await;
    let mut acknowledged = vec![(id, "m1"), (id, "m2"), (id, "m4")];
    if was_taken {
        acknowledged.push((id, "m3"));
    }
    eventually("the heirs have answered", async || {
        let left: i64 = heir_turns(&b);
        (left == 0).then_some(())
    })
    .await;
    check(&[&a, &b, &c], &acknowledged).await;
}

/// Turns of a node's store that have not ended.
fn heir_turns(node: &Server) -> i64 {
    let sql = "SELECT count(*) FROM turns WHERE state <> 'done'";
    node.database().query_row(sql, (), |row| row.get(0)).unwrap()
}

#[actix::test]
async fn a_node_that_is_cut_off_gives_up_what_others_take_and_comes_back() {
    is_cut_off([true, true]).await;
}

#[actix::test]
async fn what_a_node_sends_without_an_answer_is_in_the_log_once_or_not_at_all() {
    is_cut_off([false, true]).await;
}
