//! Tests from texts to settings.

use std::{fs, time::Duration};

use tempfile::TempDir;

use super::*;
use crate::config::settings::{AgentChoice, Sandbox};

mod agents;
mod forges;
mod groups;
mod live;

/// A machine with nothing on it but a current directory and homes for data and configuration.
struct Machine {
    dir: TempDir,
    env: ProcessEnv,
    command_line: CommandLine,
}

impl Machine {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().canonicalize().unwrap().join(name);
        for name in ["here", "data", "config/cicerone"] {
            fs::create_dir_all(at(name)).unwrap();
        }
        let env = ProcessEnv {
            current_dir: at("here"),
            home_dir: Some(at("")),
            data_dir: Some(at("data")),
            config_dir: Some(at("config")),
            ..ProcessEnv::default()
        };
        let command_line =
            CommandLine { projects: Some(NamedProjects::default()), ..CommandLine::default() };
        Self { dir, env, command_line }
    }

    fn file(self, text: &str) -> Self {
        let path = self.dir.path().join("config/cicerone/cicerone.toml");
        fs::write(path, text).unwrap();
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.env.variables.insert(name.into(), value.into());
        self
    }

    fn flag(mut self, key: &'static str, flag: &str, text: &str) -> Self {
        let texts = vec![text.to_owned()];
        self.command_line.flags.push(FlagValue { key, flag: flag.into(), texts });
        self
    }

    fn load(&self) -> Loaded {
        load_in(&self.command_line, &self.env).unwrap()
    }

    fn error(&self) -> String {
        let error = load_in(&self.command_line, &self.env).unwrap_err();
        error.to_string().replace(self.dir.path().canonicalize().unwrap().to_str().unwrap(), "")
    }
}

#[test]
fn without_a_file_the_settings_are_the_documented_defaults() {
    let machine = Machine::new();
    let settings = machine.load().settings;
    let (seconds, minutes) = (Duration::from_secs, |n: u64| Duration::from_secs(60 * n));

    assert_eq!(settings.listen, ["127.0.0.1:8080".parse().unwrap()]);
    assert_eq!(settings.data_dir, machine.env.data_dir.clone().unwrap().join("cicerone"));
    assert_eq!(settings.assets, None);
    assert_eq!(settings.log, log::LevelFilter::Info);
    assert_eq!(settings.shutdown_timeout, seconds(10));

    let agent = settings.agent;
    assert_eq!(agent.default, AgentChoice::Auto);
    assert_eq!((agent.claude, agent.model), (None, None));
    assert_eq!((agent.env, agent.secrets), (vec![], vec![]));
    assert_eq!(agent.sandbox, Sandbox::Required);
    assert_eq!(agent.start_timeout, seconds(30));
    assert_eq!(agent.silence_timeout, minutes(5));
    assert_eq!(agent.progress_timeout, minutes(30));
    assert_eq!(agent.stop_timeout, seconds(2));
    assert_eq!(agent.idle_timeout, minutes(15));
    assert_eq!(agent.api_retries, 3);

    let limits = settings.limits;
    assert_eq!(limits.message_bytes, 256 << 10);
    assert_eq!(limits.frame_bytes, 1 << 20);
    assert_eq!(limits.agent_line_bytes, 16 << 20);
    assert_eq!(limits.tool_result_bytes, 64 << 10);
    assert_eq!((limits.queued_messages, limits.agents), (16, 16));
    assert_eq!(limits.conversations_per_project, 64);
    assert_eq!(limits.connections, 20_000);

    let limits = settings.visitor_limits;
    assert_eq!((limits.body_bytes, limits.header_bytes), (64 << 10, 16 << 10));
    assert_eq!((limits.sockets_per_visitor, limits.turns_per_visitor), (64, 16));
    assert_eq!((limits.messages_per_minute, limits.failed_logins_per_minute), (60, 10));
    assert_eq!((limits.logins, limits.connections_per_address), (4096, 512));

    let access = settings.access;
    assert!(settings.tls.is_none() && !access.has_token());
    assert!(access.hosts.is_empty() && access.origins.is_empty());
    assert!(access.trusted_proxies.is_empty() && access.user_header.is_none());
    assert_eq!(access.login_lifetime, minutes(12 * 60));

    let socket = settings.socket;
    assert_eq!(socket.ping_interval, seconds(20));
    assert_eq!(socket.ping_timeout, seconds(60));
    assert_eq!(socket.attach_after, seconds(2));
    assert_eq!(socket.stall_timeout, seconds(30));
    assert_eq!(socket.request_timeout, seconds(10));

    let restart = settings.restart;
    assert_eq!(restart.backoff, Duration::from_millis(200));
    assert_eq!(restart.backoff_max, seconds(30));
    assert_eq!((restart.attempts, restart.window), (5, seconds(60)));
}

