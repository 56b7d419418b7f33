//! What answers took: counted once, within bounds, whatever an agent reports.

use super::*;
use crate::database::{
    messages::DeleteConversation,
    queries::answers::{UsageFilter, UsageKeys, UsageRow},
};

impl Store {
    fn used(&self) -> Vec<UsageRow> {
        let filter = UsageFilter {
            from: "0000".to_owned(),
            to: "9999".to_owned(),
            ..UsageFilter::default()
        };
        let keys = UsageKeys { agent: true, ..UsageKeys::default() };
        self.reader.usage(&filter, keys, 10).unwrap()
    }

    /// Ends the first turn of a conversation with this.
    async fn end(&self, conversation: ConversationId, payload: &str) {
        let mut end = done(TurnNumber(1), Seq(4));
        payload.clone_into(&mut end.payload);
        let asked = question(TurnNumber(1), Seq(3), "m", "Where is it?");
        self.write(conversation, vec![asked, end]).await.unwrap();
    }
}

#[actix::test]
async fn figures_that_no_agent_should_report_are_bounded_and_lose_nothing() {
    for (payload, input, output, cost) in [
        (
            r#"{"answered":{"by":{"kind":"acp","name":"a"},"at":""},"usage":{"input_tokens":3,"output_tokens":4}}"#,
            3,
            4,
            0.0,
        ),
        (
            r#"{"answered":{"by":{"kind":"acp","name":"a"},"at":""},"usage":{"input_tokens":18446744073709551615,"cache_write_tokens":1e300,
                "output_tokens":-5},"cost_usd":-1}"#,
            1_000_000_000,
            0,
            0.0,
        ),
        (
            r#"{"answered":{"by":{"kind":"acp","name":"a"},"at":""},"usage":{"input_tokens":"many"},"cost_usd":1e308}"#,
            0,
            0,
            100_000.0,
        ),
        (
            r#"{"answered":{"by":{"kind":"acp","name":"a"},"at":""},"usage":[1],"cost_usd":{},"duration_ms":1e99}"#,
            0,
            0,
            0.0,
        ),
        (
            r#"{"answered":{"by":{"kind":"acp","name":"a"},"at":""},"outcome":"completed"}"#,
            0,
            0,
            0.0,
        ),
    ] {
        let store = Store::new();
        let id = store.conversation().await;
        store.end(id, payload).await;
        let used = store.used();
        assert_eq!(used.len(), 1, "{payload}");
        assert_eq!((used[0].input_tokens, used[0].output_tokens), (input, output), "{payload}");
        assert!((used[0].cost_usd - cost).abs() < 1e-9, "{payload}: {used:?}");
    }
}

#[actix::test]
async fn an_answer_counts_once_and_stays_when_its_conversation_goes() {
    let store = Store::new();
    let id = store.conversation().await;
    let payload = r#"{"answered":{"by":{"kind":"acp","name":"a"},"at":""},"usage":{"input_tokens":3,"output_tokens":4},"cost_usd":0.5}"#;
    store.end(id, payload).await;
    // Written again, with references that were checked later.
    let mut end = done(TurnNumber(1), Seq(4));
    payload.clone_into(&mut end.payload);
    store.write(id, vec![end]).await.unwrap();
    let before = store.used();
    assert_eq!((before[0].answers, before[0].input_tokens), (1, 3));
    let delete = DeleteConversation { project: project(), conversation: id };
    assert!(store.database.send(delete).await.unwrap().unwrap());
    assert_eq!(store.used(), before);
}

#[actix::test]
async fn an_end_without_an_agent_is_no_answer() {
    let store = Store::new();
    let id = store.conversation().await;
    store.end(id, r#"{"outcome":"stopped","withdrawn":true}"#).await;
    assert_eq!(store.used(), []);
}
