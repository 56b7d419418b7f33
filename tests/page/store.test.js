// The reducer: the conversation after any sequence of frames.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { initialConversation, unfinishedTurns, reduce } from '../../static/store.js';

const play = (frames, from = initialConversation(null)) => frames.reduce(reduce, from);

const TURN = [
  { type: 'user_message', seq: 3, turn: 1, message_id: 'm1', content: 'Where?' },
  { type: 'thinking', seq: 4, turn: 1, block: 0, content: 'Let me ' },
  { type: 'thinking', seq: 5, turn: 1, block: 0, content: 'see.' },
  { type: 'tool_call', seq: 6, turn: 1, call_id: 'c1', tool: 'Read', input: { file_path: 'a.rs' } },
  { type: 'tool_result', seq: 7, turn: 1, call_id: 'c1', ok: true, content: 'x', truncated: false },
  { type: 'html', seq: 8, turn: 1, block: 1, part: 0, parts: 1, html: '<p>In</p>' },
  { type: 'html', seq: 9, turn: 1, block: 1, part: 0, parts: 2, html: '<p>In a.rs.</p>', more: true },
  { type: 'html', seq: 9, turn: 1, block: 1, part: 1, parts: 2, html: '<p>Yes.</p>' },
  { type: 'response_done', seq: 10, turn: 1, outcome: 'completed', duration_ms: 12 },
];

test('a turn is put together from its frames', () => {
  const [turn] = play(TURN).turns;
  assert.equal(turn.question, 'Where?');
  assert.deepEqual(turn.parts.map((part) => part.kind), ['thinking', 'tool', 'text']);
  assert.equal(turn.parts[0].content, 'Let me see.');
  assert.deepEqual(turn.parts[1].result, { seq: 7, ok: true, content: 'x', truncated: false });
  assert.deepEqual(turn.parts[2].html, ['<p>In a.rs.</p>', '<p>Yes.</p>']);
  assert.equal(turn.end.durationMs, 12);
});

test('what was taken back leaves the screen and may come again', () => {
  const begun = TURN.slice(0, -1);
  const [turn] = play([
    ...begun,
    { type: 'thinking', seq: 11, turn: 1, block: 0, content: '', replace: true },
    { type: 'html', seq: 12, turn: 1, block: 1, part: 0, parts: 1, html: '' },
  ]).turns;
  assert.deepEqual(turn.parts.map((part) => part.kind), ['tool']);
  const [again] = play([
    ...begun,
    { type: 'html', seq: 11, turn: 1, block: 1, part: 0, parts: 1, html: '' },
    { type: 'html', seq: 12, turn: 1, block: 1, part: 0, parts: 1, html: '<p>New</p>' },
  ]).turns;
  assert.deepEqual(again.parts.at(-1).html, ['<p>New</p>']);
});

test('a question keeps the name of who asked, whatever comes after', () => {
  const asked = { type: 'user_message', seq: 3, turn: 1, message_id: 'm1', author: 'Ada', content: 'Where?' };
  const accepted = { type: 'accepted', seq: 3, turn: 1, message_id: 'm1', position: 0 };
  const own = initialConversation(1, [{ messageId: 'm1', content: 'Where?' }]);
  assert.equal(play([accepted, asked], own).turns[0].author, 'Ada');
  assert.equal(play([asked, accepted], own).turns[0].author, 'Ada');
  assert.equal(play(TURN).turns[0].author, undefined);
});

test('frames that come twice change nothing', () => {
  const once = play(TURN);
  assert.deepEqual(play(TURN, once).turns, once.turns);
});

test('a replayed answer takes the place of what was shown of it, and of what it has no longer', () => {
  const replayed = play([
    { type: 'html', seq: 11, turn: 1, block: 1, part: 0, parts: 1, html: '<p>Other.</p>' },
  ], play(TURN));
  assert.deepEqual(replayed.turns[0].parts[2].html, ['<p>Other.</p>']);
});

test('a part that changes leaves the others as they are', () => {
  const grown = play([
    { type: 'html', seq: 11, turn: 1, block: 1, part: 1, parts: 2, html: '<p>Yes, there.</p>' },
  ], play(TURN));
  assert.deepEqual(grown.turns[0].parts[2].html, ['<p>In a.rs.</p>', '<p>Yes, there.</p>']);
});

