//! Questions of every shape, drawn at random, with what the scripted agent answers to each.

use fastrand::Rng;

use crate::screen::Screen;

/// A question and its answer.
#[derive(Debug, Clone)]
pub struct Question {
    /// The text of the question, a script for the agent.
    pub script: String,
    /// The text of the answer, if it is known in advance.
    answer: Option<String>,
    /// The kinds of its turn's entries; the last one is its end.
    kinds: Vec<&'static str>,
}

/// The length of a streamed answer in words, and the milliseconds between two words.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    pub words: u32,
    pub delay: u32,
}

/// The start of a recap, which makes a question no longer a script.
const DIGEST: &str = "This conversation began earlier.";

/// The note after a question whose previous answer was cut off.
const REMINDER: &str = "\n\n[Your last answer was cut off.";

impl Question {
    /// Any question. `name` is unique; a stream is about as long as the pace says.
    pub fn any(random: &mut Rng, name: &str, pace: Pace) -> Self {
        match random.u32(..100) {
            0..40 => Self::stream(random, pace),
            40..55 => {
                Self::of(&format!("say {name} ü \"q\" \\\\ 🦀"), format!("{name} ü \"q\" \\\\ 🦀"))
            }
            55..70 => Self::tools(random, name),
            70..78 => Self::long(random, name),
            78..86 => Self::given_back(name),
            86..92 => Self {
                script: format!("child\nsay  {name}"),
                answer: None,
                kinds: vec!["user_message", "text", "response_done"],
            },
            92..97 => Self {
                kinds: vec!["user_message", "text", "error"],
                ..Self::of(&format!("say {name}\nerror no luck"), name.to_owned())
            },
            _ => Self {
                kinds: vec!["user_message", "text", "error"],
                ..Self::of(&format!("say {name}\ncrash"), name.to_owned())
            },
        }
    }

    /// A question that is answered word by word.
    pub fn stream(random: &mut Rng, pace: Pace) -> Self {
        let words = random.u32(1..=pace.words.max(1));
        let delay = random.u32(0..=pace.delay);
        let answer = (0..words).map(|word| format!("w{word} ")).collect();
        Self::of(&format!("stream {words} {delay}"), answer)
    }

    /// A question that is no script: it is its own answer.
    pub fn given_back(name: &str) -> Self {
        let text = format!("{name} is given back");
        Self::of(&text.clone(), text)
    }

    fn of(script: &str, answer: String) -> Self {
        Self {
            script: script.to_owned(),
            answer: Some(answer),
            kinds: vec!["user_message", "text", "response_done"],
        }
    }

    fn tools(random: &mut Rng, name: &str) -> Self {
        let words = random.u32(1..20);
        let script = format!(
            "think {name}?\ntool Read {{\"file_path\":\"{name}\"}} => one\\ntwo\nstream {words} 1\n\
             toolerror Grep {{\"pattern\":\"{name}\"}} => no\nsay {name}"
        );
        let streamed: String = (0..words).map(|word| format!("w{word} ")).collect();
        let middle = ["thinking", "tool_call", "tool_result", "text", "tool_call", "tool_result"];
        Self {
            script,
            answer: Some(format!("{streamed}{name}")),
            kinds: [&["user_message"], &middle[..], &["text", "response_done"]].concat(),
        }
    }

    /// Larger than a page.
    fn long(random: &mut Rng, name: &str) -> Self {
        let lines = random.usize(300..2000);
        let text = format!("{name} \"éx\" {}", "0123456789\\n".repeat(lines));
        Self::of(&format!("say {text}"), text.replace("\\n", "\n"))
    }

    /// Fails the test where a turn is no answer to this question: whole where it completed, the
    /// beginning of it where it was cut off, and failed only where it had to.
    pub fn assert_answered(&self, screen: &Screen, turn: i64) {
        let end = screen.end(turn);
        let answer = screen.answer(turn);
        let answer = answer.split(REMINDER).next().unwrap_or_default().to_owned();
        let told = || format!("turn {turn} {:?} {end:?} {answer:?}", self.script);
        if end.fields.get("outcome").is_some_and(|outcome| outcome == "interrupted") {
            let is_begun = match &self.answer {
                Some(whole) => whole.starts_with(&answer) || DIGEST.starts_with(&answer),
                None => true,
            };
            assert!(is_begun || answer.starts_with(DIGEST), "{}", told());
            return;
        }
        if answer.starts_with(DIGEST) {
            // An agent that was told what had been said gives that and the question back.
            assert!(answer.ends_with(&self.script) && end.kind == "response_done", "{}", told());
            return;
        }
        // Text that a question of somebody else came into goes on in another entry.
        let mut kinds = screen.kinds(turn);
        kinds.dedup();
        assert_eq!(kinds, self.kinds, "{}", told());
        if let Some(whole) = &self.answer {
            assert_eq!(&answer, whole, "{}", told());
        }
    }
}
