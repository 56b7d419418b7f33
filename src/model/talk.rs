//! What a model agent knows of its conversation, its service and its tools.

use serde_json::Value;

use crate::guide::{lines::TokenCounts, tool_calls::ToolResponse};

use super::{
    cards,
    context::ContextSize,
    facts::{self, ModelFacts},
    past,
    reply::ModelReply,
    request::{Image, OfferedTool, RequestSettings, Said},
    service::{Preset, Service, TokenPrice},
};

/// What a model is told that takes no images.
const UNSEEN: &str = "(The images are not shown to you. Say that you do not see them.)";

/// The state of a conversation.
#[derive(Debug)]
pub(super) struct Talk {
    pub(super) said: Vec<Said>,
    pub(super) size: ContextSize,
    pub(super) settings: RequestSettings,
    pub(super) tools: Vec<OfferedTool>,
    /// US dollars since the process started, if known.
    pub(super) total_cost: Option<f64>,
    price: Option<TokenPrice>,
    /// Whether the service was asked what it is.
    pub(super) is_prepared: bool,
    /// Whether the size is the configuration's or the service's own.
    pub(super) is_size_known: bool,
    /// Whether the model takes images; `None` while that is not known.
    pub(super) takes_images: Option<bool>,
    /// Whether the newest question had images that were not sent.
    pub(super) has_withheld: bool,
    /// Where the service cuts what it is sent, in tokens.
    pub(super) cut_at: Option<u64>,
    /// Whether that was told.
    pub(super) is_cut_told: bool,
}

impl Talk {
    pub(super) fn new(service: &Service) -> Self {
        let context = service.context.or(facts::known(&service.model).context);
        let settings = RequestSettings {
            dialect: service.spoken(),
            model: service.model.clone(),
            max_output: service.max_output,
            has_new_limit_name: service.known_as() == Some(Preset::Openai),
            has_tools: true,
            effort: None,
            sends_reasoning: service.sends_reasoning,
        };
        Self {
            said: Vec::new(),
            size: ContextSize::new(context.unwrap_or(facts::UNKNOWN), service.max_output),
            settings,
            tools: Vec::new(),
            total_cost: service.price.map(|_| 0.0),
            price: service.price,
            is_prepared: false,
            is_size_known: service.context.is_some(),
            takes_images: service.images,
            has_withheld: false,
            cut_at: None,
            is_cut_told: false,
        }
    }

    /// Takes the conversation before this process.
    pub(super) fn set_past(&mut self, turns: &[Value]) {
        self.said = past::said(turns);
    }

    /// Takes the tools that the server lists.
    pub(super) fn set_tools(&mut self, listed: &ToolResponse) {
        let listed = match listed {
            Ok(listed) => listed,
            Err(error) => {
                log::warn!("there are no tools: {error}");
                return;
            }
        };
        let text = |tool: &Value, name: &str| tool[name].as_str().unwrap_or_default().to_owned();
        let tools = listed["tools"].as_array().into_iter().flatten().map(|tool| OfferedTool {
            name: text(tool, "name"),
            description: text(tool, "description"),
            schema: tool["inputSchema"].clone(),
        });
        self.tools = tools.filter(|tool| !tool.name.is_empty()).collect();
    }

    /// The tools under the names that the page knows.
    pub(super) fn shown_tools(&self) -> Vec<String> {
        self.tools.iter().map(|tool| cards::name(&tool.name)).collect()
    }

    /// The tool that a model means by `name`: some add a prefix or write it in another case.
    pub(super) fn tool_named(&self, name: &str) -> Option<&str> {
        let last = name.rsplit(['.', ':', '/']).next().unwrap_or(name);
        let last = last.rsplit("__").next().unwrap_or(last);
        let names = || self.tools.iter().map(|tool| tool.name.as_str());
        let exact = names().find(|it| *it == name);
        exact.or_else(|| names().find(|it| it.eq_ignore_ascii_case(last)))
    }

