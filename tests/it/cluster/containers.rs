//! The samples for containers in `config/deploy`, as the programs read them that they are for.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use toml::Table;

use crate::{peers, server::deployed};

/// The version of Docker Compose; `.ci/setup` reads it from here.
const COMPOSE: &str = "2.40.3";

/// The version of the checker, and of the Kubernetes that it knows; `.ci/setup` reads it from here.
const KUBERNETES: &str = "1.37.0";

/// A path in `config/deploy`.
fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/deploy").join(name)
}

/// What a command prints, and what it says on stderr; it must succeed.
fn told(command: &mut Command) -> (String, String) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let (stdout, stderr) = (String::from_utf8(output.stdout), String::from_utf8(output.stderr));
    let (stdout, stderr) = (stdout.unwrap(), stderr.unwrap());
    assert!(output.status.success(), "{command:?}: {stdout}{stderr}");
    (stdout, stderr)
}

/// What a command prints; it must succeed.
fn printed(command: &mut Command) -> String {
    told(command).0
}

/// Python with the wheels.
fn python(script: &str) -> Command {
    let mut python = Command::new(peers::module("../python/bin/python"));
    python.args(["-c", script]);
    python
}

/// A program, of this version.
fn program(path: &Path, version: &str) -> Command {
    let has = Command::new(path).arg("--version").output();
    let has = has.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let is_it = has.is_ok_and(|text| text.contains(version));
    assert!(is_it, "{} {version} is missing: run `.ci/setup`", path.display());
    Command::new(path)
}

/// What a container of the image has in its environment.
fn image() -> BTreeMap<String, String> {
    let file = deployed("Containerfile");
    let (_, settings) = file.split_once("\nENV ").unwrap();
    let settings = settings.split("\nENTRYPOINT").next().unwrap().split_whitespace();
    let settings = settings.filter_map(|text| text.split_once('='));
    settings.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Has Cicerone check the settings of a node, whose secrets and projects are in these directories.
fn check(environment: &BTreeMap<String, String>, config: Option<&Path>, dir: &Path) -> String {
    let (secrets, projects) = (dir.display().to_string(), dir.join("projects"));
    fs::create_dir_all(projects.join("shop")).unwrap();
    let here = |text: &str| {
        let text = text.replace("/run/secrets", &secrets);
        text.replace("/projects", projects.to_str().unwrap())
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_cicerone"));
    command.env_clear().env("HOME", dir).env("PATH", std::env::var_os("PATH").unwrap());
    command.envs(environment.iter().map(|(name, value)| (name, here(value)))).current_dir(dir);
    command.args(["config", "check"]);
    if let Some(config) = config {
        let text = here(&fs::read_to_string(config).unwrap());
        let written = dir.join("cicerone.toml");
        fs::write(&written, text).unwrap();
        command.arg("--config").arg(written);
    }
    let (printed, warnings) = told(&mut command);
    assert!(!warnings.contains("unknown"), "{warnings}");
    printed
}

/// Has the settings for what a node is and where it is reached.
fn assert_is_node(printed: &str, node: &str, address: &str) {
    for setting in [format!("node = {node:?}"), format!("address = {address:?}")] {
        assert!(printed.contains(&setting), "no {setting} in {printed}");
    }
}

/// Does what the sample says must be there before, but for what needs another user.
fn prepared_trial() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let text = deployed("compose.yaml");
    let head = text.lines().take_while(|line| line.starts_with('#'));
    let commands: Vec<_> = head
        .filter_map(|line| line.strip_prefix("#   "))
        .filter(|line| !line.starts_with("sudo ") && !line.starts_with("docker "))
        .collect();
    assert!(commands.len() > 5, "{commands:?}");
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", &commands.join("\n")]).env("HOME", home.path());
    printed(&mut bash);
    home
}

#[test]
fn docker_compose_reads_the_sample_and_its_nodes_have_what_they_need() {
    let home = prepared_trial();
    let trial = home.path().join("cicerone-trial");
    // The wheel's own command does not tell that it failed.
    let dir = printed(&mut python("import compose; print(compose.__path__[0])"));
    let mut compose = program(&Path::new(dir.trim()).join("docker-compose"), COMPOSE);
    compose.env("HOME", home.path()).arg("--env-file").arg(trial.join("env"));
    compose.arg("-f").arg(sample("compose.yaml")).args(["config", "--format", "json"]);
    let compose: Value = serde_json::from_str(&printed(&mut compose)).unwrap();
    for (name, service) in compose["services"].as_object().unwrap() {
        let alias = format!("{name}.example.org");
        let mounts = service["volumes"].as_array().unwrap();
        for mount in mounts.iter().filter(|mount| mount["type"] == "volume") {
            let source = mount["source"].as_str();
            assert!(
                source.is_some_and(|it| compose["volumes"].get(it).is_some()),
                "{name}: {mount}"
            );
        }
        match name.as_str() {
            "a" | "b" | "c" => {
                assert_eq!(service["networks"]["default"]["aliases"][0], alias);
                let mut environment = image();
                let own = service["environment"].as_object().unwrap().iter();
                environment.extend(
                    own.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())),
                );
                let printed = check(&environment, None, &trial);
                assert_is_node(&printed, name, &format!("http://{alias}:8080"));
            }
            "n1" | "n2" | "n3" => {
                assert!(deployed("nats.conf").contains(&format!("//{alias}:6222")));
                assert_eq!(service["networks"]["default"]["aliases"][0], alias);
                assert_eq!(service["command"][3], *name);
            }
            "front" => {
                let address = &service["networks"]["default"]["ipv4_address"];
                let trusted =
                    &compose["services"]["a"]["environment"]["CICERONE_ACCESS_TRUSTED_PROXIES"];
                assert_eq!(address, trusted);
                let config = deployed("haproxy-cluster.cfg");
                let most = config.split("maxconn ").nth(1).and_then(|it| it.lines().next());
                let most: u64 = most.unwrap().parse().unwrap();
                // A connection of a visitor, and one to a node.
                assert!(service["ulimits"]["nofile"].as_u64().unwrap() > 2 * most + 100);
            }
            other => panic!("{other} is not checked"),
        }
    }
}

