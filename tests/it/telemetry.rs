//! Telemetry: what an OpenTelemetry collector is sent, and that nobody waits for one.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{KeyValue, any_value::Value as Any},
    metrics::v1::metric::Data,
    trace::v1::{Span, status::StatusCode},
};
use prost::Message as _;
use serde_json::Value;

use crate::server::{DEADLINE, Server, Setup, eventually, free_port};

/// A collector that notes what it is sent: the path and the body.
struct Collector {
    address: String,
    requests: Receiver<(String, Vec<u8>)>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (sender, requests) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if sender.send(take(stream)).is_err() {
                    return;
                }
            }
        });
        Self { address, requests }
    }

    fn next(&self, path: &str) -> Vec<u8> {
        loop {
            let (came, body) = self.requests.recv_timeout(DEADLINE).expect("no request came");
            if came == path {
                return body;
            }
        }
    }

    /// The spans of the next turn, by their names.
    fn turn(&self) -> BTreeMap<String, Span> {
        let request = ExportTraceServiceRequest::decode(&*self.next("/v1/traces")).unwrap();
        let spans = request.resource_spans.into_iter().flat_map(|it| it.scope_spans);
        spans.flat_map(|it| it.spans).map(|span| (span.name.clone(), span)).collect()
    }
}

fn take(mut stream: TcpStream) -> (String, Vec<u8>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    let path = first.split(' ').nth(1).unwrap().to_owned();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
    (path, body)
}

fn told(endpoint: &str) -> String {
    format!("[telemetry]\nendpoint = {endpoint:?}\ninterval = \"500ms\"\n")
}

fn attributes(of: &[KeyValue]) -> BTreeMap<&str, String> {
    let text = |it: &KeyValue| match it.value.as_ref().unwrap().value.as_ref().unwrap() {
        Any::StringValue(text) => text.clone(),
        Any::IntValue(number) => number.to_string(),
        Any::DoubleValue(number) => number.to_string(),
        other => panic!("{other:?}"),
    };
    of.iter().map(|it| (it.key.as_str(), text(it))).collect()
}

async fn value(server: &Server, name: &str) -> u64 {
    let (_, text) = server.get("/metrics").await;
    let Value::String(text) = text else { panic!("{text}") };
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in\n{text}")).parse().unwrap()
}

#[actix::test]
async fn one_turn_is_one_trace_with_its_stages_and_without_what_was_said() {
    let collector = Collector::start();
    let server = Setup::scripted().config(&told(&format!("{}/", collector.address))).start();
    let mut client = server.connect().await;
    client.start().await;
    client.ask("tool Read {\"file_path\":\"README.md\"} => # Demo of a person\nsay the answer is green").await;
    client.turn().await;
    let body = collector.next("/v1/traces");
    for said in ["green", "README", "Demo"] {
        let is_there = body.windows(said.len()).any(|it| it == said.as_bytes());
        assert!(!is_there, "{said:?} is content");
    }
    let request = ExportTraceServiceRequest::decode(&*body).unwrap();
    let [of_server] = &request.resource_spans[..] else { panic!("{request:?}") };
    let resource = of_server.resource.as_ref().unwrap();
    assert_eq!(attributes(&resource.attributes)["service.name"], "cicerone");
    let spans: BTreeMap<&str, &Span> =
        of_server.scope_spans[0].spans.iter().map(|span| (span.name.as_str(), span)).collect();
    let root = spans["turn"];
    for name in ["queued", "first text", "answer", "execute_tool Read"] {
        let span = spans.get(name).unwrap_or_else(|| panic!("no {name} in {spans:?}"));
        assert_eq!(span.parent_span_id, root.span_id, "{name}");
        assert_eq!(span.trace_id, root.trace_id, "{name}");
        assert!(span.start_time_unix_nano >= root.start_time_unix_nano, "{name}");
        assert!(span.end_time_unix_nano <= root.end_time_unix_nano, "{name}");
    }
    let told = attributes(&root.attributes);
    assert_eq!(told["cicerone.outcome"], "completed");
    assert_eq!(told["gen_ai.agent.name"], "claude");
    assert!(
        told.contains_key("cicerone.project") && told.contains_key("gen_ai.usage.input_tokens")
    );
    assert_eq!(root.status.as_ref().unwrap().code, i32::from(StatusCode::Unset));

    client.ask("exit 3").await;
    client.turn().await;
    let failed = collector.turn();
    assert_eq!(failed["turn"].status.as_ref().unwrap().code, i32::from(StatusCode::Error));
    assert_ne!(failed["turn"].trace_id, root.trace_id);
    eventually("the spans are counted", async || {
        let sent = value(&server, "cicerone_telemetry_spans_total{result=\"sent\"}").await;
        (sent >= 8).then_some(())
    })
    .await;

    // Its agent has ended, so that this question starts one, which is told of the trace.
    client.ask("env").await;
    let answer = client.turn().await;
    assert!(format!("{answer:?}").contains("TRACEPARENT"), "{answer:?}");
    let started = collector.turn();
    assert_eq!(started["agent start"].parent_span_id, started["turn"].span_id);
}