#[test]
fn projects_that_are_kept_off_the_web_must_be_known() {
    let machine = Machine::new();
    let shop = machine.dir.path().join("shop");
    std::fs::create_dir(&shop).unwrap();
    let file = |names: &str| {
        format!("[projects]\nshop = {shop:?}\n[agent]\noffline_projects = [{names}]\n")
    };
    let misspelt = Machine::new().file(&file("\"shpo\"")).error();
    assert!(misspelt.contains("offline_projects") && misspelt.contains("served"), "{misspelt}");
    for (names, has_web) in [("", true), ("\"shop\"", false), ("\"*\"", false)] {
        let agents = Machine::new().file(&file(names)).load().settings.live.agents;
        let shop = crate::project::ProjectName::parse("shop").unwrap();
        assert_eq!(agents.has_web(&shop), has_web, "{names}");
    }
}

#[test]
fn every_key_of_the_file_reaches_the_settings() {
    // A key that nothing reads would take this value, which fits none, without a word.
    for key in keys::keys() {
        let (table, name) = key.path.rsplit_once('.').unwrap();
        let machine = Machine::new().file(&format!("[{table}]\n{name} = 1.5\n"));
        let error = machine.error();
        let expected = format!("bad value 1.5 for `{}` ", key.path);
        assert!(error.starts_with(&expected), "{}: {error}", key.path);
    }
}

#[test]
fn a_flag_wins_over_the_environment_that_over_the_file_that_over_the_default() {
    let origin = |machine: &Machine| {
        let loaded = machine.load();
        let given = loaded.layers.given("server.listen").unwrap();
        (loaded.settings.listen[0].port(), given.origin.to_string())
    };
    let machine = Machine::new();
    assert_eq!(origin(&machine), (8080, "default".into()));

    let machine = machine.file("[server]\nlisten = \"127.0.0.1:1\"\n");
    let (port, file) = origin(&machine);
    assert_eq!(port, 1);
    assert!(file.ends_with("config/cicerone/cicerone.toml:2"), "{file}");

    let machine = machine.variable("CICERONE_LISTEN", "127.0.0.1:2");
    assert_eq!(origin(&machine), (2, "environment variable CICERONE_LISTEN".into()));

    let machine = machine.flag("server.listen", "--listen", "127.0.0.1:3");
    assert_eq!(origin(&machine), (3, "flag --listen".into()));
}

#[test]
fn the_file_is_that_of_the_flag_else_of_the_variable_else_of_the_platform() {
    let mut machine = Machine::new();
    let here = machine.env.current_dir.clone();
    assert_eq!(machine.load().file, None);
    machine = machine.file("");
    assert!(machine.load().file.unwrap().ends_with("config/cicerone/cicerone.toml"));
    fs::write(here.join("a.toml"), "").unwrap();
    fs::write(here.join("b.toml"), "").unwrap();
    machine = machine.variable("CICERONE_CONFIG", "a.toml");
    assert_eq!(machine.load().file.unwrap(), here.join("a.toml"));
    machine.command_line.config_file = Some("b.toml".into());
    assert_eq!(machine.load().file.unwrap(), here.join("b.toml"));
    machine.command_line.config_file = Some("none.toml".into());
    assert_eq!(machine.error(), "cannot read the configuration file /here/none.toml");
}

#[test]
fn an_address_that_others_can_reach_is_refused() {
    for open in ["0.0.0.0:8080", "192.168.1.2:80", "[::]:8080"] {
        let error = Machine::new().flag("server.listen", "--listen", open).error();
        assert!(error.starts_with(&format!("listening on {open} needs a token")), "{error}");
    }
    for closed in ["127.0.0.1:0", "127.1.2.3:80", "[::1]:8080", "localhost:0", "LocalHost:80"] {
        Machine::new().flag("server.listen", "--listen", closed).load();
    }
}

