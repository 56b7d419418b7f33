// Text about sessions and the server on the admin page.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COLUMNS, bytes, cells, filterText, fits, gitFacts, gitOutcome, gitProblem, serverFacts, sessionText, since } from '../../static/admin/format.js';

const NOW = Date.parse('2026-01-01T12:00:00Z');
const LIVE = {
  conversation_id: 3, title: 'T', state: 'running', turn: 2, queued: 1, viewers: 5, laggards: 2, restarts: 0,
  last_event_at: '2026-01-01T11:59:58.000000Z', seq: 9,
  agent: { name: 'claude', kind: 'claude', pid: 42, memory_bytes: 300 * 1024 * 1024, started_at: '2026-01-01T10:59:00.000000Z' },
  spent: { input_tokens: 12_345, output_tokens: 678, cost_usd: 0.5 },
};
const STATUS = {
  version: '1.2.3', started_at: '2026-01-01T09:00:00.000000Z', refusal: null,
  agents: { running: 1, waiting: 0, most: 16 },
  database: { bytes: 2048, problem: null, commits: 10, commit_failures: 0, commit_seconds: 0.05 },
  sandbox: { verdict: 'proved', missing: [], attempts: [{ what: 'create a file', expected: 'refused', outcome: 'refused', detail: '' }] },
};

const texts = (live) => Object.fromEntries(cells(live, NOW).map((cell, index) => [COLUMNS[index], cell.text]));

test('a row has all that is known of a conversation', () => {
  assert.deepEqual(texts(LIVE), {
    State: 'running, turn 2', Viewers: '5, 2 behind', Agent: 'claude 42', Memory: '300 MiB', Started: '1 h ago',
    'Last event': '2 s ago', Waiting: '1', Tokens: '12.3K / 678', Cost: '$0.50', Restarts: '0',
  });
  const idle = { ...LIVE, state: 'idle', turn: null, laggards: 0, agent: null, spent: { input_tokens: 0, output_tokens: 0, cost_usd: 0 } };
  assert.deepEqual(texts(idle), {
    State: 'idle', Viewers: '5', Agent: 'none', Memory: '–', Started: '–', 'Last event': '2 s ago', Waiting: '1',
    Tokens: '–', Cost: '–', Restarts: '0',
  });
  assert.ok(cells(LIVE, NOW)[1].isUrgent, 'a viewer that is behind');
});

test('a filter wants each word somewhere, and tells what is left', () => {
  assert.ok(fits('demo', LIVE, '') && fits('demo', LIVE, 'DEM run') && fits('demo', LIVE, 't claude'));
  assert.ok(!fits('demo', LIVE, 'demo idle') && !fits('demo', { ...LIVE, title: null, agent: null }, 'claude'));
  assert.equal(filterText(1, 3, ' '), '');
  assert.equal(filterText(1, 3, 'x'), '1 of 3 conversations');
  assert.equal(filterText(1, 1, 'x'), '1 of 1 conversation');
  assert.equal(filterText(0, 3, 'x'), 'No conversation fits.');
});

test('a session that failed says what becomes of it', () => {
  const words = (state, restarts = 0) => sessionText({ project: 'demo', state, restarts, conversations: [LIVE] });
  assert.deepEqual(words('live'), { text: '1 conversation', isUrgent: false });
  assert.deepEqual(words('live', 2), { text: '1 conversation · restarted 2 times after a failure', isUrgent: true });
  assert.match(words('given_up').text, /close it to allow another try/);
  assert.ok(words('restarting').isUrgent && !words('closing').isUrgent);
});

test('the server is told in four sentences, and what is wrong with it stands out', () => {
  const words = serverFacts(STATUS, [], NOW);
  assert.deepEqual(words.map(({ name, text }) => [name, text]), [
    ['Server', 'version 1.2.3, up for 3 h'],
    ['Agents', '1 of 16 running'],
    ['Sandbox', 'proved: agents can only read'],
    ['Database', '2.0 KiB, 10 commits, 5.0 ms each'],
  ]);
  assert.ok(words.every((one) => !one.isUrgent));
  assert.deepEqual(words[2].more, ['1 of 1 attempts had the expected outcome.']);
  const bad = serverFacts({
    ...STATUS, refusal: 'It is not proved.', agents: { running: 16, waiting: 3, most: 16 },
    database: { ...STATUS.database, problem: 'the disk is full' },
    sandbox: { verdict: 'failed', missing: [], attempts: [{ what: 'create a file', expected: 'refused', outcome: 'allowed', detail: '' }] },
  }, [], NOW);
  assert.deepEqual(bad.map((one) => one.isUrgent), [false, true, true, true]);
  assert.deepEqual(bad[2].more.slice(0, 2), ['It is not proved.', 'create a file: allowed']);
  assert.equal(serverFacts({ ...STATUS, sandbox: null }, [], NOW)[2].text, 'being tested');
});

