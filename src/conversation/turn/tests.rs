//! Which event has which effects.

use proptest::prelude::*;

use super::*;
use crate::{
    agent::event::{AgentFailure, Remedy},
    entry::Usage,
    ids::TurnNumber,
};

fn question(turn: TurnNumber) -> TurnEvent {
    TurnEvent::QuestionStored(QueuedQuestion { turn, content: format!("question {turn}") })
}

fn result(end: AgentEnd) -> TurnEvent {
    TurnEvent::AgentFinished(AgentResult {
        end,
        usage: Usage::default(),
        cost_usd: None,
        duration_ms: None,
    })
}

/// The effects of events, one word each, where leave to start an agent is had at once.
fn trace(turns: &mut TurnMachine, events: impl IntoIterator<Item = TurnEvent>) -> Vec<String> {
    let mut words = Vec::new();
    for event in events {
        for effect in turns.on(event) {
            match effect {
                TurnEffect::WaitForSlot | TurnEffect::TakeFreeSlot => {
                    words.extend(turns.on(TurnEvent::SlotAcquired).iter().filter_map(word));
                }
                effect => words.extend(word(&effect)),
            }
        }
    }
    words
}

/// The same where leave is not to be had.
fn trace_in_line(
    turns: &mut TurnMachine,
    events: impl IntoIterator<Item = TurnEvent>,
) -> Vec<String> {
    let effects = events.into_iter().flat_map(|event| turns.on(event)).collect::<Vec<_>>();
    effects.iter().filter_map(word).collect()
}

fn word(effect: &TurnEffect) -> Option<String> {
    Some(match effect {
        TurnEffect::StartAgent => "start".to_owned(),
        TurnEffect::SendQuestion(question) => format!("ask {}", question.turn),
        TurnEffect::InterruptAgent => "interrupt".to_owned(),
        TurnEffect::StopAgent => "stop".to_owned(),
        TurnEffect::KillAgent => "kill".to_owned(),
        TurnEffect::EndTurn { turn, content: Content::ResponseDone(done) } => {
            format!("{:?} {turn}", done.outcome).to_lowercase()
        }
        TurnEffect::EndTurn { turn, content: Content::Error(error) } => {
            format!("error {turn}: {}", error.content)
        }
        TurnEffect::EndTurn { turn, .. } => format!("no end {turn}"),
        TurnEffect::TakeFreeSlot => "ahead".to_owned(),
        TurnEffect::WaitForSlot => "line".to_owned(),
        TurnEffect::CancelSlotWait => "leave".to_owned(),
        TurnEffect::DropAgentSession => "afresh".to_owned(),
        TurnEffect::ShowStatus(_) | TurnEffect::ShowQueuePosition { .. } => return None,
    })
}

#[test]
fn a_question_waits_for_the_agent_and_is_answered() {
    let mut turns = TurnMachine::default();
    let events = [question(TurnNumber(1)), TurnEvent::AgentReady, result(AgentEnd::Completed)];
    assert_eq!(trace(&mut turns, events), ["start", "ask 1", "completed 1"]);
    assert!(turns.is_idle());
}

#[test]
fn questions_are_answered_one_after_the_other() {
    let mut turns = TurnMachine::default();
    let events = [
        TurnEvent::QuestionExpected,
        TurnEvent::AgentReady,
        question(TurnNumber(1)),
        question(TurnNumber(2)),
        question(TurnNumber(3)),
        result(AgentEnd::Completed),
        result(AgentEnd::Completed),
    ];
    assert_eq!(
        trace(&mut turns, events),
        ["start", "ask 1", "completed 1", "ask 2", "completed 2", "ask 3"]
    );
}

#[test]
fn p7_a_result_twice_ends_a_turn_once() {
    let mut turns = TurnMachine::default();
    let events = [
        question(TurnNumber(1)),
        TurnEvent::AgentReady,
        result(AgentEnd::Completed),
        result(AgentEnd::Completed),
    ];
    assert_eq!(trace(&mut turns, events), ["start", "ask 1", "completed 1"]);
}