#[actix::test]
async fn the_figures_are_those_of_prometheus() {
    let collector = Collector::start();
    let server = Setup::scripted().config(&told(&collector.address)).start();
    let mut client = server.connect().await;
    client.start().await;
    client.ask("say hello").await;
    client.turn().await;
    let metrics = eventually("an answer is in the figures", async || {
        let body = collector.next("/v1/metrics");
        let request = ExportMetricsServiceRequest::decode(&*body).unwrap();
        let metrics = request.resource_metrics[0].scope_metrics[0].metrics.clone();
        let answers = metrics.iter().find(|it| it.name == "cicerone.answer").unwrap();
        let Some(Data::Histogram(histogram)) = &answers.data else { panic!("{answers:?}") };
        assert_eq!(answers.unit, "s");
        (histogram.data_points[0].count == 1).then_some(metrics)
    })
    .await;
    let find = |name: &str| metrics.iter().find(|it| it.name == name).unwrap();
    let Some(Data::Histogram(delivery)) = &find("cicerone.delivery").data else { panic!() };
    assert_eq!(delivery.data_points[0].bucket_counts.len(), 11);
    let Some(Data::Sum(turns)) = &find("cicerone.turns").data else { panic!() };
    assert!(turns.is_monotonic && turns.data_points.len() == 4);
    let Some(Data::Gauge(viewers)) = &find("cicerone.viewers").data else { panic!() };
    assert_eq!(viewers.data_points.len(), 1);
}

#[actix::test]
async fn a_collector_that_hangs_or_is_not_there_delays_nobody_and_its_spans_are_counted() {
    // It lets programs connect, and never answers.
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", hanging.local_addr().unwrap());
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    for (endpoint, is_refused) in [(address, false), (nowhere, true)] {
        let server = Setup::scripted().config(&told(&endpoint)).start();
        let mut client = server.connect().await;
        client.start().await;
        let since = Instant::now();
        for _ in 0..5 {
            client.ask("say hello").await;
            client.turn().await;
        }
        assert!(since.elapsed() < Duration::from_secs(9), "the collector may be silent for 10 s");
        if is_refused {
            eventually("spans are dropped", async || {
                let name = "cicerone_telemetry_spans_total{result=\"dropped\"}";
                (value(&server, name).await >= 15).then_some(())
            })
            .await;
            assert!(server.log().contains("telemetry is dropped"), "{}", server.log());
        }
    }
}

#[actix::test]
async fn without_an_address_nothing_is_traced() {
    let server = Server::start();
    let mut client = server.connect().await;
    client.start().await;
    client.ask("env").await;
    let answer = client.turn().await;
    assert!(!format!("{answer:?}").contains("TRACEPARENT"), "{answer:?}");
    for result in ["sent", "dropped"] {
        let name = format!("cicerone_telemetry_spans_total{{result=\"{result}\"}}");
        assert_eq!(value(&server, &name).await, 0);
    }
}

#[test]
fn an_address_is_one_of_http() {
    for endpoint in ["localhost:4318", "ftp://localhost", "https://"] {
        let (status, stderr) = Setup::guide().config(&told(endpoint)).fail();
        assert!(!status.success(), "{endpoint}");
        assert!(stderr.contains("telemetry.endpoint"), "{endpoint}: {stderr}");
    }
}