test('of a part that grows only what is new comes, once or twice', () => {
  const whole = { type: 'html', seq: 8, turn: 1, block: 1, part: 0, parts: 1, html: '<p>a 😀 b</p>' };
  const grown = { ...whole, seq: 9, keep: '<p>a 😀 '.length, html: '<em>b</em> c</p>' };
  const shown = (state) => state.turns[0].parts[0].html;
  const after = play([whole, grown]);
  assert.deepEqual(shown(after), ['<p>a 😀 <em>b</em> c</p>']);
  assert.equal(play([grown], after).turns[0], after.turns[0]);
  const final = { ...grown, seq: 10, parts: 2, keep: shown(after)[0].length - 4, html: '.</p>', more: true };
  const next = { ...whole, seq: 10, part: 1, parts: 2, html: '<p>d</p>' };
  assert.deepEqual(shown(play([final, next], after)), ['<p>a 😀 <em>b</em> c.</p>', '<p>d</p>']);
  assert.deepEqual(shown(play([{ ...whole, seq: 11 }], after)), ['<p>a 😀 b</p>']);
});

test('a part that comes again with its colours takes the place of the plain one, whatever came since', () => {
  const before = play(TURN);
  const coloured = '<pre><code><span class="keyword">let</span></code></pre>';
  const after = play([
    { type: 'html', seq: 9, turn: 1, block: 1, part: 0, parts: 2, html: coloured },
  ], before);
  assert.deepEqual(after.turns[0].parts[2].html, [coloured, '<p>Yes.</p>']);
  const ended = play([
    { type: 'response_done', seq: 12, turn: 1, outcome: 'completed' },
    { type: 'html', seq: 12, turn: 1, block: 1, part: 0, parts: 2, html: coloured },
  ], before);
  assert.deepEqual(ended.turns[0].parts[2].html, [coloured, '<p>Yes.</p>']);
  assert.equal(ended.turns[0].parts.length, before.turns[0].parts.length);
});

test('replayed thinking replaces what was streamed of it, even in pieces, and then grows on', () => {
  const replayed = play([
    { type: 'thinking', seq: 4, turn: 1, block: 0, content: 'Let me ', replace: true },
    { type: 'thinking', seq: 12, turn: 1, block: 0, content: 'see it.' },
  ], play(TURN.slice(0, 3)));
  assert.equal(replayed.turns[0].parts[0].content, 'Let me see it.');
});

test('what the server lost in a crash goes and comes again', () => {
  const again = (after) => reduce(play(TURN), { type: 'attached', conversation_id: 1, seq: 20, after });
  const cut = again(6).turns[0];
  assert.deepEqual(cut.parts.map((part) => part.kind), ['thinking', 'tool']);
  assert.equal(cut.parts[1].result, null);
  assert.equal(cut.end, null);
  assert.deepEqual(again(0).turns, []);
  assert.equal(again(10).turns[0].end.outcome, 'completed');
});

test('a turn that did not change stays the same object', () => {
  const before = play(TURN);
  const after = play([{ type: 'html', seq: 12, turn: 2, block: 0, part: 0, parts: 1, html: '<p>More</p>' }], before);
  assert.equal(after.turns[0], before.turns[0]);
  assert.equal(after.turns.length, 2);
});

test('turns stand in their order, whatever the order of their frames', () => {
  const { turns } = play([
    { type: 'user_message', seq: 20, turn: 2, content: 'second' },
    { type: 'user_message', seq: 10, turn: 1, content: 'first' },
    { type: 'html', seq: 1, turn: 0, block: 0, part: 0, parts: 1, html: '<p>Hello</p>' },
  ]);
  assert.deepEqual(turns.map((turn) => turn.turn), [0, 1, 2]);
});

test('the number of viewers and the title follow what the server tells', () => {
  let state = initialConversation(1);
  state = reduce(state, { type: 'presence', viewers: 3 });
  state = reduce(state, { type: 'title', title: 'Where is it?' });
  assert.deepEqual([state.viewers, state.title], [3, 'Where is it?']);
});