/// The documents of a file of YAML.
fn documents(path: &Path) -> Vec<Value> {
    let script = "import json, sys, yaml
print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
    serde_json::from_str(&printed(python(script).arg(path))).unwrap()
}

#[test]
fn the_sample_for_kubernetes_fits_its_schemas_and_its_nodes_have_what_they_need() {
    let path = sample("kubernetes.yaml");
    let checker = peers::module("../python/bin/kubernetes-validate");
    let mut checker = program(&checker, KUBERNETES);
    printed(checker.args(["--strict", "--quiet"]).arg(&path));
    let all = documents(&path);
    let of = |kind: &str, name: &str| {
        let found = all.iter().find(|it| it["kind"] == kind && it["metadata"]["name"] == name);
        found.unwrap_or_else(|| panic!("no {kind} {name}"))
    };
    let set = &of("StatefulSet", "cicerone")["spec"];
    let pod = &set["template"]["spec"];
    let container = &pod["containers"][0];
    let settings = of("ConfigMap", "cicerone")["data"]["cicerone.toml"].as_str().unwrap();
    let table: Table = settings.parse().unwrap();

    let shutdown = table["server"]["shutdown_timeout"].as_str().unwrap();
    let shutdown = humantime::parse_duration(shutdown).unwrap().as_secs();
    assert!(pod["terminationGracePeriodSeconds"].as_u64().unwrap() > shutdown);
    for probe in ["readinessProbe", "livenessProbe", "startupProbe"] {
        let header = &container[probe]["httpGet"]["httpHeaders"][0];
        assert_eq!(header["name"], "Host", "{probe}");
        assert_eq!(header["value"].as_str(), table["access"]["hosts"][0].as_str(), "{probe}");
    }
    let nodes = of("Service", set["serviceName"].as_str().unwrap());
    assert_eq!(nodes["spec"]["clusterIP"], "None");
    let labels = &set["template"]["metadata"]["labels"];
    assert_eq!(&nodes["spec"]["selector"], labels);
    let budget = &of("PodDisruptionBudget", "cicerone")["spec"];
    assert_eq!(&budget["selector"]["matchLabels"], labels);

    let dir = tempfile::tempdir().unwrap();
    for (name, text) in
        [("viewer.token", "0123456789abcdef"), ("nats.secret", "cicerone:0123456789")]
    {
        fs::write(dir.path().join(name), text).unwrap();
    }
    fs::write(dir.path().join("cluster.secret"), "5a".repeat(32)).unwrap();
    let mut environment = image();
    for variable in container["env"].as_array().unwrap() {
        let value = match &variable["valueFrom"]["fieldRef"]["fieldPath"] {
            Value::Null => variable["value"].as_str().unwrap().to_owned(),
            field => format!("cicerone-0{}", field.as_str().unwrap().replace("metadata.name", "")),
        };
        let value = environment
            .iter()
            .fold(value, |value, (name, its)| value.replace(&format!("$({name})"), its));
        environment.insert(variable["name"].as_str().unwrap().to_owned(), value);
    }
    let config = dir.path().join("written.toml");
    fs::write(&config, settings).unwrap();
    let printed = check(&environment, Some(&config), dir.path());
    let host = format!("cicerone-0.{}", set["serviceName"].as_str().unwrap());
    assert_is_node(&printed, "cicerone-0", &format!("http://{host}:8080"));
}