    /// The tools that are offered with a request.
    pub(super) fn offered(&self) -> &[OfferedTool] {
        if self.settings.has_tools { &self.tools } else { &[] }
    }

    /// Takes what the service says of itself. The configuration wins.
    pub(super) fn learn(&mut self, facts: ModelFacts) {
        if let Some(context) = facts.context
            && !self.is_size_known
        {
            self.size.context = context;
            self.is_size_known = true;
        }
        self.takes_images = self.takes_images.or(facts.takes_images);
        if facts.has_tools == Some(false) {
            self.settings.has_tools = false;
        }
    }

    /// Adds what a reply cost. Gives its tokens.
    pub(super) fn count(&mut self, reply: &ModelReply) -> TokenCounts {
        let usage = reply.usage;
        let cached = usage.cached.unwrap_or(0).min(usage.input.unwrap_or(0));
        let tokens = TokenCounts {
            input: usage.input.unwrap_or(0) - cached,
            cached,
            output: usage.output.unwrap_or(0),
        };
        let by_price = self.price.map(|price| cost(tokens, price));
        if let Some(cost) = by_price.or(usage.cost) {
            self.total_cost = Some(self.total_cost.unwrap_or(0.0) + cost);
        }
        tokens
    }

    /// Adds a question with its images, if the model takes some.
    pub(super) fn ask(&mut self, text: String, images: Vec<Image>) {
        self.has_withheld = false;
        if !images.is_empty() {
            self.said.push(Said::Images(images));
        }
        self.said.push(Said::Question(text));
        if self.takes_images == Some(false) {
            self.withhold_images();
        }
    }

    /// Takes all images away, and tells the model where the newest question had some. Gives whether there
    /// were any.
    pub(super) fn withhold_images(&mut self) -> bool {
        let n_said = self.said.len();
        let newest = self.said.iter().rposition(|said| matches!(said, Said::Question(_)));
        let before = newest.and_then(|at| at.checked_sub(1)).and_then(|at| self.said.get(at));
        let has_new = matches!(before, Some(Said::Images(_)));
        if let (true, Some(Said::Question(text))) =
            (has_new, newest.and_then(|at| self.said.get_mut(at)))
        {
            text.push_str("\n\n");
            text.push_str(UNSEEN);
        }
        self.has_withheld |= has_new;
        self.said.retain(|said| !matches!(said, Said::Images(_)));
        self.said.len() < n_said
    }

    /// Ends the turn in what the model is told next time. `shown` is what it had said of an answer
    /// that did not come to its end, and `end` what to say of that.
    pub(super) fn settle(&mut self, shown: &str, end: Option<&str>) {
        let Some(end) = end else { return };
        let is_unanswered = matches!(self.said.last(), Some(Said::Question(_)));
        if is_unanswered && shown.trim().is_empty() && end.is_empty() {
            // Asked again, the question would stand there twice.
            self.said.pop();
            self.said.pop_if(|said| matches!(said, Said::Images(_)));
            return;
        }
        let text = format!("{shown}\n\n{end}");
        let text = text.trim();
        let said = if text.is_empty() { Said::unanswered() } else { Said::text(text.to_owned()) };
        self.said.push(said);
    }
}