#[test]
fn a_name_is_listened_on_at_all_its_addresses_and_one_without_any_is_refused() {
    let machine = Machine::new().flag("server.listen", "--listen", "localhost:8080");
    let settings = machine.load().settings;
    assert!(settings.listen.contains(&"127.0.0.1:8080".parse().unwrap()), "{:?}", settings.listen);
    assert!(settings.listen.iter().all(|it| it.ip().is_loopback() && it.port() == 8080));
    assert!(settings.access.hosts.is_empty(), "loopback names are let in anyhow");
    let listening = |text| Machine::new().flag("server.listen", "--listen", text);
    for no_host in ["localhost", ":80", "a b:80", "http://localhost:80", "localhost:+8", "a:70000"]
    {
        let error = listening(no_host).error();
        assert!(error.contains("expected a host and a port, such as"), "{no_host}: {error}");
    }
    let error = listening("no-such-host.invalid:80").error();
    assert!(error.contains("`no-such-host.invalid` has none"), "{error}");
}

#[test]
fn with_a_token_any_address_may_be_listened_on() {
    let machine = Machine::new()
        .flag("server.listen", "--listen", "0.0.0.0:8080")
        .variable("CICERONE_VIEWER_TOKEN", "0123456789abcdef");
    let loaded = machine.load();
    assert!(loaded.settings.access.viewer_token.is_some());
    let warnings: Vec<_> = loaded.warnings.iter().map(|warning| warning.text.as_str()).collect();
    assert!(
        warnings.iter().any(|it| it.contains("only loopback names are let in")),
        "{warnings:?}"
    );
    assert!(warnings.iter().any(|it| it.contains("without TLS")), "{warnings:?}");
    assert!(!format!("{:?}", loaded.settings).contains("0123456789abcdef"));
    assert!(loaded.settings.agent.refuses_personal_login());
    let error = machine.variable("CICERONE_VIEWER_TOKEN", "short").error();
    assert!(error.starts_with("the token of environment variable CICERONE_VIEWER_TOKEN has 5"));
}

#[test]
fn hosts_origins_and_networks_are_read_or_refused_with_the_key() {
    let access = |text: &str| Machine::new().file(&format!("[access]\n{text}\n"));
    let read =
        access("hosts = [\"a.example\", \"b:80\"]\norigins = [\"https://a.example\"]").load();
    assert_eq!(read.settings.access.hosts.len(), 2);
    let proxies = access("trusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\"]").load();
    assert_eq!(proxies.settings.access.trusted_proxies[0].to_string(), "127.0.0.1/32");
    for (text, key) in [
        ("hosts = [\"http://a\"]", "access.hosts"),
        ("origins = [\"a.example\"]", "access.origins"),
        ("origins = [\"null\"]", "access.origins"),
        ("trusted_proxies = [\"10.0.0.0/99\"]", "access.trusted_proxies"),
        ("user_header = \"X User\"", "access.user_header"),
        ("user_header = \"X-User\"", "access.user_header"),
    ] {
        let error = access(text).error();
        assert!(error.contains(&format!("for `{key}`")), "{error}");
    }
    let error = Machine::new().flag("agent.env", "--agent-env", "CICERONE_ADMIN_TOKEN").error();
    assert!(error.contains("no variable that holds a token"), "{error}");
    let error = Machine::new().file("[server]\ntls_key = \"k.pem\"\n").error();
    assert_eq!(
        error,
        "`server.tls_key` is set and `server.tls_certificate` is not: TLS needs both"
    );
}

#[test]
fn values_that_contradict_each_other_are_refused() {
    let error = Machine::new().variable("CICERONE_ADVANCED_LIMITS_FRAME_BYTES", "1KiB").error();
    assert_eq!(
        error,
        "`limits.message_bytes` (environment variable CICERONE_ADVANCED_LIMITS_FRAME_BYTES) must \
         not be larger than `advanced.limits.frame_bytes`"
    );
    let error = Machine::new().file("[advanced.restart]\nbackoff = \"1m\"\n").error();
    assert!(
        error.starts_with("`advanced.restart.backoff` (/config/cicerone/cicerone.toml:2)"),
        "{error}"
    );
    let error = Machine::new().file("[advanced.socket]\nping_interval = \"2m\"\n").error();
    assert!(error.contains("`advanced.socket.ping_timeout`"), "{error}");
}

