//! Tests of named agents.

use std::path::Path;

use super::Machine;
use crate::{
    config::settings::{AgentChoice, agents::AgentConfig},
    project::ProjectName,
};

/// A file with this table of an agent named `local`.
fn with_agent(keys: &str) -> Machine {
    Machine::new().file(&format!("[agents.local]\n{keys}\n"))
}

#[test]
fn agents_are_named_in_tables_beside_those_that_are_always_there() {
    let machine = Machine::new().variable("SHOP_KEY", "k").file(
        "[agent]\ndefault = \"local\"\n\
         [projects]\nshop = { dir = \"shop\", agent = \"gemini\" }\nplain = \"plain\"\n\
         [agents.local]\nkind = \"model\"\nbase_url = \"http://127.0.0.1:11434/v1\"\nmodel = \"qwen3\"\n\
         key_file = \"keys/local\"\nprice = { input = 1, output = 2.5 }\n\
         [agents.gemini]\nkind = \"acp\"\ncommand = [\"./bin/gemini\", \"--acp\"]\n\
         [agents.claude]\nkind = \"claude\"\nmodel = \"opus\"\n",
    );
    let settings = machine.load().settings;
    let (agent, live) = (settings.agent, settings.live.agents);
    let names: Vec<_> = agent.named.iter().map(|agent| agent.name.as_str()).collect();
    assert_eq!(names, ["guide", "local", "gemini", "claude"]);
    assert_eq!(agent.default, AgentChoice::Named("local".parse().unwrap()));
    let of_shop = live.names.get(&ProjectName::mend("shop")).unwrap();
    assert_eq!((of_shop.as_str(), live.names.len()), ("gemini", 1));
    let [AgentConfig::Model(local), AgentConfig::Acp(gemini)] =
        [&agent.named[1].config, &agent.named[2].config]
    else {
        panic!("{:?}", agent.named);
    };
    let config = machine.env.config_dir.clone().unwrap().join("cicerone");
    assert_eq!(local.key_file, Some(config.join("keys/local")));
    assert_eq!(local.price.unwrap().output, 2.5);
    assert_eq!(Path::new(&gemini.command[0]), config.join("./bin/gemini"));
    // The key of a model is no file that agents may read.
    assert!(live.kept_from.contains(&config.join("keys/local")));
}

