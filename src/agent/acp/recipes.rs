//! What is known of single agents of the Agent Client Protocol: how each is started so that it only
//! reads. Data, which the code beside it applies.

use std::path::Path;

use super::recipe::{Recipe, lock, preset};
use crate::agent::codec::acp::UsageScope;

/// Programs that run the one named after them.
const INTERPRETERS: [&str; 5] = ["node", "bun", "deno", "python", "python3"];

/// Tools of Gemini CLI and its descendants that read.
const READING: &str = "read_file,glob,grep_search,list_directory";

/// All of them.
pub(super) static RECIPES: [Recipe; 6] = [GEMINI, CLAUDE, CODEX, QWEN, OPENCODE, VIBE];

const GEMINI: Recipe = Recipe {
    title: "Gemini CLI",
    programs: &["gemini", "gemini-cli"],
    arguments: &[
        preset(&["--acp", "--experimental-acp"], &[]),
        preset(&["--skip-trust"], &[]),
        lock(&["--approval-mode", "--yolo", "-y"], &["plan"]),
        // Its own choice of a model asks another one first, each time.
        preset(&["-m", "--model"], &["gemini-2.5-pro"]),
    ],
    passed: &["GEMINI_*", "GOOGLE_*"],
    set: &[("GEMINI_CLI_SYSTEM_SETTINGS_PATH", "{home}/.gemini/system.json")],
    files: &[(
        // These settings override those of the project.
        ".gemini/system.json",
        r#"{"tools":{"core":["read_file","read_many_files","glob","grep_search","list_directory"]},
            "general":{"disableAutoUpdate":true},"privacy":{"usageStatisticsEnabled":false},
            "telemetry":{"enabled":false},"context":{"fileName":"no-instructions.invalid"}}"#,
    )],
    logins: &[
        ("GEMINI_API_KEY", "gemini-api-key"),
        ("GOOGLE_GENAI_USE_VERTEXAI", "vertex-ai"),
        ("GOOGLE_API_KEY", "vertex-ai"),
    ],
    needs_login: true,
    takes_tools_away: true,
    log_in: "Set GEMINI_API_KEY, or GOOGLE_GENAI_USE_VERTEXAI with GOOGLE_API_KEY, in the server's \
             environment, and restart the server.",
    ..Recipe::UNKNOWN
};

const CLAUDE: Recipe = Recipe {
    title: "Claude Code over ACP",
    programs: &["claude-agent-acp", "claude-code-acp"],
    model_variable: Some("ANTHROPIC_MODEL"),
    passed: &["ANTHROPIC_*", "AWS_*", "GOOGLE_*", "CLAUDE_CODE_OAUTH_TOKEN", "CLOUD_ML_REGION"],
    may_be_personal: true,
    set: &[
        ("CLAUDE_CONFIG_DIR", "{home}/.claude"),
        ("CLAUDE_CODE_MAX_RETRIES", "{retries}"),
        ("CLAUDE_CODE_DISABLE_ATTACHMENTS", "1"),
        ("CLAUDE_CODE_DISABLE_GIT_INSTRUCTIONS", "1"),
        ("CLAUDE_CODE_DISABLE_AUTO_MEMORY", "1"),
        ("CLAUDE_CODE_DISABLE_CLAUDE_MDS", "1"),
        ("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS", "1"),
        ("CLAUDE_CODE_DISABLE_FILE_CHECKPOINTING", "1"),
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
        ("DISABLE_AUTOUPDATER", "1"),
        ("DISABLE_TELEMETRY", "1"),
        ("DISABLE_ERROR_REPORTING", "1"),
    ],
    meta: Some(
        r#"{"systemPrompt":"{instructions}","claudeCode":{"options":{"tools":["Read","Glob","Grep"],
            "disallowedTools":["Bash","Write","Edit","NotebookEdit"],"settingSources":[],
            "strictMcpConfig":true}}}"#,
    ),
    mode: Some("default"),
    kept: &[".claude/projects"],
    takes_tools_away: true,
    log_in: "Set ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN in the server's environment, and \
             restart the server.",
    ..Recipe::UNKNOWN
};

