/** Entry point of the page: creates its parts and routes their events. */
import { parseAddress } from './address.js';
import { unsentAgent } from './agents.js';
import * as api from './api.js';
import { BASE } from './base_path.js';
import { Commands } from './commands.js';
import { ServerEvents } from './server_events.js';
import * as storage from './storage.js';
import { bindKeys, bindSkipLinks, watchBrowserSearch } from './keyboard.js';
import { ConversationActions } from './conversation_actions.js';
import { LiveList } from './live_list.js';
import { Navigation } from './navigation.js';
import { Page } from './page.js';
import { FileNavigation } from './file_navigation.js';
import './views/question_composer.js';
import './views/conversation_view.js';
import './views/welcome_text.js';
import { showShortcuts } from './views/shortcuts.js';
import './views/page_notice.js';
import './views/page_sidebar.js';
import { loadFailureText } from './text.js';

const page = new Page();
const navigation = new Navigation(page);
const notice = /** @type {import('./views/page_notice.js').PageNotice} */ (document.querySelector('page-notice'));
const commands = new Commands(page, navigation);
const actions = new ConversationActions(page, navigation, notice);
const liveList = new LiveList(page, actions);
const serverEvents = new ServerEvents(page, navigation, commands, liveList);
navigation.listener = serverEvents;
navigation.listPosition = () => liveList.position;
liveList.onPick = (/** @type {number} */ id) => navigation.visitHere(id);
/** Loaded on the first input. @type {Promise<import('./lazy_features.js').LazyFeatures> | null} */
let lazyFeatures = null;
// A width that was chosen counts from the beginning.
if (['rail', 'reader'].some(storage.loadPaneWidth)) import('./views/pane_splitter.js').catch(() => null);
const loadLazyFeatures = () => {
  lazyFeatures ??= import('./lazy_features.js').then(({ LazyFeatures }) => new LazyFeatures(page));
  lazyFeatures.catch(() => { lazyFeatures = null; });
  return lazyFeatures;
};
for (const input of ['keydown', 'pointerdown', 'pointermove']) addEventListener(input, loadLazyFeatures, { once: true, passive: true });
const fileNavigation = new FileNavigation(page, notice);
page.onRender = () => {
  fileNavigation.update();
  liveList.showTitle();
};
navigation.onLeave = () => commands.saveDraft();
page.composer.loadHistory = () => (page.state.project === null ? [] : storage.loadHistory(page.state.project));

/** What handles the events of views. @type {Record<string, (detail: any) => void>} */
const EVENTS = {
  'ask': (content) => commands.ask(content),
  'ask-with-files': ({ content, attachments }) => commands.ask(content, undefined, {}, attachments),
  'ask-again': (asked) => commands.askAgain(asked),
  'ask-guide': ({ turn, question }) => commands.ask(question, turn, { agent: 'guide' }),
  'start-over': ({ turn, question }) => commands.startOver(question, turn),
  'answer': (given) => commands.answer(given),
  'pick-agent': (name) => {
    page.dispatch({ type: 'agent-picked', name });
    commands.draftChanged();
  },
  'pick-effort': (effort) => page.dispatch({ type: 'effort-picked', effort }),
  'stop': () => commands.stop(),
  'draft': () => {
    commands.draftChanged();
    // The hint is optional.
    lazyFeatures?.then((it) => it.draftChanged(), () => null);
  },
  'edit-question': ({ turn, question, attachments }) => page.composer.edit({ turn, text: question }, attachments),
  'withdraw': (pending) => commands.withdraw(pending),
  'withdraw-queued': (queued) => commands.withdrawQueued(queued),
  'open-sidebar': () => page.sidebar.open(true),
  'drawer': (isOpen) => { page.main.inert = isOpen; },
  'retry-connection': () => page.connection?.retryNow(),
  'new-conversation': () => navigation.visitHere(null),
  'pick-project': (name) => navigation.visit(name, null),
  'pick-conversation': (id) => navigation.visitHere(id),
  'open-file': (file) => fileNavigation.open(file),
  'compare-references': ({ turn, show }) => fileNavigation.compare(turn).then(show, () => null),
  'walk-citation': (direction) => fileNavigation.walk(direction),
  'close-file': () => fileNavigation.close(),
  'visit-turn': ({ conversation, turn }) => navigation.visitHere(conversation, turn),
  'visited': () => {
    closeCodeSearch();
    if (page.state.project !== null) liveList.open(page.state.project);
    actions.visited();
    fileNavigation.visited();
  },
  'rename': (conversation) => actions.rename(conversation),
  'delete-conversation': (conversation) => actions.remove(conversation),
  'copy-link': (target) => actions.copyLink(target),
  'share': ({ id }) => withSharing((sharing) => sharing.openDialog(id)),
  'fork': ({ turn }) => withSharing((sharing) => sharing.fork(turn)),
  // They are optional.
  'follow-ups': ({ turn, node }) => import('./follow_ups.js').then((it) => it.showFollowUps(page, turn, node)).catch(() => null),
  'react': (said) => withReactions((it) => it.react(page, notice, said)),
  'keep-note': (note) => withReactions((it) => it.keepNote(page, notice, note)),
  'open-notes': () => withReactions((it) => it.openNotes(page)),
  'open-tokens': () => import('./views/tokens_dialog.js').then((it) => it.openTokens()).catch(() => notice.show(loadFailureText('Your tokens'))),
  'copy-answer': (target) => actions.copyAnswer(target),
  'notify': (text) => notice.show(text),
  'toggle-notifications': () => toggleNotifications(),
  'open-search': () => openSearch(),
  'search-code': (query) => searchCode(query),
  'ask-about': (about) => {
    import('./code_features.js').then((it) => it.askAbout(page, fileNavigation, about)).catch(() => notice.show(loadFailureText('This')));
  },
  'log-out': () => logOut(),
  'shows-end': (showsEnd) => page.composer.offerEnd(!showsEnd),
  'go-to-end': () => page.view.scrollToEnd(),
};