test('the nodes of a cluster are told, and those that do not answer', () => {
  const agents = { running: 1, waiting: 0, most: 8 };
  const node = (name, more) => ({ node: name, answers: true, version: '1.2.3', agents, refusal: null, ...more });
  const fact = (...nodes) => serverFacts({ ...STATUS, nodes }, [], NOW).at(-1);
  assert.deepEqual(fact(node('a'), node('b')), {
    name: 'Nodes', text: '2 live', isUrgent: false,
    more: ['a (this one): version 1.2.3, 1 of 8 agents running', 'b: version 1.2.3, 1 of 8 agents running'],
  });
  const bad = fact(node('a', { refusal: 'It is not proved.' }), { node: 'b', answers: false });
  assert.equal(bad.text, '2 live, b does not answer, no agent can start on a');
  assert.ok(bad.isUrgent);
  assert.deepEqual(bad.more, ['a (this one): version 1.2.3, 1 of 8 agents running · It is not proved.', 'b: no answer']);
  const session = { project: 'p', state: 'live', restarts: 0, conversations: [], node: 'b' };
  assert.equal(sessionText(session).text, '0 conversations · on node b');
});

test('the agents that run are counted by name', () => {
  const of = (name, cost_usd) => ({ ...LIVE, agent: name && { ...LIVE.agent, name }, spent: { ...LIVE.spent, cost_usd } });
  const session = (...conversations) => ({ project: 'p', state: 'live', restarts: 0, conversations });
  const facts = serverFacts(STATUS, [
    session(of('local', 0), of('claude', 1.25), of(null, 9)), session(of('claude', 0.5)), { ...session(), conversations: null },
  ], NOW);
  assert.deepEqual(facts[1].more, ['claude: 2 running, 26K tokens, $1.75', 'local: 1 running, 13K tokens']);
});

test('numbers are short', () => {
  assert.deepEqual([0, 1023, 1024, 1536, 200 * 1024, 5 * 1024 ** 3].map(bytes), ['0 B', '1023 B', '1.0 KiB', '1.5 KiB', '200 KiB', '5.0 GiB']);
  const ago = (seconds) => since(new Date(NOW - seconds * 1000).toISOString(), NOW);
  assert.deepEqual([-5, 0, 59, 60, 3600, 172_799, 172_800].map(ago), ['0 s', '0 s', '59 s', '1 min', '1 h', '47 h', '2 d']);
});

test('a project from git tells what is served, and what came of a fetch', () => {
  const [one, two] = ['a', 'b'].map((digit) => digit.repeat(40));
  const state = { project: 'shop', remote: 'https://example.org/shop.git', commit: one, fetched_at: '2026-01-01T11:55:00Z', looked_at: '1' };
  const texts = (of) => gitFacts(of, NOW).map(({ text }) => text);
  assert.deepEqual(texts(state), ['https://example.org/shop.git', 'the remote’s own', 'aaaaaaaaaa', '5 min ago']);
  assert.equal(gitFacts(state, NOW)[2].title, one);
  assert.deepEqual(texts({ ...state, branch: 'main', fetched_at: undefined }).slice(1), ['main', 'aaaaaaaaaa', 'not since the server’s start']);
  assert.deepEqual(texts({ project: 'shop', remote: 'r' }).slice(2), ['none yet', 'not yet']);
  assert.equal(gitProblem(state), '');
  assert.match(gitProblem({ ...state, problem: 'it is gone' }), /^The last fetch failed: it is gone\. What was there/);
  assert.match(gitProblem({ project: 'shop', remote: 'r', problem: 'it is gone' }), /^It could not be cloned: it is gone\./);

  const words = (after) => gitOutcome(state, { ...state, ...after })?.words ?? null;
  assert.equal(words({}), null);
  assert.equal(words({ looked_at: undefined }), null, 'the server was started anew');
  assert.equal(words({ looked_at: '2' }), 'Nothing new.');
  assert.equal(words({ looked_at: '2', commit: two }), 'Commit bbbbbbbbbb is served now.');
  assert.match(words({ looked_at: '2', problem: 'it is gone' }), /it is gone/);
});
