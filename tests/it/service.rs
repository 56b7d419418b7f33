//! Run as a service of systemd: what it tells, the sockets that it takes over, and its unit.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::net::UnixDatagram,
    process::{Command, Stdio},
};

use crate::{
    docs,
    server::{DEADLINE, Setup, deployed, eventually, free_port},
};

#[test]
fn the_recipes_of_other_package_managers_say_what_the_manifest_says() {
    let manifest = include_str!("../../Cargo.toml");
    let value = |key: &str| {
        let line = manifest.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
        line.unwrap().trim_matches('"').to_owned()
    };
    let (nix, brew) = (deployed("cicerone.nix"), deployed("cicerone.rb"));
    assert!(nix.contains(&format!("version = \"{}\";", value("version"))), "{nix}");
    assert!(nix.contains(&value("description")), "{nix}");
    // Homebrew wants no article there.
    assert!(brew.contains(value("description").trim_start_matches("A read-only")), "{brew}");
    assert_eq!(value("license"), "MIT OR Apache-2.0");
    assert!(nix.contains("mit\n") && nix.contains("asl20\n"), "{nix}");
    assert!(brew.contains("any_of: [\"MIT\", \"Apache-2.0\"]"), "{brew}");
}

#[test]
fn the_service_manager_is_told_when_the_server_answers_and_when_it_ends() {
    let setup = Setup::guide();
    let socket = setup.files_dir().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(DEADLINE)).unwrap();
    let told = || {
        let mut message = [0; 256];
        let length = manager.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..length]).trim().to_owned()
    };
    let mut server = setup.env("NOTIFY_SOCKET", socket.to_str().unwrap()).start();
    assert_eq!(told(), "READY=1");
    TcpStream::connect(server.address()).unwrap();
    assert!(server.terminate().success());
    assert_eq!(told(), "STOPPING=1");
}

/// Asks over a socket that `systemd-socket-activate` has opened, and gives what the server answers and
/// says.
async fn activated(listen: &str, token: Option<&str>) -> (String, String) {
    let files = tempfile::tempdir().unwrap();
    let log = files.path().join("log");
    fs::create_dir(files.path().join("project")).unwrap();
    let port = free_port();
    let mut command = Command::new("systemd-socket-activate");
    command.args(["--listen", &format!("{listen}:{port}")]);
    if let Some(token) = token {
        command.arg(format!("--setenv=CICERONE_VIEWER_TOKEN={token}"));
    }
    let mut child = command
        .arg(env!("CARGO_BIN_EXE_cicerone"))
        .args(["--agent", "guide", "--listen", "127.0.0.1:1", "--data-dir"])
        .arg(files.path().join("data"))
        .arg(files.path().join("project"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let address = format!("127.0.0.1:{port}");
    let mut stream =
        eventually("the socket is open", async || TcpStream::connect(&address).ok()).await;
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    // A server that refuses to start resets it.
    let read = stream.read_to_string(&mut answer);
    // One that refuses to start ends by itself, once it has said why.
    if !answer.is_empty() {
        child.kill().unwrap();
    }
    child.wait().unwrap();
    (answer, format!("{read:?} {}", fs::read_to_string(log).unwrap()))
}

#[actix::test]
async fn a_socket_that_systemd_has_opened_is_taken_over() {
    let (answer, log) = activated("127.0.0.1", None).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}\n{log}");
}

#[actix::test]
async fn p10_a_socket_that_others_can_reach_needs_a_token() {
    let (answer, log) = activated("0.0.0.0", None).await;
    assert_eq!(answer, "", "{log}");
    assert!(log.contains("set access.viewer_token_file, or listen on 127.0.0.1"), "{log}");
    let (answer, log) = activated("0.0.0.0", Some("viewer-0123456789")).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}\n{log}");
}

#[test]
fn the_units_are_in_order_and_leave_little_open() {
    let dir = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_cicerone");
    let service = deployed("cicerone.service");
    assert!(service.contains("ExecStart=/usr/bin/cicerone "));
    let service = service.replace("/usr/bin/cicerone", program);
    fs::write(dir.path().join("cicerone.service"), service).unwrap();
    fs::write(dir.path().join("cicerone.socket"), deployed("cicerone.socket")).unwrap();
    let units = ["cicerone.service", "cicerone.socket"].map(|name| dir.path().join(name));
    let verified =
        Command::new("systemd-analyze").args(["verify", "--man=no"]).args(&units).output().unwrap();
    let complaints = String::from_utf8_lossy(&verified.stderr);
    let ours: Vec<&str> = complaints.lines().filter(|line| line.contains("cicerone")).collect();
    assert!(verified.status.success() && ours.is_empty(), "{complaints}");
    // Tenths of the ten that systemd gives to a service without any of it.
    let open = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--threshold=25", "--no-pager"])
        .arg(&units[0])
        .output()
        .unwrap();
    assert!(open.status.success(), "{}", String::from_utf8_lossy(&open.stdout));
}

#[test]
fn the_unit_of_a_node_is_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let unit = dir.path().join("cicerone.service");
    let service = deployed("cicerone.service");
    fs::write(&unit, service.replace("/usr/bin/cicerone", env!("CARGO_BIN_EXE_cicerone"))).unwrap();
    fs::create_dir(dir.path().join("cicerone.service.d")).unwrap();
    let drop_in = docs::program("cluster.conf");
    fs::write(dir.path().join("cicerone.service.d/cluster.conf"), &drop_in).unwrap();
    let verified =
        Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&unit).output().unwrap();
    let complaints = String::from_utf8_lossy(&verified.stderr);
    let is_ours = |line: &&str| line.contains("cicerone") || line.contains("cluster.conf");
    let ours: Vec<&str> = complaints.lines().filter(is_ours).collect();
    assert!(verified.status.success() && ours.is_empty(), "{complaints}");
}

#[actix::test]
async fn lines_of_the_log_are_json_where_that_is_asked_for() {
    let server = Setup::guide().config("[server]\nlog_format = \"json\"\n").start();
    let log = eventually("something is logged", async || {
        Some(server.log()).filter(|log| log.contains('\n'))
    })
    .await;
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["time"].as_str().unwrap().ends_with('Z'), "{line}");
        for field in ["level", "target", "message"] {
            assert!(line[field].is_string(), "{line}");
        }
    }
}