#[test]
fn p7_a_crash_ends_the_turn_and_the_next_question_starts_the_agent_again() {
    let mut turns = TurnMachine::default();
    let events = [
        question(TurnNumber(1)),
        TurnEvent::AgentReady,
        TurnEvent::AgentExited("it crashed".to_owned()),
        question(TurnNumber(2)),
        TurnEvent::AgentReady,
    ];
    assert_eq!(
        trace(&mut turns, events),
        ["start", "ask 1", "error 1: it crashed", "start", "ask 2"]
    );
}

#[test]
fn p7_a_question_that_an_idle_agent_did_not_live_to_see_is_asked_again() {
    let gone = || TurnEvent::AgentExited("it crashed".to_owned());
    let mut turns = TurnMachine::default();
    trace(
        &mut turns,
        [question(TurnNumber(1)), TurnEvent::AgentReady, result(AgentEnd::Completed)],
    );
    let events = [question(TurnNumber(2)), gone(), question(TurnNumber(3)), TurnEvent::AgentReady];
    assert_eq!(trace(&mut turns, events), ["ask 2", "start", "ask 2"]);
    // Not for ever: what ends a fresh agent may be the question itself.
    assert_eq!(trace(&mut turns, [gone()]), ["error 2: it crashed", "start"]);
    let events = [TurnEvent::AgentReady, result(AgentEnd::Completed)];
    assert_eq!(trace(&mut turns, events), ["ask 3", "completed 3"]);
    // Nor once the agent has begun with it.
    let events = [question(TurnNumber(4)), TurnEvent::QuestionReceived, gone()];
    assert_eq!(trace(&mut turns, events), ["ask 4", "error 4: it crashed"]);
}

#[test]
fn p7_a_question_that_cannot_be_given_to_an_idle_agent_waits_for_the_next_one() {
    let mut turns = TurnMachine::default();
    trace(
        &mut turns,
        [question(TurnNumber(1)), TurnEvent::AgentReady, result(AgentEnd::Completed)],
    );
    let events = [question(TurnNumber(2)), TurnEvent::SendFailed("it is gone".to_owned())];
    assert_eq!(trace(&mut turns, events), ["ask 2", "stop"]);
    let events = [TurnEvent::AgentExited("it is gone".to_owned()), TurnEvent::AgentReady];
    assert_eq!(trace(&mut turns, events), ["start", "ask 2"]);
    let events = [TurnEvent::SendFailed("it is gone".to_owned())];
    assert_eq!(trace(&mut turns, events), ["stop", "error 2: it is gone"]);
}

fn fails(remedy: Remedy) -> TurnEvent {
    result(AgentEnd::Failed(AgentFailure::new("no", remedy)))
}

#[test]
fn p7_an_agent_whose_own_record_is_refused_begins_afresh_once_and_with_the_same_question() {
    let mut turns = TurnMachine::default();
    let gone = || TurnEvent::AgentExited("it was ended".to_owned());
    let events = [
        question(TurnNumber(1)),
        question(TurnNumber(2)),
        TurnEvent::AgentReady,
        fails(Remedy::FreshAgent),
    ];
    assert_eq!(trace(&mut turns, events), ["start", "ask 1", "afresh", "stop"]);
    let events = [gone(), TurnEvent::AgentReady, fails(Remedy::FreshAgent)];
    assert_eq!(trace(&mut turns, events), ["start", "ask 1", "error 1: no", "ask 2"]);
    // Another question may try it again.
    assert_eq!(trace(&mut turns, [fails(Remedy::FreshAgent)]), ["afresh", "stop"]);
    let events = [gone(), TurnEvent::AgentReady, result(AgentEnd::Completed)];
    assert_eq!(trace(&mut turns, events), ["start", "ask 2", "completed 2"]);
    assert!(turns.is_idle());
}

