//! What agents get wrong, with three people looking on: two of our dialect and one of the
//! original's. Whatever an agent does, everybody sees the same part of an answer and the same one
//! end, the store holds it, no process is left over, and the next message is answered.

use serde_json::{Value, json};

use crate::{
    client::{Client, text_of},
    processes::{agents_of, resident},
    screen::Screen,
    server::{Server, Setup, eventually, is_alive, signal},
};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Asker {
    V1,
    Seed,
}

const ASKERS: [Asker; 2] = [Asker::V1, Asker::Seed];

/// Three people in one conversation.
struct Company {
    server: Server,
    conversation: i64,
    asker: Client,
    onlooker: Client,
    seed: Client,
    screen: Screen,
    onlookers_screen: Screen,
    turns: i64,
}

/// How a turn ended.
struct Ended {
    turn: i64,
    kind: String,
    words: String,
    answer: String,
}

impl Company {
    async fn gather(setup: Setup) -> Self {
        let server = setup.start();
        let mut asker = server.connect().await;
        let conversation = asker.start().await;
        let screen = Screen::of(&asker.enter(conversation, json!(null)).await);
        let (onlooker, frames) = server.enter(conversation, json!(null)).await;
        let onlookers_screen = Screen::of(&frames);
        let mut seed = server.connect().await;
        seed.send(json!({ "type": "start", "conversation_id": conversation })).await;
        seed.turn().await;
        Self { server, conversation, asker, onlooker, seed, screen, onlookers_screen, turns: 0 }
    }

    /// Asks, and leaves it to [`Company::end`] to wait.
    async fn ask(&mut self, by: Asker, script: &str) {
        self.turns += 1;
        match by {
            Asker::V1 => self.asker.post(&format!("m{}", self.turns), script).await,
            Asker::Seed => self.seed.ask(script).await,
        }
    }

    /// Waits until everybody has seen the end of the turn that was asked last, and checks that
    /// they saw the same.
    async fn end(&mut self, case: &str) -> Ended {
        let turn = self.turns;
        let is_end = |kind: &&str| matches!(*kind, "response_done" | "error");
        while !self.screen.kinds(turn).iter().any(is_end) {
            self.screen.show(&[self.asker.frame().await]);
        }
        while !self.onlookers_screen.kinds(turn).iter().any(is_end) {
            self.onlookers_screen.show(&[self.onlooker.frame().await]);
        }
        let seen_by_seed = self.seed.turn().await;
        let end = self.screen.end(turn).clone();
        let answer = self.screen.answer(turn);
        self.onlookers_screen.assert_same(&self.screen, case);
        self.screen.assert_same(&Screen::stored(&self.server, self.conversation), case);
        assert_eq!(text_of(&seen_by_seed), answer, "{case}: the original's client");
        assert_eq!(seen_by_seed.last().unwrap()["type"], end.kind.as_str(), "{case}");
        let words = end.fields.get("content").and_then(Value::as_str).unwrap_or_default();
        Ended { turn, kind: end.kind.clone(), words: words.to_owned(), answer }
    }

    async fn answered(&mut self, by: Asker, script: &str, case: &str) -> Ended {
        self.ask(by, script).await;
        self.end(case).await
    }

    /// The next message is answered, by one agent and with no other process left over.
    async fn goes_on(&mut self, by: Asker, case: &str) {
        let next = self.answered(by, "say next", case).await;
        assert_eq!((next.kind.as_str(), next.answer.as_str()), ("response_done", "next"), "{case}");
        let pid = self.server.agent_pid().await;
        eventually("one agent is left", async || {
            (agents_of(self.server.pid()) == [pid]).then_some(())
        })
        .await;
        // Nobody saw the failed turn end a second time.
        for turn in 1..=self.turns {
            self.screen.end(turn);
        }
    }
}

/// What is expected of an agent that plays a script: its end, what the words name, its answer.
struct Case<'a>(&'a str, &'static str, &'static str, &'static str);

