//! The real Claude Code program in a group of projects: it reads each of them, and no secret of any.

use std::fs;

use crate::{
    claude::{Version, bench, with_both_versions},
    fake_api::FakeApi,
};

with_both_versions![p2_the_program_reads_each_project_of_a_group_and_no_secret_of_any];

async fn p2_the_program_reads_each_project_of_a_group_and_no_secret_of_any(version: Version) {
    let api = FakeApi::start();
    let mut bench = bench(&api, version);
    bench.group = vec!["project", "web (new), [1]"];
    let base = bench.base.path().canonicalize().unwrap();
    let web = base.join("web (new), [1]");
    for (path, text) in [
        ("src/page.ts", "visible-needle drawBasket\n"),
        (".env", "hidden-needle\n"),
        ("deep/.env.local", "hidden-needle\n"),
        ("deep/.aws/credentials", "hidden-needle\n"),
        ("server.pem", "hidden-needle\n"),
    ] {
        let path = web.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let outside = base.join("outside/secret.txt");
    let (web, project) = (web.to_str().unwrap(), base.join("project"));
    let mut agent = bench.start();
    agent.ready().await;
    for (command, expected) in [
        (format!(r#"TOOL Read {{"file_path":"{web}/src/page.ts"}}"#), "drawBasket"),
        (format!(r#"TOOL Glob {{"pattern":"**/*.ts","path":"{web}"}}"#), "src/page.ts"),
        (
            format!(r#"TOOL Grep {{"pattern":"Basket","path":"{web}","output_mode":"content"}}"#),
            "drawBasket",
        ),
        (format!(r#"TOOL Read {{"file_path":"{}/README.md"}}"#, project.display()), "We sell tea"),
        (r#"TOOL Grep {"pattern":"brew","output_mode":"content"}"#.to_owned(), "brew();"),
    ] {
        let turn = agent.ask(&format!("{command}\nRESULTS")).await;
        let results = turn.tool_results();
        assert!(
            matches!(results[..], [(true, text)] if text.contains(expected)),
            "{command}: {results:?}"
        );
    }
    for command in [
        format!(r#"TOOL Read {{"file_path":"{web}/.env"}}"#),
        format!(r#"TOOL Read {{"file_path":"{web}/deep/.aws/credentials"}}"#),
        format!(r#"TOOL Read {{"file_path":{outside:?}}}"#),
        format!(r#"TOOL Grep {{"pattern":"needle","path":{outside:?}}}"#),
        format!(r#"TOOL Glob {{"pattern":"*","path":"{}"}}"#, base.display()),
        format!(r#"TOOL Write {{"file_path":"{web}/new.txt","content":"x"}}"#),
    ] {
        let turn = agent.ask(&format!("{command}\nRESULTS")).await;
        let results = turn.tool_results();
        assert!(matches!(results[..], [(false, _)]), "{command}: {results:?}");
        assert!(!turn.text.contains("hidden-needle"), "{command}");
    }
    for path in [web, &format!("{web}/deep"), project.to_str().unwrap()] {
        let search =
            format!(r#"TOOL Grep {{"pattern":"needle","path":"{path}","output_mode":"content"}}"#);
        let turn = agent.ask(&format!("{search}\nRESULTS")).await;
        assert!(!turn.text.contains("hidden-needle"), "{path}: {}", turn.text);
    }
    let search =
        format!(r#"TOOL Grep {{"pattern":"needle","path":"{web}","output_mode":"content"}}"#);
    assert!(agent.ask(&format!("{search}\nRESULTS")).await.text.contains("visible-needle"));
    agent.stop().await;
}