#[test]
fn a_turn_that_is_stopped_does_not_begin_afresh() {
    let mut turns = TurnMachine::default();
    let events = [
        question(TurnNumber(1)),
        TurnEvent::AgentReady,
        TurnEvent::StopRequested,
        fails(Remedy::FreshAgent),
    ];
    assert_eq!(trace(&mut turns, events), ["start", "ask 1", "interrupt", "stopped 1"]);
}

#[test]
fn an_error_tells_what_helps() {
    let cases = [
        (Remedy::AskAgain, true, false),
        (Remedy::NewConversation, false, true),
        (Remedy::FixFirst, false, false),
    ];
    for (remedy, retryable, start_over) in cases {
        let mut turns = TurnMachine::default();
        for event in [
            TurnEvent::QuestionExpected,
            TurnEvent::SlotAcquired,
            question(TurnNumber(1)),
            TurnEvent::AgentReady,
        ] {
            turns.on(event);
        }
        let mut failure = AgentFailure::new("no", remedy);
        failure.retry_at = Some(1_795_342_009);
        let effects = turns.on(result(AgentEnd::Failed(failure)));
        let Some(TurnEffect::EndTurn { content: Content::Error(error), .. }) = effects.first()
        else {
            panic!("{effects:?}");
        };
        assert_eq!((error.retryable, error.start_over), (retryable, start_over), "{remedy:?}");
        assert_eq!(error.retry_at.as_deref(), Some("2026-11-22T10:06:49.000000Z"));
    }
}

#[test]
fn an_agent_that_never_starts_fails_one_question_per_try() {
    let mut turns = TurnMachine::default();
    let events = [
        question(TurnNumber(1)),
        question(TurnNumber(2)),
        TurnEvent::AgentExited("no".to_owned()),
        TurnEvent::StartFailed("no".to_owned()),
    ];
    assert_eq!(trace(&mut turns, events), ["start", "error 1: no", "start", "error 2: no"]);
    assert!(turns.is_idle() && !turns.has_agent());
}

#[test]
fn a_question_waits_for_leave_to_start_the_agent_and_its_stop_leaves_the_line() {
    let mut turns = TurnMachine::default();
    assert_eq!(
        trace_in_line(&mut turns, [TurnEvent::QuestionExpected]),
        ["ahead"],
        "nobody waits for a visit"
    );
    assert_eq!(
        trace_in_line(&mut turns, [question(TurnNumber(1)), question(TurnNumber(2))]),
        ["line"]
    );
    assert_eq!(turns.state(), ConversationState::Waiting);
    assert_eq!(trace_in_line(&mut turns, [TurnEvent::StopRequested]), ["stopped 1"]);
    assert_eq!(trace_in_line(&mut turns, [TurnEvent::StopRequested]), ["stopped 2", "leave"]);
    assert!(turns.is_idle() && !turns.has_agent());
    assert_eq!(trace_in_line(&mut turns, [question(TurnNumber(3))]), ["line"]);
    let events = [TurnEvent::SlotAcquired, TurnEvent::AgentReady, result(AgentEnd::Completed)];
    assert_eq!(trace_in_line(&mut turns, events), ["start", "ask 3", "completed 3"]);
}

#[test]
fn whoever_waits_is_told_its_place_as_it_moves() {
    let mut turns = TurnMachine::default();
    let mut places = Vec::new();
    let events = [
        question(TurnNumber(1)),
        TurnEvent::SlotAcquired,
        TurnEvent::AgentReady,
        question(TurnNumber(2)),
        question(TurnNumber(3)),
        result(AgentEnd::Completed),
    ];
    for event in events {
        places.extend(turns.on(event).into_iter().filter_map(|effect| match effect {
            TurnEffect::ShowQueuePosition { turn, ahead } => Some((turn, ahead)),
            _ => None,
        }));
    }
    assert_eq!(places, [(2, 1), (3, 2), (3, 1)].map(|(turn, ahead)| (TurnNumber(turn), ahead)));
}

