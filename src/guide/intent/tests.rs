//! Tests of what a message wants.

use super::*;

#[test]
fn questions_are_told_apart_by_their_words() {
    for (question, topic) in [
        ("Hello!", Topic::Greeting),
        ("thanks a lot", Topic::Thanks),
        ("What can you do?", Topic::Capabilities),
        ("are you a language model?", Topic::Capabilities),
        ("What is this project?", Topic::Overview),
        ("what does this project do", Topic::Overview),
        ("give me an overview", Topic::Overview),
        ("How do I run the tests?", Topic::Running),
        ("how do I run it", Topic::Running),
        ("how can I install this?", Topic::Running),
        ("how many features are done?", Topic::Progress),
        ("What is the progress?", Topic::Progress),
        ("Please add a button to the page", Topic::Change),
        ("fix the bug in the parser", Topic::Change),
        ("show me more", Topic::More),
        ("what is the project structure?", Topic::Layout),
        ("Where does the program start, and what happens then?", Topic::Layout),
        ("where does the scheduler start its workers?", Topic::Code),
        ("what is this project and how do I run the tests in the container?", Topic::Overview),
        ("how does the retry work?", Topic::Code),
        ("how do I use the retry policy?", Topic::Code),
        ("run queue", Topic::Code),
        ("where are features stored?", Topic::Code),
        ("what is the purpose of the scheduler in this project when a worker dies?", Topic::Code),
    ] {
        assert_eq!(of(question), topic, "{question}");
    }
}

#[test]
fn a_question_with_nothing_of_its_own_leans_on_the_one_before() {
    for question in
        ["and where is it tested?", "what about the worker?", "how does it work?", "why?"]
    {
        assert!(leans_on_previous(question), "{question}");
    }
    for question in
        ["where is the retry policy of the client?", "how does the worker pool restart children?"]
    {
        assert!(!leans_on_previous(question), "{question}");
    }
}