#[test]
fn a_program_name_is_looked_up_and_a_path_made_absolute() {
    let claude = |text| {
        let machine = Machine::new().flag("agent.claude", "--claude", text);
        machine.load().settings.agent.claude.unwrap()
    };
    assert_eq!(claude("claude-2"), Path::new("claude-2"));
    assert_eq!(claude("/opt/claude"), Path::new("/opt/claude"));
    assert!(claude("./claude").ends_with("here/claude"));
    assert!(claude("./claude").is_absolute());
}

#[test]
fn a_page_that_is_not_there_and_a_variable_with_its_value_are_refused() {
    let error = Machine::new().flag("server.assets", "--assets", "none").error();
    assert_eq!(
        error,
        "bad value \"none\" for `server.assets` (flag --assets): expected a directory that exists"
    );
    let error = Machine::new().flag("agent.env", "--agent-env", "A=1").error();
    assert!(
        error.ends_with("expected a list of names of environment variables, without values"),
        "{error}"
    );
}

#[test]
fn a_command_that_serves_nothing_looks_for_no_project() {
    let mut machine = Machine::new().flag("server.data_dir", "--data-dir", "data");
    machine.command_line.projects = None;
    assert_eq!(machine.load().settings.live.projects, []);
}

#[test]
fn the_report_shows_every_value_with_its_origin() {
    let machine = Machine::new()
        .file("[limits]\nagents = 3\n")
        .variable("CICERONE_SANDBOX", "off")
        .flag("agent.default", "--agent", "guide");
    let loaded = machine.load();
    let report = loaded.report();
    let line = |start: &str| {
        let line = report.lines().find(|line| line.starts_with(start));
        line.unwrap_or_else(|| panic!("no {start} in {report}"))
    };
    assert!(line("agents = 3 ").ends_with("cicerone.toml:2"));
    assert!(line("sandbox = \"off\" ").ends_with("  # environment variable CICERONE_SANDBOX"));
    assert!(line("default = \"guide\" ").ends_with("  # flag --agent"));
    assert!(line("listen = ").ends_with("  # default"));
    assert!(line("here = ").ends_with("  # current directory"));
    assert!(line("data_dir = ").contains("/data/cicerone\""));
    for key in keys::keys() {
        let name = key.name();
        line(&format!("{name} = "));
    }
    // It is a configuration file itself.
    file::parse(&report, "report".as_ref()).unwrap();
}

#[test]
fn former_names_are_read_with_a_warning_that_gives_the_new_ones() {
    let mut count = 0;
    for key in keys::keys() {
        let Some(former_path) = &key.former_path else { continue };
        let (table, name) = former_path.rsplit_once('.').unwrap();
        let variable = format!("CICERONE_{}", former_path.to_uppercase().replace('.', "_"));
        // Its effect is that of the same value under the new name: it is refused.
        let error = Machine::new().file(&format!("[{table}]\n{name} = 1.5\n")).error();
        assert!(error.starts_with(&format!("bad value 1.5 for `{}` ", key.path)), "{error}");
        let error = Machine::new().variable(&variable, "-1").error();
        assert!(error.contains(&format!(" for `{}` (", key.path)), "{error}");

        let default = &key.default;
        let file = format!("[{table}]\n{name} = {default}\n");
        let loaded = Machine::new().file(&file).load();
        let [warning] = loaded.warnings.as_slice() else { panic!("{:?}", loaded.warnings) };
        let place = "/config/cicerone/cicerone.toml:2) is deprecated: use";
        assert!(warning.text.starts_with(&format!("`{former_path}` (")), "{}", warning.text);
        assert!(warning.text.ends_with(&format!("{place} `{}`", key.path)), "{}", warning.text);
        assert_eq!(warning.level, log::Level::Warn);
        assert!(loaded.layers.given(&key.path).unwrap().origin.to_string().ends_with(".toml:2"));

        let text = default.as_str().map_or_else(|| default.to_string(), str::to_owned);
        let loaded = Machine::new().variable(&variable, &text).load();
        let new_variable = key.variable();
        let expected = format!("environment variable {variable} is deprecated: use {new_variable}");
        assert_eq!(loaded.warnings[0].text, expected);
        assert_eq!(loaded.warnings.len(), 1);
        count += 1;
    }
    assert!(count > 40, "{count}");
}

