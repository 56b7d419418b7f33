/** Wires the parts: what happens on the page, and who acts on it. Decides nothing itself. */
import * as api from './api.js';
import { Asking } from './asking.js';
import { Following } from './following.js';
import * as keep from './keep.js';
import { bindKeys, bindSearch } from './keyboard.js';
import { Library } from './library.js';
import { Navigation } from './navigation.js';
import { Page, words } from './page.js';
import { Reading } from './reading.js';
import './views/composer.js';
import './views/conversation.js';
import { showKeys } from './views/keys.js';
import './views/grip.js';
import './views/notice.js';
import './views/rail.js';
import { missingWords } from './words.js';

const page = new Page();
const navigation = new Navigation(page);
const notice = /** @type {import('./views/notice.js').PageNotice} */ (document.querySelector('page-notice'));
const asking = new Asking(page, navigation);
const library = new Library(page, navigation, notice);
const following = new Following(page, navigation, library);
navigation.listener = following;
/** Comes when somebody first moves. @type {Promise<import('./lookup.js').Lookup> | null} */
let lookup = null;
const fetchLookup = () => {
  lookup ??= import('./lookup.js').then(({ Lookup }) => new Lookup(page));
  lookup.catch(() => { lookup = null; });
  return lookup;
};
for (const move of ['keydown', 'pointerdown', 'pointermove']) addEventListener(move, fetchLookup, { once: true, passive: true });
const reading = new Reading(page, notice);
page.onDrawn = () => reading.update();
navigation.onLeave = () => asking.keep();
page.composer.asked = () => (page.state.project === null ? [] : keep.readAsked(page.state.project));

/** What a view tells, by the event's name. @type {Record<string, (detail: any) => void>} */
const EVENTS = {
  'ask': (content) => asking.ask(content),
  'ask-again': ({ turn, question }) => asking.ask(question, turn),
  'start-over': ({ turn, question }) => asking.startOver(question, turn),
  'answer': (given) => asking.answer(given),
  'stop': () => asking.stop(),
  'draft': () => {
    asking.typed();
    // Without the hint the question is asked all the same.
    lookup?.then((it) => it.typed(), () => null);
  },
  'edit-question': ({ turn, question }) => page.composer.edit({ turn, text: question }),
  'withdraw': (pending) => asking.withdraw(pending),
  'open-rail': () => page.rail.open(true),
  'drawer': (isOpen) => { page.main.inert = isOpen; },
  'retry-connection': () => page.connection?.retryNow(),
  'new-conversation': () => navigation.visitHere(null),
  'pick-project': (name) => navigation.visit(name, null),
  'pick-conversation': (id) => navigation.visitHere(id),
  'open-file': (wanted) => reading.open(wanted),
  'walk-citation': (direction) => reading.walk(direction),
  'close-file': () => reading.close(),
  'visit-turn': ({ conversation, turn }) => navigation.visitHere(conversation, turn),
  'visited': () => {
    library.visited();
    reading.visited();
  },
  'rename': (named) => library.rename(named),
  'delete-conversation': (named) => library.remove(named),
  'copy-link': (what) => library.copyLink(what),
  'notify': (words) => notice.tell(words),
  'open-search': () => openSearch(),
  'log-out': () => logOut(),
};

// Focus alone is no sign: the page gives it to the field by itself.
for (const sign of ['input', 'pointerdown']) page.composer.addEventListener(sign, () => page.connection?.typing(), { passive: true });

bindKeys({
  escape: [
    () => page.rail.closeDrawer(),
    () => page.composer.leaveEdit(),
    () => reading.close(),
    () => asking.stop(),
  ],
  anywhere: {
    'K': () => openSearch(),
    'Shift+O': () => navigation.visitHere(null),
  },
  outside: {
    '?': showKeys,
    'j': () => page.view.step(1),
    'k': () => page.view.step(-1),
    'o': () => reading.openFirst(page.view.turn ?? 0),
    '[': () => reading.walk(-1),
    ']': () => reading.walk(1),
  },
});

for (const [name, act] of Object.entries(EVENTS)) {
  document.addEventListener(name, (event) => act(/** @type {CustomEvent} */ (event).detail));
}
addEventListener('popstate', () => {
  navigation.follow();
  reading.follow();
});
for (const name of ['online', 'offline']) {
  addEventListener(name, () => {
    page.dispatch({ type: 'network', online: navigator.onLine });
    page.connection?.probe();
  });
}
addEventListener('pagehide', () => asking.leave());
bindSearch({ begin: () => page.view.showAll(), end: () => page.view.showNear() });
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState !== 'visible') {
    asking.keep();
    return;
  }
  page.connection?.retryNow();
  following.refreshList();
});
start();

async function start() {
  page.draw();
  try {
    const [projects, me] = await Promise.all([api.listProjects(), api.whoAmI()]);
    page.change({ projects, user: me.user });
    page.rail.offerLogOut(me.can_log_out);
    page.rail.offerAdmin(me.role === 'admin');
  } catch (error) {
    page.change({ problem: words(error) });
  }
  navigation.follow();
  reading.follow();
}

function openSearch() {
  fetchLookup().then((it) => it.openSearch(), () => notice.tell(missingWords('The search')));
}

async function logOut() {
  await api.logOut().catch(() => null);
  // Without a login the page leads to it; an open connection ends with the page.
  location.assign('/login');
}
