//! Tests of what a message wants.

use super::*;

#[test]
fn questions_are_told_apart_by_their_words() {
    for (question, intent) in [
        ("Hello!", Intent::Greeting),
        ("thanks a lot", Intent::Thanks),
        ("What can you do?", Intent::Capabilities),
        ("are you a language model?", Intent::Capabilities),
        ("What is this project?", Intent::Overview),
        ("what does this project do", Intent::Overview),
        ("give me an overview", Intent::Overview),
        ("How do I run the tests?", Intent::Running),
        ("how do I run it", Intent::Running),
        ("how can I install this?", Intent::Running),
        ("how many features are done?", Intent::Progress),
        ("What is the progress?", Intent::Progress),
        ("Please add a button to the page", Intent::Change),
        ("fix the bug in the parser", Intent::Change),
        ("show me more", Intent::More),
        ("what is the project structure?", Intent::Layout),
        ("Where does the program start, and what happens then?", Intent::Start),
        ("where does the scheduler start its workers?", Intent::Code),
        ("what is this project and how do I run the tests in the container?", Intent::Overview),
        ("how does the retry work?", Intent::Code),
        ("how do I use the retry policy?", Intent::Code),
        ("run queue", Intent::Code),
        ("where are features stored?", Intent::Code),
        ("what is the purpose of the scheduler in this project when a worker dies?", Intent::Code),
    ] {
        assert_eq!(Intent::of(question), intent, "{question}");
    }
}

#[test]
fn a_question_with_nothing_of_its_own_follows_up_the_one_before() {
    for question in
        ["and where is it tested?", "what about the worker?", "how does it work?", "why?"]
    {
        assert!(is_follow_up(question), "{question}");
    }
    for question in
        ["where is the retry policy of the client?", "how does the worker pool restart children?"]
    {
        assert!(!is_follow_up(question), "{question}");
    }
}

#[test]
fn a_projects_own_name_stands_for_the_project() {
    for question in ["what is Shop for?", "What does shop do?", "explain shop"] {
        let of = Intent::of(&without_name(question, &["shop".to_owned()]));
        assert_eq!(of, Intent::Overview, "{question}");
    }
    for question in ["what is the shop?", "where is the shop opened?"] {
        assert_eq!(
            Intent::of(&without_name(question, &["shop".to_owned()])),
            Intent::Code,
            "{question}"
        );
    }
    for question in ["How is it laid out?", "how is this structured", "what is the architecture?"] {
        assert_eq!(Intent::of(question), Intent::Layout, "{question}");
    }
    let names = ["shop".to_owned(), "Open Shop".to_owned()];
    let asked = without_name("What is Open Shop for, and how is it laid out?", &names);
    assert_eq!(asked, "What is this project for, and how is it laid out?");
    assert_eq!(Intent::of(&asked), Intent::Overview);
    assert_eq!(without_name("What is shop, and why?", &names), "What is this project, and why?");
}