#[test]
fn a_key_under_both_its_names_is_refused_with_both() {
    for key in keys::keys() {
        let Some(former_path) = &key.former_path else { continue };
        let line = |path: &str| {
            let (table, name) = path.rsplit_once('.').unwrap();
            (format!("[{table}]\n"), format!("{name} = {}\n", key.default))
        };
        let ((former_table, former), (table, present)) = (line(former_path), line(&key.path));
        let both = match former_table == table {
            true => table + &former + "\n" + &present,
            false => former_table + &former + &table + &present,
        };
        let error = Machine::new().file(&both).error();
        assert_eq!(
            error,
            format!(
                "`{}` (/config/cicerone/cicerone.toml:4) and `{former_path}` set the same key: \
                 remove the deprecated one",
                key.path
            )
        );
    }
    let error = Machine::new()
        .variable("CICERONE_SOCKET_ATTACH_AFTER", "1s")
        .variable("CICERONE_ADVANCED_SOCKET_ATTACH_AFTER", "2s")
        .error();
    assert!(error.contains("`CICERONE_SOCKET_ATTACH_AFTER`"), "{error}");
    assert!(error.contains("`CICERONE_ADVANCED_SOCKET_ATTACH_AFTER`"), "{error}");
}

#[test]
fn a_former_name_in_the_file_gives_way_to_the_new_variable() {
    let machine = Machine::new()
        .file("[socket]\nattach_after = \"1s\"\n")
        .variable("CICERONE_ADVANCED_SOCKET_ATTACH_AFTER", "3s");
    let loaded = machine.load();
    assert_eq!(loaded.settings.socket.attach_after, Duration::from_secs(3));
    assert_eq!(loaded.warnings.len(), 1);
}

/// The sample with all its keys.
fn uncommented_sample() -> String {
    sample().lines().skip(1).map(|line| uncommented(line) + "\n").collect()
}

/// Keys stand right behind the hash, other comments do not.
fn uncommented(line: &str) -> String {
    let key = line.strip_prefix('#').filter(|rest| rest.starts_with(char::is_alphabetic));
    key.unwrap_or(line).to_owned()
}

/// Whether the schema accepts a text, and whether the server does.
#[track_caller]
fn check_agreement(schema: &jsonschema::Validator, text: &str, is_accepted: bool) {
    let document: toml::Value = toml::from_str(text).unwrap();
    let document = serde_json::to_value(document).unwrap();
    assert_eq!(schema.is_valid(&document), is_accepted, "the schema on {text:?}");
    let machine = Machine::new().file(text);
    let loaded = load_in(&machine.command_line, &machine.env);
    assert_eq!(loaded.is_ok(), is_accepted, "the server on {text:?}: {loaded:?}");
}

fn validator() -> jsonschema::Validator {
    jsonschema::validator_for(&serde_json::from_str(&schema()).unwrap()).unwrap()
}