/// Its only tool is a shell, under a sandbox of its own that cannot run in ours.
const CODEX: Recipe = Recipe {
    title: "Codex",
    programs: &["codex-acp"],
    passed: &["OPENAI_*", "CODEX_API_KEY", "CODEX_CONFIG"],
    set: &[("CODEX_HOME", "{home}/.codex"), ("INITIAL_AGENT_MODE", "agent-full-access")],
    merged: &[(
        "CODEX_CONFIG",
        r#"{"sandbox_mode":"danger-full-access","project_doc_max_bytes":0}"#,
    )],
    files: &[(
        ".codex/config.toml",
        "sandbox_mode = \"danger-full-access\"\nproject_doc_max_bytes = 0\n",
    )],
    logins: &[("CODEX_API_KEY", "api-key"), ("OPENAI_API_KEY", "api-key")],
    kept: &[".codex/sessions"],
    log_in: "Set OPENAI_API_KEY in the server's environment, or name a model service in CODEX_CONFIG, \
             and restart the server.",
    ..Recipe::UNKNOWN
};

const QWEN: Recipe = Recipe {
    title: "Qwen Code",
    programs: &["qwen"],
    arguments: &[
        preset(&["--acp", "--experimental-acp"], &[]),
        preset(&["--auth-type"], &["openai"]),
        lock(&["--approval-mode", "--yolo", "-y"], &["plan"]),
        lock(&["--core-tools"], &[READING]),
    ],
    model_variable: Some("OPENAI_MODEL"),
    passed: &["OPENAI_*", "QWEN_*", "DASHSCOPE_*"],
    logins: &[("OPENAI_API_KEY", "openai")],
    needs_login: true,
    kept: &[".qwen/projects", ".qwen/tmp"],
    takes_tools_away: true,
    log_in: "Set OPENAI_API_KEY, OPENAI_BASE_URL and OPENAI_MODEL in the server's environment, and \
             restart the server.",
    ..Recipe::UNKNOWN
};

/// It talks to itself over a port that anyone on the machine can connect to.
const OPENCODE: Recipe = Recipe {
    title: "opencode",
    programs: &["opencode"],
    arguments: &[
        preset(&["acp"], &[]),
        preset(&["--pure"], &[]),
        lock(&["--hostname"], &["127.0.0.1"]),
    ],
    passed: &["OPENCODE_CONFIG_CONTENT", "OPENAI_*", "ANTHROPIC_*", "OPENROUTER_*", "GEMINI_*"],
    set: &[("OPENCODE_DISABLE_AUTOUPDATE", "1"), ("OPENCODE_DISABLE_LSP_DOWNLOAD", "1")],
    merged: &[(
        "OPENCODE_CONFIG_CONTENT",
        r#"{"permission":{"*":"deny","read":{"*":"allow","*.env":"deny"},"glob":"allow",
            "grep":"allow","external_directory":"deny"},"autoupdate":false}"#,
    )],
    listens: true,
    kept: &[".local/share/opencode"],
    takes_tools_away: true,
    log_in: "Name a model service with its key in OPENCODE_CONFIG_CONTENT in the server's \
             environment, and restart the server.",
    ..Recipe::UNKNOWN
};

const VIBE: Recipe = Recipe {
    title: "Mistral Vibe",
    programs: &["vibe-acp"],
    passed: &["MISTRAL_*"],
    set: &[("VIBE_HOME", "{home}/.vibe")],
    files: &[(
        ".vibe/config.toml",
        "enabled_tools = [\"read_file\", \"grep\"]\nenable_telemetry = false\n\
         enable_update_checks = false\n",
    )],
    mode: Some("ask"),
    kept: &[".vibe/logs"],
    usage: UsageScope::Session,
    log_in: "Set MISTRAL_API_KEY in the server's environment, and restart the server.",
    ..Recipe::UNKNOWN
};