#[test]
fn a_mistake_in_an_agent_names_the_agent_and_the_line() {
    let model = "kind = \"model\"\nmodel = \"m\"\n";
    for (keys, words) in [
        ("model = \"m\"", "say what it is with `kind`"),
        ("kind = \"modl\"", "unknown variant `modl`"),
        ("kind = \"model\"\nmodel = \"m\"", "`base_url`"),
        ("kind = \"model\"\npreset = \"ollama\"", "name the model in `model`"),
        ("kind = \"model\"\npreset = \"olama\"\nmodel = \"m\"", "unknown variant `olama`"),
        (&format!("{model}bas_url = \"x\""), "unknown field `bas_url`"),
        (&format!("{model}base_url = \"localhost:1\""), "http://"),
        (&format!("{model}base_url = \"nowhere\""), "no address"),
        (&format!("{model}base_url = \"http://me:secret@host/v1\""), "password"),
        (&format!("{model}base_url = \"http://host/v1?key=1\""), "must end with a path"),
        (&format!("{model}preset = \"openai\"\ncontext = 0"), "nonzero"),
        (&format!("{model}preset = \"openai\"\nheaders = {{ \"a b\" = \"c\" }}"), "header"),
        (&format!("{model}preset = \"openai\"\nprice = {{ input = -1, output = 1 }}"), "price"),
        (&format!("{model}preset = \"openai\"\nkey_file = \"a\"\nkey_env = \"B\""), "remove one"),
        ("kind = \"acp\"", "`command`"),
        ("kind = \"acp\"\ncommand = \"gemini\"", "sequence"),
    ] {
        let error = with_agent(keys).error();
        let place = "`agents.local` (/config/cicerone/cicerone.toml:1): ";
        assert!(error.starts_with(place) && error.contains(words), "{keys}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
    let error = Machine::new().file("[agents]\nlocal = \"model\"\n").error();
    assert!(error.contains("`agents.local`") && error.contains("a table"), "{error}");
    let error = Machine::new().file("[agents.auto]\nkind = \"guide\"\n").error();
    assert!(error.contains("not `auto`"), "{error}");
}

#[test]
fn an_agent_that_is_not_there_cannot_be_chosen() {
    for (text, words) in [
        ("[agent]\ndefault = \"locl\"\n", "bad value \"locl\" for `agent.default`"),
        ("[projects]\na = { dir = \"a\", agent = \"locl\" }\n", "for `projects.a.agent`"),
    ] {
        let text = format!("{text}[agents.local]\nkind = \"guide\"\n");
        let error = Machine::new().file(&text).error();
        assert!(error.contains(words) && error.ends_with("did you mean `local`?"), "{error}");
    }
    for bad in ["{ agent = \"guide\" }", "{ dir = \"\" }", "{ dir = \"a\", agnt = \"b\" }", "1"] {
        let error = Machine::new().file(&format!("[projects]\na = {bad}\n")).error();
        assert!(
            error.contains("`projects.a`") && error.contains("the directory as a text"),
            "{error}"
        );
    }
}

#[test]
fn a_personal_login_answers_others_only_where_the_file_says_so() {
    let (own, others) = ("", "[access]\nhosts = [\"guide.example.com\"]\n");
    for (text, is_refused) in
        [(own, false), (others, true), ("[access]\ntrusted_proxies = [\"10.0.0.0/8\"]\n", true)]
    {
        let settings = Machine::new().file(text).load().settings;
        assert_eq!(settings.agent.refuses_personal_login(), is_refused, "{text}");
    }
    let loaded = Machine::new().file(&format!("{others}[agent]\nshare_login = true\n")).load();
    assert!(!loaded.settings.agent.refuses_personal_login());
    let warned = loaded.warnings.iter().any(|it| it.text.contains("may forbid"));
    assert!(warned, "{:?}", loaded.warnings);
}

#[test]
fn a_directory_that_the_server_writes_to_is_refused_inside_a_project() {
    for (machine, key) in [
        (Machine::new().flag("server.data_dir", "--data-dir", "not/yet/there"), "server.data_dir"),
        (Machine::new().variable("CICERONE_AGENT_RECORD", "not/yet/there"), "agent.record"),
    ] {
        assert_eq!(
            machine.error(),
            format!(
                "the directory of `{key}`, /here/not/yet/there, lies inside project `here` (/here), \
                 which must stay untouched: choose another"
            )
        );
    }
}

#[test]
fn a_project_names_the_instructions_of_its_agents_and_a_missing_file_is_warned_of() {
    let machine = Machine::new().file(
        "[projects]\nshop = { dir = \"shop\", instructions = \"shop.md\" }\n\
         web = { dir = \"web\", repository_instructions = true }\nplain = { dir = \"plain\" }\n",
    );
    let loaded = machine.load();
    let told = &loaded.settings.live.agents.instructions;
    let config = machine.env.config_dir.clone().unwrap().join("cicerone");
    let [shop, web] = ["shop", "web"].map(|name| &told[&ProjectName::mend(name)]);
    assert_eq!((shop.file.as_deref(), shop.of_repository), (Some(&*config.join("shop.md")), false));
    assert_eq!((web.file.as_deref(), web.of_repository, told.len()), (None, true, 2));
    let is_about = |text: &str| {
        text.contains("shop.md") && text.contains("`shop` without it: correct `instructions`")
    };
    assert!(loaded.warnings.iter().any(|warning| is_about(&warning.text)), "{:?}", loaded.warnings);
}