#[test]
fn the_sample_has_the_usual_keys_with_their_defaults() {
    let text = uncommented_sample();
    for key in keys::keys().filter(|key| key.former_path.is_none()) {
        assert!(text.contains(&format!("\n{} = {}\n", key.name(), key.default)), "{}", key.path);
    }
    assert!(!text.contains("[advanced"));
    let text = text.replace("my-app = \"~/src/my-app\"\n", "");
    let text = text.replace("platform = [\"my-app\", \"my-library\"]\n", "");
    check_agreement(&validator(), &text, true);
    check_agreement(&validator(), &sample(), true);
    let loaded = Machine::new().file(&text).load();
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

#[test]
fn schema_and_server_accept_the_same_files() {
    let validator = validator();
    for text in [
        "",
        "[limits]\n[advanced.socket]\n",
        "[server]\nlisten = \"[::1]:0\"\nlog = \"off\"\n",
        "[limits]\nagent_memory = \"1.5 GiB\"\nmessage_bytes = 1024\n",
        "[limits]\nagent_memory = \"2g\"\n",
        "[agent]\nports = [80, \"8443\"]\nsandbox = \"best-effort\"\nidle_timeout = \"1h 30min\"\n",
        "[access]\nhosts = [\"a.example\", \"b:80\", \"[::1]:8080\"]\norigins = [\"https://a\"]\n",
        "[access]\ntrusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\", \"::1\"]\nuser_header = \"X-U\"\n",
        "[advanced.restart]\nattempts = 0\n",
        "[advanced.highlighting]\ncache_bytes = \"1\"\n",
        "[highlighting]\nkept_bytes = \"1\"\n",
        "[agents.local]\nkind = \"model\"\npreset = \"ollama\"\nmodel = \"m\"\ncontext = 8192\n\
         headers = { \"X-Team\" = \"a\" }\nprice = { input = 1, output = 2 }\n",
        "[agents.gemini]\nkind = \"acp\"\ncommand = [\"gemini\", \"--acp\"]\nports = [443]\n",
        "[projects]\na = { dir = \"a\", agent = \"guide\" }\n",
    ] {
        check_agreement(&validator, text, true);
    }
    for text in [
        "listen = \"127.0.0.1:1\"\n",
        "limits = 3\n",
        "[limit]\n",
        "[limits]\nagent = 3\n",
        "[limits]\nagents = 0\n",
        "[limits]\nagents = \"3\"\n",
        "[limits]\nagents = 1.5\n",
        "[limits]\nagent_memory = 0\n",
        "[limits]\nagent_memory = \"0 KiB\"\n",
        "[limits]\nagent_memory = \"much\"\n",
        "[limits]\nframe_byte = 1\n",
        "[limits.agents]\nx = 1\n",
        "[server]\nlisten = \"localhost\"\n",
        "[server]\nlisten = \"http://localhost:80\"\n",
        "[server]\nlog = \"Info\"\n",
        "[server]\nshutdown_timeout = \"10\"\n",
        "[server]\nshutdown_timeout = \"0s\"\n",
        "[server]\nshutdown_timeout = 10\n",
        "[server]\ndata_dir = 1\n",
        "[agent]\nenv = [\"A=1\"]\n",
        "[agent]\nenv = \"A\"\n",
        "[agent]\ndefault = \"a b\"\n",
        "[agents]\nlocal = \"model\"\n",
        "[agents.local]\nmodel = \"m\"\n",
        "[agents.local]\nkind = \"modl\"\n",
        "[agents.local]\nkind = \"guide\"\nmodel = \"m\"\n",
        "[agents.local]\nkind = \"model\"\npreset = \"olama\"\nmodel = \"m\"\n",
        "[agents.\"a b\"]\nkind = \"guide\"\n",
        "[projects]\na = { agent = \"guide\" }\n",
        "[agent]\nports = [0]\n",
        "[agent]\nports = [70000]\n",
        "[access]\nhosts = [\"http://a\"]\n",
        "[access]\norigins = [\"null\"]\n",
        "[access]\nuser_header = \"X User\"\n",
        "[projects]\na = 1\n",
        "[projects]\na = \"\"\n",
        "[advanced]\nping_interval = \"1s\"\n",
        "[advanced.restart]\nattempts = -1\n",
        "[advanced.socket]\nping_intervall = \"1s\"\n",
    ] {
        check_agreement(&validator, text, false);
    }
}

#[test]
fn the_schema_accepts_every_key_under_both_its_names_and_no_wrong_value() {
    let validator = validator();
    for key in keys::keys() {
        for path in [Some(&key.path), key.former_path.as_ref()].into_iter().flatten() {
            let (table, name) = path.rsplit_once('.').unwrap();
            check_agreement(&validator, &format!("[{table}]\n{name} = {}\n", key.default), true);
            check_agreement(&validator, &format!("[{table}]\n{name} = 1.5\n"), false);
            check_agreement(&validator, &format!("[{table}]\n{name}_ = 1\n"), false);
        }
    }
}