impl Recipe {
    /// The recipe for a command; the one for unknown agents where none fits.
    pub(in crate::agent) fn of(command: &[String]) -> &'static Self {
        static UNKNOWN: Recipe = Recipe::UNKNOWN;
        let name = |path: &String| {
            let name = Path::new(path).file_name().and_then(|name| name.to_str());
            name.unwrap_or_default().to_owned()
        };
        let first = command.first().map(name).unwrap_or_default();
        let names: Vec<String> = match INTERPRETERS.contains(&&*first) {
            true => {
                let script = command.iter().skip(1).find(|part| !part.starts_with('-'));
                let parts = script.into_iter().flat_map(|script| script.split('/'));
                parts.map(|part| part.split('.').next().unwrap_or_default().to_owned()).collect()
            }
            false => vec![first],
        };
        let fits = |recipe: &&Recipe| names.iter().any(|name| recipe.programs.contains(&&**name));
        RECIPES.iter().find(fits).unwrap_or(&UNKNOWN)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value};

    use super::*;

    fn command(words: &str) -> Vec<String> {
        words.split_whitespace().map(str::to_owned).collect()
    }

    fn arguments(words: &str) -> Result<Vec<String>, String> {
        let command = command(words);
        Recipe::of(&command).arguments(&command, None, &str::to_owned)
    }

    #[test]
    fn an_agent_is_known_by_its_program() {
        for (words, title) in [
            ("gemini", "Gemini CLI"),
            ("/usr/local/bin/gemini --acp", "Gemini CLI"),
            ("node --no-warnings /x/node_modules/@google/gemini-cli/dist/index.js", "Gemini CLI"),
            ("claude-agent-acp", "Claude Code over ACP"),
            ("codex-acp", "Codex"),
            ("qwen --acp", "Qwen Code"),
            ("opencode acp", "opencode"),
            ("vibe-acp", "Mistral Vibe"),
        ] {
            let recipe = Recipe::of(&command(words));
            assert_eq!((recipe.title, recipe.is_unknown()), (title, false), "{words}");
        }
        for words in ["", "geminix", "goose acp", "sh gemini", "node", "python3 -m x"] {
            let recipe = Recipe::of(&command(words));
            assert!(
                recipe.is_unknown() && recipe.locks().starts_with("one lock of three"),
                "{words}"
            );
        }
        assert!(Recipe::of(&command("codex-acp")).locks().starts_with("one lock of three"));
        assert!(Recipe::of(&command("gemini")).locks().starts_with("two locks of three"));
    }

    #[test]
    fn arguments_are_added_where_the_command_lacks_them() {
        let all = ["--acp", "--skip-trust", "--approval-mode", "plan", "-m", "gemini-2.5-pro"];
        assert_eq!(arguments("gemini").unwrap(), all);
        let own = ["--model=x", "--experimental-acp", "--skip-trust", "--approval-mode", "plan"];
        assert_eq!(arguments("gemini --model=x --experimental-acp").unwrap(), own);
        let opencode = ["acp", "--pure", "--hostname", "127.0.0.1"];
        assert_eq!(arguments("opencode acp").unwrap(), opencode);
        assert_eq!(
            arguments("goose acp --approval-mode yolo").unwrap(),
            ["acp", "--approval-mode", "yolo"]
        );
    }

    #[test]
    fn a_command_cannot_open_a_lock() {
        for words in [
            "gemini --approval-mode yolo",
            "gemini --approval-mode=auto_edit",
            "gemini --yolo",
            "gemini -y",
            "qwen --core-tools run_shell_command",
            "opencode acp --hostname 0.0.0.0",
        ] {
            let refusal = arguments(words).expect_err(words);
            assert!(refusal.contains("Remove it from `command`"), "{refusal}");
        }
    }

    #[test]
    fn every_text_of_a_recipe_can_be_read() {
        for recipe in &RECIPES {
            let (merged, meta) = (recipe.merged.iter().map(|(_, json)| *json), recipe.meta);
            for json in merged.chain(meta) {
                assert!(serde_json::from_str::<Map<String, Value>>(json).is_ok(), "{json}");
            }
            for (path, text) in recipe.files {
                let is_read = match path.ends_with(".json") {
                    true => serde_json::from_str::<Value>(text).is_ok(),
                    false => toml::from_str::<toml::Table>(text).is_ok(),
                };
                assert!(is_read, "{path}");
            }
        }
    }

    #[test]
    fn the_fields_of_a_recipe_win_in_a_variable_that_the_operator_set() {
        let merged = Recipe::merge(
            Some(r#"{"model":"m","permission":{"bash":"allow"}}"#),
            r#"{"permission":{"*":"deny"}}"#,
        );
        assert_eq!(merged, r#"{"model":"m","permission":{"*":"deny"}}"#);
        assert_eq!(Recipe::merge(Some("nonsense"), r#"{"a":1}"#), r#"{"a":1}"#);
        assert_eq!(Recipe::merge(None, r#"{"a":1}"#), r#"{"a":1}"#);
    }

    #[test]
    fn instructions_stand_in_the_meta_of_the_agent_that_takes_them_there() {
        let meta = Recipe::of(&command("claude-agent-acp")).meta("Say \"hi\".").unwrap();
        assert_eq!(meta["systemPrompt"], "Say \"hi\".");
        assert!(Recipe::of(&command("gemini")).meta("x").is_none());
    }
}
