//! P8: whatever its agents do at the moment at which a server ends, and however it ends, neither
//! an agent nor a child of one nor the process that guards them is left.

use std::time::Duration;

use serde_json::json;

use crate::{
    client::{Client, text_of},
    processes::{all_gone, below, children_of, command_line},
    server::{Server, Setup, eventually, signal},
};

/// Moments of the time in which an agent starts.
const ROUNDS: u32 = 4;

fn that_starts(how: &str) -> Setup {
    Setup::scripted().env("SCRIPTED_AGENT_START", how).args(["--agent-env", "SCRIPTED_AGENT_START"])
}

/// Asks for a child of the agent, and waits for it: it lives until somebody ends it.
async fn begets(client: &mut Client, then: &str) -> u32 {
    client.ask(&format!("child\n{then}")).await;
    text_of(&client.until("text").await).parse().unwrap()
}

/// What belongs to the server, which must hold these and its guard.
async fn family(server: &Server, members: &[u32]) -> Vec<u32> {
    eventually("all processes are known", async || {
        let family = below(server.pid());
        let has_guard = family.iter().any(|pid| command_line(*pid).contains("--guard"));
        (has_guard && members.iter().all(|pid| family.contains(pid))).then_some(family)
    })
    .await
}

#[actix::test]
async fn p8_a_kill_while_agents_are_idle_and_while_they_answer_leaves_nothing() {
    let mut server = Server::start();
    let (mut idle, mut busy) = (server.connect().await, server.connect().await);
    idle.start().await;
    busy.start().await;
    let first = begets(&mut idle, "").await;
    idle.turn().await;
    let second = begets(&mut busy, "stream 100000 5").await;
    let family = family(&server, &[first, second]).await;
    server.kill();
    all_gone(server.files(), &family, None, "idle and busy").await;
}

#[actix::test]
async fn p8_a_kill_while_an_agent_starts_leaves_nothing() {
    for how in ["slow", "hang", "stubborn", ""] {
        let mut server = that_starts(how).start();
        for round in 0..ROUNDS {
            let mut client = server.connect().await;
            client.send(json!({ "type": "start", "protocol": 1 })).await;
            client.ask("child\nhang").await;
            client.until("attached").await;
            tokio::time::sleep(Duration::from_millis(6) * (round * round)).await;
            let family = below(server.pid());
            server.kill();
            all_gone(server.files(), &family, None, how).await;
            server.launch_again();
        }
    }
}

#[actix::test]
async fn p8_an_agent_that_hibernates_takes_its_children_along_and_a_kill_then_leaves_nothing() {
    let config = "[agent]\nidle_timeout = \"10ms\"\n[advanced.agent]\nstop_timeout = \"200ms\"\n";
    let mut server = that_starts("stubborn").config(config).start();
    for round in 0..ROUNDS {
        let mut client = server.connect().await;
        client.start().await;
        let child = begets(&mut client, "").await;
        client.turn().await;
        if round == 0 {
            let agent = server.agent_pid().await;
            let spared = Some(server.pid());
            all_gone(server.project_dir().as_path(), &[agent, child], spared, "hibernated").await;
        }
        tokio::time::sleep(Duration::from_millis(250) * round).await;
        let family = below(server.pid());
        server.kill();
        all_gone(server.files(), &family, None, "hibernating").await;
        server.launch_again();
    }
}

#[actix::test]
async fn p8_a_kill_of_the_guard_and_then_of_the_server_leaves_nothing() {
    for is_new_agent in [false, true] {
        let mut server = Server::start();
        let mut client = server.connect().await;
        client.start().await;
        let child = begets(&mut client, "hang").await;
        let known = family(&server, &[child]).await;
        let guard = known.iter().find(|pid| command_line(**pid).contains("--guard"));
        let guard = *guard.unwrap();
        signal(guard, "KILL");
        let mut members = vec![child];
        if is_new_agent {
            let mut other = server.connect().await;
            other.start().await;
            members.push(begets(&mut other, "hang").await);
        }
        eventually("there is another guard", async || {
            let of = below(server.pid());
            let guards = of.iter().filter(|pid| command_line(**pid).contains("--guard"));
            guards.into_iter().any(|pid| *pid != guard).then_some(())
        })
        .await;
        let family = family(&server, &members).await;
        server.kill();
        let when = format!("a guard that was killed, a new agent: {is_new_agent}");
        all_gone(server.files(), &family, None, &when).await;
    }
}

#[actix::test]
async fn p8_a_shutdown_while_a_long_conversation_is_read_leaves_nothing() {
    let config = "[advanced.agent]\nstop_timeout = \"500ms\"\n";
    let mut server = that_starts("stubborn").config(config).start();
    let mut client = server.connect().await;
    let long = client.start().await;
    client.ask("say begun").await;
    client.turn().await;
    server.kill();
    lengthen(&server, long);
    for round in 0..ROUNDS {
        server.launch_again();
        let (mut busy, mut reader) = (server.connect().await, server.connect().await);
        busy.start().await;
        begets(&mut busy, "hang").await;
        reader.send(json!({ "type": "start", "protocol": 1, "conversation_id": long })).await;
        tokio::time::sleep(Duration::from_millis(6) * (round * round)).await;
        let family = below(server.pid());
        let ended = server.terminate();
        assert!(ended.success(), "{ended}");
        all_gone(server.files(), &family, None, "reading").await;
    }
}