#[test]
fn a_stop_interrupts_once_and_the_turn_ends_as_stopped() {
    let mut turns = TurnMachine::default();
    let events = [
        question(TurnNumber(1)),
        TurnEvent::AgentReady,
        TurnEvent::StopRequested,
        TurnEvent::StopRequested,
        result(AgentEnd::Interrupted),
    ];
    assert_eq!(trace(&mut turns, events), ["start", "ask 1", "interrupt", "stopped 1"]);
    assert_eq!(turns.state(), ConversationState::Idle);
}

#[test]
fn a_shutdown_keeps_what_runs_as_interrupted() {
    let mut turns = TurnMachine::default();
    trace(&mut turns, [question(TurnNumber(1)), TurnEvent::AgentReady, question(TurnNumber(2))]);
    let words = trace(&mut turns, [TurnEvent::CloseRequested(CloseReason::Shutdown)]);
    assert_eq!(words, ["interrupted 1", "stop"], "what waits is answered after the restart");
}

#[test]
fn p7_closing_ends_what_runs_and_what_waits() {
    let mut turns = TurnMachine::default();
    trace(&mut turns, [question(TurnNumber(1)), TurnEvent::AgentReady, question(TurnNumber(2))]);
    let words =
        trace(&mut turns, [TurnEvent::CloseRequested(CloseReason::Ended("closed".to_owned()))]);
    assert_eq!(words, ["error 1: closed", "error 2: closed", "stop"]);
}

#[test]
fn an_idle_agent_sleeps_and_a_busy_one_does_not() {
    let mut turns = TurnMachine::default();
    trace(&mut turns, [question(TurnNumber(1)), TurnEvent::AgentReady]);
    assert!(trace(&mut turns, [TurnEvent::Hibernate]).is_empty());
    trace(&mut turns, [result(AgentEnd::Completed)]);
    assert_eq!(trace(&mut turns, [TurnEvent::Hibernate]), ["stop"]);
    // A question that comes while it goes to sleep wakes it as soon as it is gone.
    assert!(trace(&mut turns, [question(TurnNumber(2))]).is_empty());
    assert_eq!(trace(&mut turns, [TurnEvent::AgentExited(String::new())]), ["start"]);
}

#[test]
fn a_question_that_an_agent_of_a_replaced_program_would_get_goes_to_the_next_one() {
    let mut turns = TurnMachine::default();
    trace(&mut turns, [question(TurnNumber(1)), TurnEvent::AgentReady, question(TurnNumber(2))]);
    let outdated = || {
        TurnEvent::AgentOutdated(QueuedQuestion {
            turn: TurnNumber(2),
            content: "question 2".to_owned(),
        })
    };
    assert!(trace(&mut turns, [outdated()]).is_empty(), "the turn that runs finishes first");
    assert_eq!(trace(&mut turns, [result(AgentEnd::Completed)]), ["completed 1", "ask 2"]);
    assert_eq!(trace(&mut turns, [outdated()]), ["stop"]);
    assert_eq!(trace(&mut turns, [TurnEvent::AgentExited(String::new())]), ["start"]);
    assert_eq!(trace(&mut turns, [TurnEvent::AgentReady]), ["ask 2"]);
    // Who stops it meanwhile has stopped it.
    trace(&mut turns, [outdated()]);
    assert_eq!(trace(&mut turns, [TurnEvent::StopRequested]), ["stopped 2"]);
}

#[test]
fn an_answer_that_is_too_long_ends_in_words_and_its_agent_is_killed() {
    let mut turns = TurnMachine::default();
    trace(&mut turns, [question(TurnNumber(1)), TurnEvent::AgentReady]);
    let long = TurnEvent::AnswerTooLong("long".to_owned());
    let events = [long, TurnEvent::AgentExited("gone".to_owned())];
    assert_eq!(trace(&mut turns, events), ["kill", "error 1: long"]);
}

fn withdrawal(turn: i64) -> TurnEvent {
    TurnEvent::QuestionWithdrawn { turn: TurnNumber(turn), author: Some("Ana".to_owned()) }
}