/// US dollars.
fn cost(tokens: TokenCounts, price: TokenPrice) -> f64 {
    let million = 1e6;
    (tokens.input as f64 * price.input
        + tokens.cached as f64 * price.cached.unwrap_or(price.input)
        + tokens.output as f64 * price.output)
        / million
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn talk(service: Value) -> Talk {
        let mut all = json!({"base_url": "http://127.0.0.1:1/v1", "model": "m"});
        all.as_object_mut().unwrap().extend(service.as_object().unwrap().clone());
        Talk::new(&serde_json::from_value(all).unwrap())
    }

    #[test]
    fn what_a_turn_costs_is_added_up_where_a_price_is_known() {
        let reply = |usage| ModelReply { usage, ..ModelReply::default() };
        let usage = |input, cached, output, cost| super::super::reply::RequestUsage {
            input,
            cached,
            output,
            cost,
        };
        let mut priced = talk(json!({"price": {"input": 2.0, "output": 10.0, "cached": 0.5}}));
        let counted = priced.count(&reply(usage(Some(1000), Some(400), Some(100), Some(9.0))));
        assert_eq!((counted.input, counted.cached, counted.output), (600, 400, 100));
        assert!((priced.total_cost.unwrap() - 0.0024).abs() < 1e-9);
        let mut told = talk(json!({}));
        told.count(&reply(usage(None, Some(5), None, None)));
        assert_eq!(told.total_cost, None);
        told.count(&reply(usage(Some(5), None, None, Some(0.5))));
        told.count(&reply(usage(Some(5), None, None, Some(0.25))));
        assert_eq!(told.total_cost, Some(0.75));
    }

    #[test]
    fn the_configuration_wins_over_what_a_service_says() {
        let told = ModelFacts {
            context: Some(9),
            has_tools: Some(false),
            takes_images: Some(false),
            is_llamacpp: false,
        };
        let mut set = talk(json!({"context": 5}));
        set.learn(told);
        assert_eq!((set.size.context, set.settings.has_tools), (5, false));
        let mut seeing = talk(json!({"images": true}));
        seeing.learn(told);
        assert_eq!(seeing.takes_images, Some(true));
        let mut open = talk(json!({}));
        open.learn(told);
        assert_eq!((open.size.context, open.takes_images), (9, Some(false)));
    }

    #[test]
    fn tools_are_found_under_the_names_that_models_give_them() {
        let mut talk = talk(json!({}));
        talk.set_tools(&Ok(json!({"tools": [{"name": "read"}, {"name": "ask_user"}, {"x": 1}]})));
        for name in ["read", "Read", "functions.read", "mcp__project__read", "project:read"] {
            assert_eq!(talk.tool_named(name), Some("read"), "{name}");
        }
        assert_eq!(talk.tool_named("write"), None);
        assert_eq!(talk.shown_tools(), ["Read", "mcp__features__ask_user"]);
    }

    #[test]
    fn images_are_kept_before_their_question_and_withheld_from_a_model_that_takes_none() {
        let block = json!({"source": {"media_type": "image/png", "data": "AAAA"}});
        let images = || Image::of_block(&block).into_iter().collect::<Vec<_>>();
        let mut seeing = talk(json!({}));
        seeing.ask("Q".to_owned(), images());
        assert_eq!(seeing.said, [Said::Images(images()), Said::Question("Q".to_owned())]);
        assert!(seeing.withhold_images() && seeing.has_withheld && !seeing.withhold_images());
        seeing.settle("", Some(""));
        assert!(seeing.said.is_empty());
        let mut blind = talk(json!({"images": false}));
        blind.ask("Q".to_owned(), images());
        assert_eq!(blind.said, [Said::Question(format!("Q\n\n{UNSEEN}"))]);
        blind.ask("R".to_owned(), Vec::new());
        assert!(!blind.has_withheld);
    }

    #[test]
    fn questions_and_answers_take_turns_whatever_happened() {
        let mut talk = talk(json!({}));
        for (shown, end, expected) in [
            ("", Some(""), None),
            ("", Some("(interrupted)"), Some("(interrupted)")),
            ("Half", Some("(interrupted)"), Some("Half\n\n(interrupted)")),
            ("Half", Some(""), Some("Half")),
        ] {
            talk.said = vec![Said::Question("Q".to_owned())];
            talk.settle(shown, end);
            let expected = expected.map(|text| Said::text(text.to_owned()));
            assert_eq!(talk.said.get(1), expected.as_ref());
            assert_eq!(talk.said.len(), if expected.is_some() { 2 } else { 0 });
        }
    }
}