/// Makes the conversation so long that it takes a while to be read.
fn lengthen(server: &Server, conversation: i64) {
    let added = server
        .writable_database()
        .execute(
            "WITH RECURSIVE more(seq) AS (SELECT 1000 UNION ALL SELECT seq + 1 FROM more WHERE seq < 16000)
             INSERT INTO entries (conversation_id, turn, first_seq, last_seq, kind, payload, created_at, updated_at)
             SELECT ?1, 1, seq, seq, 'thinking', json_object('block', seq, 'content', 'So.'), '', '' FROM more",
            [conversation],
        )
        .unwrap();
    assert!(added > 15_000);
}

#[actix::test]
async fn p8_a_shutdown_while_an_agent_starts_leaves_nothing() {
    for how in ["slow", "hang", "stubborn", ""] {
        let mut server =
            that_starts(how).config("[advanced.agent]\nstop_timeout = \"100ms\"\n").start();
        for round in 0..ROUNDS {
            let mut client = server.connect().await;
            client.send(json!({ "type": "start", "protocol": 1 })).await;
            client.ask("child\nhang").await;
            client.until("attached").await;
            tokio::time::sleep(Duration::from_millis(6) * (round * round)).await;
            let family = below(server.pid());
            let ended = server.terminate();
            assert!(ended.success(), "{how}: {ended}");
            all_gone(server.files(), &family, None, how).await;
            server.launch_again();
        }
    }
}

/// Ways of a process out of the reach of whoever started it. Each prints the id of what stays.
const ESCAPES: [&str; 4] = [
    "setsid sh -c 'sleep 1000 >/dev/null 2>&1 & echo $!'",
    "(setsid sh -c '(setsid sleep 1000 >/dev/null 2>&1 & echo $!) &' &) ; sleep 0.2",
    "(trap '' TERM HUP INT; sleep 1000 >/dev/null 2>&1 & echo $!)",
    "bash -mc 'sleep 1000 >/dev/null 2>&1 & echo $!; disown'",
];

/// Lets an agent try every way out; gives the processes that are there then.
async fn escapes(client: &mut Client) -> Vec<u32> {
    let mut escaped = Vec::new();
    for escape in ESCAPES {
        client.ask(&format!("sh {escape}")).await;
        escaped.extend(text_of(&client.turn().await).trim().parse::<u32>());
    }
    escaped
}

#[actix::test]
async fn p8_nothing_that_an_agent_detaches_outlives_it_or_the_server() {
    for sandbox in ["off", "required"] {
        let mut server = Setup::scripted().args(["--sandbox", sandbox]).start();
        for end in ["kill", "crash", "close", "shutdown"] {
            let when = format!("sandbox {sandbox}, {end}");
            let mut client = server.connect().await;
            client.start().await;
            let escaped = escapes(&mut client).await;
            assert!(escaped.len() == ESCAPES.len() || sandbox == "required", "{when}: {escaped:?}");
            let spared = match end {
                "kill" => {
                    server.kill();
                    None
                }
                "crash" => {
                    client.ask("crash").await;
                    client.turn().await;
                    Some(server.pid())
                }
                "close" => {
                    let path = "/api/assistant/sessions/demo";
                    let (status, body) = server.request(reqwest::Method::DELETE, path).await;
                    assert_eq!(status, 200, "{body}");
                    Some(server.pid())
                }
                _ => {
                    assert!(server.terminate().success());
                    None
                }
            };
            all_gone(server.project_dir().as_path(), &escaped, spared, &when).await;
            if spared.is_none() {
                server.launch_again();
            }
        }
    }
}

#[actix::test]
async fn p8_a_supervisor_that_is_killed_or_stopped_leaves_nothing_when_its_time_comes() {
    let mut server = Server::start();
    for (signals, kills_server) in [(&["KILL"][..], false), (&["KILL"], true), (&["STOP"], true)] {
        let when = format!("{signals:?}, server killed: {kills_server}");
        let mut client = server.connect().await;
        client.start().await;
        let child = begets(&mut client, "hang").await;
        let supervisors: Vec<u32> = children_of(server.pid())
            .into_iter()
            .filter(|pid| below(*pid).contains(&child))
            .collect();
        let [supervisor] = supervisors[..] else { panic!("{when}: {supervisors:?}") };
        let family = below(supervisor);
        for name in signals {
            signal(supervisor, name);
        }
        if kills_server {
            server.kill();
        }
        let spared = (!kills_server).then(|| server.pid());
        all_gone(server.project_dir().as_path(), &family, spared, &when).await;
        if kills_server {
            server.launch_again();
        }
    }
}