#[test]
fn a_question_is_withdrawn_while_it_waits_and_the_others_are_answered() {
    let mut turns = TurnMachine::default();
    trace(&mut turns, [1, 2, 3].map(|turn| question(TurnNumber(turn))));
    trace(&mut turns, [TurnEvent::AgentReady]);
    assert!(turns.is_waiting(TurnNumber(2)) && !turns.is_waiting(TurnNumber(1)));
    let effects = turns.on(withdrawal(2));
    let places: Vec<_> = effects
        .iter()
        .filter_map(|effect| match effect {
            TurnEffect::ShowQueuePosition { turn, ahead } => Some((*turn, *ahead)),
            _ => None,
        })
        .collect();
    assert_eq!(places, [(TurnNumber(3), 1)]);
    let Some(TurnEffect::EndTurn { content: Content::ResponseDone(end), .. }) = effects.first()
    else {
        panic!("no end: {effects:?}");
    };
    assert!(end.withdrawn && end.outcome == Outcome::Stopped);
    assert_eq!(end.stopped_by.as_deref(), Some("Ana"));
    assert_eq!(trace(&mut turns, [withdrawal(1), withdrawal(2), withdrawal(9)]), [""; 0]);
    assert_eq!(trace(&mut turns, [result(AgentEnd::Completed)]), ["completed 1", "ask 3"]);
}

#[test]
fn the_only_question_is_withdrawn_like_one_that_is_stopped() {
    let mut turns = TurnMachine::default();
    assert_eq!(trace_in_line(&mut turns, [question(TurnNumber(1))]), ["line"]);
    let effects = turns.on(withdrawal(1));
    assert!(effects.iter().all(
        |effect| !matches!(effect, TurnEffect::EndTurn { content, .. } if content.is_withdrawal())
    ));
    assert_eq!(effects.iter().filter_map(word).collect::<Vec<_>>(), ["stopped 1", "leave"]);
}

fn event() -> impl Strategy<Value = u8> {
    0u8..16
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    /// However events fall, each question comes to one end at most, and to exactly one once the
    /// conversation is closed.
    #[test]
    fn p7_every_turn_has_exactly_one_end(choices in prop::collection::vec(event(), 0..60)) {
        let mut turns = TurnMachine::default();
        let mut asked = 0;
        let mut ended = Vec::new();
        let mut run = |turns: &mut TurnMachine, event: TurnEvent| {
            for effect in turns.on(event) {
                if let TurnEffect::EndTurn { turn, content } = effect {
                    assert!(content.is_end());
                    ended.push(turn);
                }
            }
        };
        for choice in choices {
            let event = match choice {
                0 => TurnEvent::QuestionExpected,
                1 | 2 => { asked += 1; question(TurnNumber(asked)) }
                3 | 4 => TurnEvent::AgentReady,
                5 => result(AgentEnd::Completed),
                6 => TurnEvent::AgentExited("gone".to_owned()),
                7 => TurnEvent::StopRequested,
                8 => TurnEvent::AgentOverdue("must".to_owned()),
                9 => TurnEvent::SlotAcquired,
                10 => TurnEvent::QuestionReceived,
                11 => TurnEvent::SendFailed("not sent".to_owned()),
                12 => {
                    let turn = turns.running().unwrap_or_default();
                    TurnEvent::AgentOutdated(QueuedQuestion { turn, content: "again".to_owned() })
                }
                13 => TurnEvent::AnswerTooLong("long".to_owned()),
                14 => TurnEvent::QuestionWithdrawn { turn: TurnNumber(asked), author: None },
                _ => result(AgentEnd::Failed("failed".to_owned().into())),
            };
            run(&mut turns, event);
        }
        run(&mut turns, TurnEvent::CloseRequested(CloseReason::Ended("closed".to_owned())));
        ended.sort_unstable();
        prop_assert_eq!(ended, (1..=asked).map(TurnNumber).collect::<Vec<_>>());
    }
}