async fn check(company: &mut Company, cases: &[Case<'_>]) {
    for by in ASKERS {
        for Case(script, kind, words, answer) in cases {
            let case = format!("{script:?} asked by {by:?}");
            let ended = company.answered(by, script, &case).await;
            assert_eq!(ended.kind, *kind, "{case}: {}", ended.words);
            let told = ended.words.to_lowercase();
            assert!(told.contains(words) && told.len() < 4096, "{case}: {told}");
            assert!(*kind != "error" || told.len() > 10, "{case}: {told}");
            assert_eq!(ended.answer, *answer, "{case}");
            company.goes_on(by, &case).await;
        }
    }
}

#[actix::test]
async fn p7_an_agent_that_ends_in_mid_turn_ends_it_once_for_everybody() {
    let mut company = Company::gather(Setup::scripted()).await;
    check(
        &mut company,
        &[
            Case("say part\nexit 3", "error", "exit code 3", "part"),
            Case("say part\nexit 0", "error", "ended by itself", "part"),
            Case("silent-exit", "error", "ended by itself", ""),
            Case("say part\ncrash", "error", "signal 9", "part"),
            Case("stderr 20000\nexit 1", "error", "last words", ""),
            Case("say part\nhalfline {\"type\":\nexit 0", "error", "ended by itself", "part"),
        ],
    )
    .await;
}

#[actix::test]
async fn p7_a_question_that_an_agent_did_not_live_to_read_is_answered_by_the_next_one() {
    let mut company = Company::gather(Setup::scripted()).await;
    for by in ASKERS {
        company.answered(by, "say first", "the agent comes to life").await;
        let agent = company.server.agent_pid().await;
        signal(agent, "STOP");
        company.ask(by, "say second").await;
        company.server.has_begun(company.conversation, company.turns).await;
        signal(agent, "KILL");
        let ended = company.end("the agent was killed").await;
        let told = (ended.kind.as_str(), ended.answer.as_str());
        assert_eq!(told, ("response_done", "second"), "{}", ended.words);
        company.goes_on(by, "the agent was killed").await;
    }
}

#[actix::test]
async fn p7_what_an_agent_prints_besides_its_answer_harms_nobody() {
    let mut company = Company::gather(Setup::scripted()).await;
    check(
        &mut company,
        &[
            Case("garbage {not json\nsay fine", "response_done", "", "fine"),
            Case("rawline []\nrawline 7\nrawline null\nsay fine", "response_done", "", "fine"),
            Case("badutf8\nsay fine", "response_done", "", "fine"),
            Case("stderr 5000000\nsay fine", "response_done", "", "fine"),
            Case("say fine\ntwice", "response_done", "", "fine"),
            Case("say fine\nlinger late", "response_done", "", "fine"),
            Case("error API Error: 529 overloaded", "error", "overloaded", ""),
        ],
    )
    .await;
}

#[actix::test]
async fn p7_an_agent_that_is_killed_from_outside_ends_its_turn_and_is_started_again() {
    let mut company = Company::gather(Setup::scripted()).await;
    for by in ASKERS {
        company.ask(by, "say part\nhang").await;
        company.screen.show(&company.asker.until("text").await);
        let pid = company.server.agent_pid().await;
        signal(pid, "KILL");
        let ended = company.end("killed").await;
        assert_eq!((ended.kind.as_str(), ended.answer.as_str()), ("error", "part"));
        company.goes_on(by, "killed").await;
        assert!(!is_alive(pid));
        // The new one knows what was said before.
        let history = company.answered(by, "history", "killed").await;
        assert!(history.answer.starts_with("say part\nhang | say next"), "{}", history.answer);
    }
}

#[actix::test]
async fn p9_a_line_of_200_megabytes_costs_no_memory_and_the_next_line_is_read() {
    let mut company = Company::gather(Setup::scripted()).await;
    company.goes_on(Asker::V1, "before").await;
    let before = resident(company.server.pid());
    for by in ASKERS {
        let ended = company.answered(by, "longline 200000000\nsay fine", "200 MB").await;
        assert_eq!((ended.kind.as_str(), ended.answer.as_str()), ("response_done", "fine"));
        company.goes_on(by, "200 MB").await;
    }
    let grown = resident(company.server.pid()).saturating_sub(before);
    // The longest line that is read, twice over while it is put together, and room to breathe.
    assert!(grown < 48 * 1024 * 1024, "the server grew by {grown} bytes");
}

#[actix::test]
async fn p7_an_agent_that_says_nothing_more_is_ended_in_words() {
    let config = "[agent]\nsilence_timeout = \"1s\"\n[advanced.agent]\nstop_timeout = \"100ms\"\n";
    let mut company = Company::gather(Setup::scripted().config(config)).await;
    check(
        &mut company,
        &[
            Case("say part\nhang", "error", "said nothing for 1 second", "part"),
            Case("say part\nnoresult", "error", "said nothing", "part"),
        ],
    )
    .await;
}

#[actix::test]
async fn p9_an_agent_that_takes_too_much_memory_is_ended_in_words() {
    let config = "[limits]\nagent_memory = \"150MiB\"\n";
    let mut company = Company::gather(Setup::scripted().config(config)).await;
    check(
        &mut company,
        &[Case(
            "say part\neat 300000000\nhang",
            "error",
            "of memory, more than the 150.0 mib",
            "part",
        )],
    )
    .await;
}

#[actix::test]
async fn p9_memory_of_what_an_agent_detached_counts_too() {
    let config = "[limits]\nagent_memory = \"150MiB\"\n";
    for sandbox in ["required", "off"] {
        let setup = Setup::scripted().config(config).args(["--sandbox", sandbox]);
        let mut company = Company::gather(setup).await;
        for detached in ["(", "(setsid "] {
            // A shell cannot leave its session where it is confined; then it does not start.
            if sandbox == "required" && detached != "(" {
                continue;
            }
            let script = format!(
                "say part\nsh {detached}sh -c 'v=$(printf %0300000000d 0); sleep 1000' \
                 >/dev/null 2>&1 &)\nhang"
            );
            let told = [Case(&script, "error", "of memory, more than the 150.0 mib", "part")];
            check(&mut company, &told).await;
        }
    }
}

#[actix::test]
async fn p9_an_agent_that_starts_too_many_processes_is_ended_in_words() {
    // Without a user of its own, so that those of other tests do not count.
    let config = "[limits]\nagent_processes = 60\n";
    let setup = Setup::scripted().config(config).args(["--sandbox", "off"]);
    let mut company = Company::gather(setup).await;
    let script = "say part\nsh for i in $(seq 100); do sleep 1000 >/dev/null 2>&1 & done; wait";
    let words = "processes and threads, more than the 60";
    check(&mut company, &[Case(script, "error", words, "part")]).await;
}

#[actix::test]
async fn p7_an_agent_that_does_not_start_fails_each_question_in_words_and_leaves_no_process() {
    let config = "[advanced.agent]\nstart_timeout = \"1s\"\nstop_timeout = \"100ms\"\n";
    for (how, words) in [("hang", "did not start"), ("fail", "told to fail"), ("silent", "ended")] {
        let setup = Setup::scripted()
            .env("SCRIPTED_AGENT_START", how)
            .args(["--agent-env", "SCRIPTED_AGENT_START"])
            .config(config);
        let mut company = Company::gather(setup).await;
        for by in ASKERS {
            let ended = company.answered(by, "say never", how).await;
            let told = (ended.kind.as_str(), ended.words.contains(words));
            assert_eq!(told, ("error", true), "{how}: {}", ended.words);
            company.screen.end(ended.turn);
        }
        eventually("no agent is left", async || {
            agents_of(company.server.pid()).is_empty().then_some(())
        })
        .await;
    }
}

#[actix::test]
async fn p8_what_an_agent_started_goes_with_it_however_it_ends() {
    for ending in ["exit 0", "crash", "silent-exit"] {
        let mut company = Company::gather(Setup::scripted()).await;
        company.ask(Asker::V1, &format!("child\n{ending}")).await;
        let ended = company.end(ending).await;
        let child: u32 = ended.answer.parse().unwrap();
        eventually("the child is gone", async || (!is_alive(child)).then_some(())).await;
        company.goes_on(Asker::Seed, ending).await;
    }
}