test('a turn has one end', () => {
  const state = play([...TURN, { type: 'error', seq: 11, turn: 1, content: 'late' }]);
  assert.equal(state.turns[0].end.kind, 'done');
});

test('an accepted message becomes a turn, whether its echo came first or not', () => {
  const submitted = { type: 'submitted', message_id: 'm1', content: 'Where?' };
  const accepted = { type: 'accepted', message_id: 'm1', seq: 3, turn: 1, position: 0 };
  for (const frames of [[accepted, TURN[0]], [TURN[0], accepted], [accepted], [TURN[0]]]) {
    const state = play([submitted, ...frames]);
    assert.deepEqual(state.pending, []);
    assert.deepEqual(state.turns.map((turn) => turn.question), ['Where?']);
  }
});

test('a refused message leaves in words and ends no turn', () => {
  const state = play([
    { type: 'submitted', message_id: 'm1', content: 'Where?' },
    { type: 'error', message_id: 'm1', content: 'too many questions', retryable: true },
  ]);
  assert.deepEqual(state.pending, []);
  assert.deepEqual(state.turns, []);
  assert.equal(state.notice, 'too many questions');
});

test('the first of two open turns runs and the other waits', () => {
  const state = play([
    { type: 'user_message', seq: 3, turn: 1, content: 'a' },
    { type: 'user_message', seq: 4, turn: 2, content: 'b' },
  ]);
  assert.deepEqual(unfinishedTurns(state).map((turn) => turn.turn), [1, 2]);
  const after = play([{ type: 'response_done', seq: 5, turn: 1, outcome: 'stopped' }], state);
  assert.deepEqual(unfinishedTurns(after).map((turn) => turn.turn), [2]);
});

test('an answer that may be lost with the connection can be given again', () => {
  const asked = play([
    { type: 'question', seq: 3, turn: 1, call_id: 'q', questions: [{ question: 'Which?', options: [] }] },
    { type: 'answered', turn: 1, call_id: 'q' },
  ]);
  assert.equal(asked.turns[0].parts[0].answered, true);
  const lost = reduce(asked, { type: 'connection', phase: 'lost' });
  assert.equal(lost.turns[0].parts[0].answered, false);
});

test('unknown frames and unknown fields are ignored', () => {
  const before = play(TURN);
  assert.equal(reduce(before, { type: 'weather', seq: 99 }), before);
  const after = reduce(before, { type: 'title', title: 'Parsing', colour: 'red' });
  assert.equal(after.title, 'Parsing');
});

test('every end keeps its references, and what was known before where it has none', () => {
  const found = [{ path: 'a.rs', found: true, read: false }];
  const asked = { type: 'user_message', seq: 1, turn: 1, content: 'a' };
  const told = { type: 'citations', turn: 1, citations: found };
  const error = { type: 'error', seq: 3, turn: 1, content: 'no', retryable: false, start_over: true, notes: ['n'] };
  const done = { type: 'response_done', seq: 3, turn: 1, outcome: 'interrupted' };
  for (const frames of [[{ ...error, citations: found }], [told, error], [told, done], [{ ...done, citations: found }]]) {
    assert.deepEqual(play([asked, ...frames]).turns[0].citations, found);
  }
  const { end } = play([asked, error]).turns[0];
  assert.deepEqual([end.retryable, end.startOver, end.notes], [false, true, ['n']]);
});

test('what people say of answers is the newest of each, and begins anew with the connection', () => {
  const first = { turn: 1, useful: 1, wrong: 0, mine: { verdict: 'useful' } };
  const later = { turn: 1, useful: 0, wrong: 2, reasons: [{ verdict: 'wrong', why: 'old' }] };
  const other = { turn: 4, useful: 1, wrong: 0 };
  const after = play([...TURN, { type: 'reactions', answers: [first, other] }, { type: 'reactions', answers: [later] }]);
  assert.deepEqual(after.reactions, { 1: later, 4: other });
  assert.equal(after.turns.length, 1, 'a reaction makes no turn');
  assert.deepEqual(reduce(after, { type: 'attached', conversation_id: 1, seq: 9, after: 9 }).reactions, {});
});
