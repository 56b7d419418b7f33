//! What is close, and what is not.

use proptest::prelude::*;

use super::*;

fn is_close(typed: &str, asked: &str) -> bool {
    QuestionTerms::typed(typed).similarity(&QuestionTerms::asked(asked)).is_some()
}

#[test]
fn the_same_in_other_words_of_grammar_is_close() {
    for (typed, asked) in [
        ("Where is the configuration parsed?", "where is the configuration parsed"),
        (
            "how does the parser read the configuration",
            "How is the configuration read by the parser?",
        ),
        ("Where do you close sockets?", "Can you show me where sockets are closed?"),
        ("How is the store writ", "How is the store written?"),
        ("What happens when a session panics?", "What happens when a session panics"),
        ("how are sessions restarted", "How are failed sessions restarted?"),
        ("Where is main?", "Where is `main`?"),
        ("Who writes the store?", "By whom is the store written?"),
        ("Wie werden Größen gelesen", "Wie werden die Größen gelesen?"),
    ] {
        assert!(is_close(typed, asked), "{typed:?} {asked:?}");
    }
}

#[test]
fn another_question_is_not_close() {
    for (typed, asked) in [
        ("Where is the configuration parsed?", "Where is the socket closed?"),
        ("How does parse_quokka work?", "How does parse_header work?"),
        ("Where is the parser?", "What does the parser need?"),
        ("Where is the parser?", "How does the parser handle errors in strings?"),
        ("what is this project about", "what can you do"),
        ("", "Where is main?"),
        ("sockets", "Where are sockets closed, and by whom, and what is logged then?"),
    ] {
        assert!(!is_close(typed, asked), "{typed:?} {asked:?}");
    }
}

#[test]
fn a_question_that_is_a_long_text_is_not_close_to_a_few_of_its_words() {
    let text =
        format!("Where is the configuration parsed? {}", "Other words come here too. ".repeat(9));
    let many: String = (0..40).map(|n| format!("word{n} ")).collect();
    assert!(!is_close("Where is the configuration parsed?", &format!("{text}{many}")));
}

#[test]
fn the_closer_question_has_the_higher_number() {
    let typed = QuestionTerms::typed("where are sockets closed");
    let similarity = |asked| typed.similarity(&QuestionTerms::asked(asked)).unwrap();
    assert!(
        similarity("Where are sockets closed?") > similarity("Where are sockets closed early?")
    );
}

#[test]
fn any_word_is_looked_for_in_all_its_forms() {
    let query = |text| QuestionTerms::typed(text).query();
    assert_eq!(query("Where are the queries parsed? "), Some(r#""pars"* OR "quer"*"#.to_owned()));
    assert_eq!(query("Where are sock"), Some(r#""sock"*"#.to_owned()));
    assert_eq!(query("Who ran it?"), Some(r#""ran"* OR "run"*"#.to_owned()));
    assert_eq!(query("what is this?"), None);
}

proptest! {
    #[test]
    fn a_question_with_words_is_as_close_to_itself_as_can_be(text in "\\PC{0,60}") {
        let asked = QuestionTerms::asked(&text);
        if let Some(similarity) = asked.similarity(&asked) {
            prop_assert!((similarity - 1.0).abs() < 1e-9);
        } else {
            prop_assert!(asked.stems.is_empty());
        }
    }

    #[test]
    fn closeness_is_a_share(typed in "[a-d ]{0,20}", asked in "[a-d ]{0,20}") {
        if let Some(it) = QuestionTerms::typed(&typed).similarity(&QuestionTerms::asked(&asked)) {
            prop_assert!(it > 0.0 && it <= 1.0, "{}", it);
        }
    }
}