// Focus does not count: the page focuses the field by itself.
// Choosing an agent is no typing, and one that the server does not know of yet cannot be started.
for (const input of ['input', 'pointerdown']) {
  page.composer.addEventListener(input, ({ target }) => {
    const { conversation } = page.state;
    if (conversation && unsentAgent(conversation) === undefined && !(target instanceof HTMLSelectElement)) page.connection?.typing();
  }, { passive: true });
}

bindKeys({
  escape: [
    () => page.sidebar.closeDrawer(),
    () => page.view.closeDetails(),
    () => page.composer.leaveEdit(),
    () => fileNavigation.close(),
    closeCodeSearch,
    () => commands.stop(),
  ],
  anywhere: {
    'B': () => page.sidebar.toggleFold(),
    'K': () => openSearch(),
    'P': () => openSearch(true),
    'Shift+F': () => searchCode(),
    'Shift+O': () => navigation.visitHere(null),
  },
  outside: {
    '?': showShortcuts,
    'j': () => page.view.step(1),
    'k': () => page.view.step(-1),
    'o': () => fileNavigation.openFirst(page.view.turn ?? 0),
    '[': () => fileNavigation.walk(-1),
    ']': () => fileNavigation.walk(1),
  },
});

bindSkipLinks({
  question: () => page.composer.focus(),
  conversation: () => page.view.focusTurns(),
  sidebar: () => page.sidebar.focusList(),
});

for (const [name, handle] of Object.entries(EVENTS)) {
  document.addEventListener(name, (event) => handle(/** @type {CustomEvent} */ (event).detail));
}
document.addEventListener('toggle', detailsToggled, true);
addEventListener('popstate', () => {
  navigation.followAddress();
  fileNavigation.followAddress();
});
for (const name of ['online', 'offline']) {
  addEventListener(name, () => {
    page.dispatch({ type: 'network', online: navigator.onLine });
    page.connection?.probe();
  });
}
addEventListener('pagehide', () => commands.leave());
watchBrowserSearch({ opened: () => page.view.renderAll(), closed: () => page.view.endSearch() });
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState !== 'visible') {
    commands.saveDraft();
    return;
  }
  page.connection?.retryNow();
  if (page.state.conversation?.connection === 'ended') serverEvents.refreshList();
});
start();
document.querySelector('#not-started')?.remove();

async function start() {
  page.requestRender();
  try {
    const [projects, me] = await Promise.all([api.listProjects(), api.whoAmI()]);
    page.setState({ projects, user: me.user });
    page.sidebar.offer(me);
  } catch (error) {
    page.setState({ problem: api.errorMessage(error) });
  }
  const link = /^#link=([0-9a-f]+)$/.exec(location.hash)?.[1];
  const { project, conversation } = parseAddress(location.pathname);
  if (link && project !== null && conversation !== null) {
    await withSharing((sharing) => sharing.openLink(project, conversation, link));
  }
  navigation.followAddress();
  fileNavigation.followAddress();
}

/** @param {(sharing: import('./sharing.js').Sharing) => unknown} act */
async function withSharing(act) {
  /** @type {import('./sharing.js').Sharing} */
  let sharing;
  try {
    sharing = new (await import('./sharing.js')).Sharing(page, navigation, notice);
  } catch {
    notice.show(loadFailureText('Sharing'));
    return;
  }
  await act(sharing);
}

/** @param {(reactions: typeof import('./reactions.js')) => unknown} act */
const withReactions = (act) => import('./reactions.js').then(act).catch(() => notice.show(loadFailureText('What people say of answers')));

function openSearch(isCode = false) {
  loadLazyFeatures().then((it) => it.openSearch(isCode), () => notice.show(loadFailureText('The search')));
}

/** @param {Partial<import('./text_search.js').TextQuery>} [query] */
function searchCode(query) {
  page.sidebar.closeDrawer();
  import('./code_features.js').then((it) => it.openCodeSearch(page, query)).catch(() => notice.show(loadFailureText('The search')));
}

/** Returns whether it was open. */
function closeCodeSearch() {
  return /** @type {import('./views/code_search.js').CodeSearch | null} */ (document.querySelector('code-search'))?.close() ?? false;
}

/** @param {Event} event */
function detailsToggled({ target }) {
  const { project } = page.state;
  if (!(target instanceof HTMLDetailsElement) || !target.matches('.usage[open]') || project === null) return;
  import('./budget.js').then((it) => it.showBudgets(target, project)).catch(() => notice.show(loadFailureText('The budget')));
}

async function toggleNotifications() {
  try {
    const { toggleNotifications: toggle } = await import('./notifications.js');
    notice.show(await toggle());
  } catch {
    notice.show(loadFailureText('The switch'));
  }
  page.sidebar.showNotify();
}

async function logOut() {
  await api.logOut().catch(() => null);
  // Leaving the page closes its connection.
  location.assign(`${BASE}/login`);
}
