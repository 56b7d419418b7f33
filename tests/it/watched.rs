//! What operators watch with: the alert rules and the dashboard in `config/deploy`.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use regex::Regex;
use serde_json::Value;

use crate::server::{Server, deployed};

/// Runs Prometheus' own checker in a directory of the test.
fn promtool(dir: &Path, arguments: &[&str]) {
    let checked = Command::new("promtool").args(arguments).current_dir(dir).output().unwrap();
    assert!(
        checked.status.success(),
        "{}{}",
        String::from_utf8_lossy(&checked.stdout),
        String::from_utf8_lossy(&checked.stderr)
    );
}

/// The queries of the dashboard, with the variables of Grafana filled in.
fn queries() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&deployed("grafana.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    targets
        .map(|target| target["expr"].as_str().unwrap())
        .map(|query| query.replace("$__rate_interval", "5m").replace("$instance", ".*"))
        .collect()
}

#[actix::test]
async fn rules_and_dashboard_use_metrics_that_the_server_has() {
    let server = Server::start();
    let mut client = server.connect().await;
    client.start().await;
    client.ask("say hello").await;
    client.turn().await;
    let (_, metrics) = server.get("/metrics").await;
    let name = Regex::new(r"\bcicerone_[a-z_]+").unwrap();
    let names = |text: &str| -> BTreeSet<String> {
        name.find_iter(text).map(|found| found.as_str().to_owned()).collect()
    };
    let known = names(metrics.as_str().unwrap());
    let used = names(&(deployed("alerts.yml") + &queries().join("\n")));
    assert!(used.len() > 10, "{used:?}");
    let unknown: Vec<&String> = used.difference(&known).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn rules_and_queries_are_those_of_prometheus() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("alerts.yml"), deployed("alerts.yml")).unwrap();
    let rules: Vec<Value> = queries()
        .iter()
        .enumerate()
        .map(|(number, query)| serde_json::json!({"record": format!("query:{number}"), "expr": query}))
        .collect();
    let rules = serde_json::json!({"groups": [{"name": "dashboard", "rules": rules}]});
    // JSON is YAML too.
    fs::write(dir.path().join("queries.yml"), rules.to_string()).unwrap();
    promtool(dir.path(), &["check", "rules", "alerts.yml", "queries.yml"]);
}

#[test]
fn alerts_fire_when_they_should_and_are_silent_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("alerts.yml"), deployed("alerts.yml")).unwrap();
    fs::write(dir.path().join("tests.yml"), SCENES).unwrap();
    promtool(dir.path(), &["test", "rules", "tests.yml"]);
}

const SCENES: &str = r#"
rule_files: [alerts.yml]
evaluation_interval: 1m
tests:
  - name: all is well
    interval: 1m
    input_series:
      - { series: 'up{job="cicerone",instance="a"}', values: '1x60' }
      - { series: 'cicerone_commit_failures_total{instance="a"}', values: '0x60' }
      - { series: 'cicerone_turns_total{instance="a",outcome="completed"}', values: '0+1x60' }
      - { series: 'cicerone_turns_total{instance="a",outcome="failed"}', values: '0+0.1x60' }
      - { series: 'cicerone_agents_waiting{instance="a"}', values: '1 0x10 2x8 0x40' }
      - { series: 'cicerone_delivery_seconds_bucket{instance="a",le="0.1"}', values: '0+95x60' }
      - { series: 'cicerone_delivery_seconds_bucket{instance="a",le="5"}', values: '0+100x60' }
      - { series: 'cicerone_delivery_seconds_bucket{instance="a",le="+Inf"}', values: '0+100x60' }
    alert_rule_test:
      - { eval_time: 50m, alertname: CiceroneDown, exp_alerts: [] }
      - { eval_time: 50m, alertname: CiceroneCannotStore, exp_alerts: [] }
      - { eval_time: 50m, alertname: CiceroneAnswersFail, exp_alerts: [] }
      - { eval_time: 19m, alertname: CiceroneAgentsAreShort, exp_alerts: [] }
      - { eval_time: 50m, alertname: CiceroneDeliversLate, exp_alerts: [] }
  - name: the disk is full, the service of an agent is down, agents are short and text is late
    interval: 1m
    input_series:
      - { series: 'up{job="cicerone",instance="a"}', values: '1x10 0x50' }
      - { series: 'cicerone_commit_failures_total{instance="a"}', values: '0x30 0+1x30' }
      - { series: 'cicerone_turns_total{instance="a",outcome="completed"}', values: '0+1x20 20x40' }
      - { series: 'cicerone_turns_total{instance="a",outcome="failed"}', values: '0x20 0+1x40' }
      - { series: 'cicerone_agents_waiting{instance="a"}', values: '3x60' }
      - { series: 'cicerone_delivery_seconds_bucket{instance="a",le="0.1"}', values: '0+60x60' }
      - { series: 'cicerone_delivery_seconds_bucket{instance="a",le="5"}', values: '0+100x60' }
      - { series: 'cicerone_delivery_seconds_bucket{instance="a",le="+Inf"}', values: '0+100x60' }
    promql_expr_test:
      - expr: 'count by (alertname) (ALERTS{alertstate="firing"})'
        eval_time: 50m
        exp_samples:
          - { labels: '{alertname="CiceroneDown"}', value: 1 }
          - { labels: '{alertname="CiceroneCannotStore"}', value: 1 }
          - { labels: '{alertname="CiceroneAnswersFail"}', value: 1 }
          - { labels: '{alertname="CiceroneAgentsAreShort"}', value: 1 }
          - { labels: '{alertname="CiceroneDeliversLate"}', value: 1 }
"#;
