/** The sidebar: projects, conversations, theme and keyboard shortcuts. It folds to icons; on phones it is a drawer. */
import { BASE } from '../base_path.js';
import { loadNotify, saveRail, saveTheme } from '../storage.js';
import { element, setText } from './dom.js';
import { icon, setIcon, withIcon } from './icon.js';
import { showShortcuts } from './shortcuts.js';
import './conversation_list.js';

/**
 * @typedef {object} SidebarData
 * @property {import('../api.js').Project[] | null} projects `null` while they are not known
 * @property {string | null} project
 * @property {import('../live_list.js').ListedConversation[] | null} list `null` while it is not known
 * @property {number | null} conversation
 * @property {string | null} user name of the person, if the server knows it
 */

const THEMES = ['', 'light', 'dark'];

export class PageSidebar extends HTMLElement {
  /** @type {SidebarData | null} */
  #shown = null;
  #picker = element('select', { onchange: () => this.#emit('pick-project', this.#picker.value) });
  #stats = element('p', { className: 'stats' });
  #list = /** @type {import('./conversation_list.js').ConversationList} */ (document.createElement('conversation-list'));
  #themeIcon = icon('system');
  #themeText = element('span', { className: 'word' });
  #theme = element('button', { type: 'button', className: 'quiet', title: 'Theme', onclick: () => this.#nextTheme() }, this.#themeIcon, this.#themeText);
  #notifyIcon = icon('silent');
  #notifyText = element('span', { className: 'word' });
  #notify = element('button', {
    type: 'button', className: 'quiet', title: 'Tell me when an answer to a question of mine is ready while this page is in the background',
    onclick: () => this.dispatchEvent(new CustomEvent('toggle-notifications', { bubbles: true })),
  }, this.#notifyIcon, this.#notifyText);
  #logOut = element('button', {
    type: 'button', className: 'quiet', title: 'Log out', hidden: true, onclick: () => this.#emit('log-out', null),
  }, ...withIcon('leave', 'Log out'));
  #tokens = element('button', {
    type: 'button', className: 'quiet open-tokens', title: 'Tokens for programs that act for you', 'aria-haspopup': 'dialog', hidden: true,
    onclick: () => this.#emit('open-tokens', null),
  }, ...withIcon('token', 'Tokens'));
  #admin = element('a', { href: `${BASE}/admin`, className: 'quiet', title: 'Admin', hidden: true }, ...withIcon('settings', 'Admin'));
  #notes = element('button', {
    type: 'button', className: 'quiet open-notes', title: 'Answers that people keep for everybody', 'aria-haspopup': 'dialog',
    onclick: () => this.#emit('open-notes', null),
  }, ...withIcon('note', 'Notes'));
  #fold = element('button', {
    type: 'button', className: 'quiet fold', title: 'Fold or unfold the list: Ctrl or ⌘ and B', 'aria-label': 'List of conversations', 'aria-controls': 'sidebar',
    onclick: () => this.toggleFold(),
  }, icon('panel'));
  /** Gets the focus back when the drawer is closed. @type {HTMLElement | null} */
  #opener = null;
  #narrow = matchMedia('(max-width: 639px)');

  connectedCallback() {
    this.id = 'sidebar';
    // The page has it as its icon.
    const mark = /** @type {HTMLLinkElement} */ (document.querySelector('link[rel=icon]')).href;
    const head = element('div', { className: 'head' },
      element('div', { className: 'top' },
        element('label', { className: 'project' }, element('img', { src: mark, alt: '', width: 24, height: 24 }), element('span', { className: 'visually-hidden' }, 'Project'), this.#picker),
        this.#fold),
      this.#stats,
      element('div', { className: 'start-actions' },
        element('button', {
          type: 'button', className: 'new', 'aria-label': 'New conversation', title: 'New conversation: Ctrl or ⌘, Shift and O',
          onclick: () => this.#emit('new-conversation', null),
        }, ...withIcon('add', 'New')),
        element('button', {
          type: 'button', className: 'find', title: 'Ctrl or ⌘ and K', 'aria-haspopup': 'dialog',
          onclick: () => this.#emit('open-search', null),
        }, ...withIcon('search', 'Search')),
        element('button', {
          type: 'button', className: 'find-code', title: 'Ctrl or ⌘, Shift and F', onclick: () => this.#emit('search-code', undefined),
        }, ...withIcon('code', 'Code'))));
    const foot = element('div', { className: 'foot' }, this.#theme, this.#notify,
      element('button', { type: 'button', className: 'quiet', title: 'Keys: ?', onclick: showShortcuts }, ...withIcon('keys', 'Keys')), this.#tokens, this.#admin, this.#logOut);
    this.append(head, element('nav', { 'aria-label': 'Conversations' }, this.#list), foot);
    head.append(this.#notes);
    this.#showTheme();
    this.#showFold();
    this.showNotify();
    this.#list.addEventListener('pick-conversation', () => this.open(false));
    // The backdrop of the drawer belongs to this element.
    this.addEventListener('click', (event) => event.target === this && this.open(false));
    this.#narrow.addEventListener('change', () => this.open(false));
    this.open(false);
  }

  /** Opens or closes the drawer. A wide window always shows the sidebar. @param {boolean} isOpen */
  open(isOpen) {
    const wasOpen = this.isDrawerOpen;
    this.toggleAttribute('data-open', isOpen);
    this.inert = this.#narrow.matches && !isOpen;
    if (this.isDrawerOpen === wasOpen) return;
    this.dispatchEvent(new CustomEvent('drawer', { detail: !wasOpen, bubbles: true }));
    if (wasOpen) this.#opener?.focus();
    else {
      this.#opener = /** @type {HTMLElement | null} */ (document.activeElement);
      this.#picker.focus();
    }
  }

  /** Offers what only some people can do. @param {import('../api.js').Me} me */
  offer({ role, can_log_out: canLogOut, can_make_tokens: canMakeTokens }) {
    this.#tokens.hidden = !canMakeTokens;
    this.#admin.hidden = role !== 'admin';
    this.#logOut.hidden = !canLogOut;
  }

  get isDrawerOpen() {
    return this.#narrow.matches && this.hasAttribute('data-open');
  }

  /** Returns whether a drawer was open. */
  closeDrawer() {
    const wasOpen = this.isDrawerOpen;
    if (wasOpen) this.open(false);
    return wasOpen;
  }

  /** @param {SidebarData} data */
  update(data) {
    const before = this.#shown;
    this.#shown = data;
    if (before?.projects !== data.projects || before?.project !== data.project) this.#renderProjects(data);
    const isNewList = before?.list !== data.list || before?.project !== data.project || before?.user !== data.user;
    if (isNewList) this.#list.update(data.project, data.list, data.user);
    if (isNewList || before?.conversation !== data.conversation) this.#list.mark(data.conversation);
  }

  /** @param {SidebarData} data */
  #renderProjects(data) {
    const projects = data.projects ?? [];
    const names = projects.map((project) => project.name);
    if (data.project !== null && !names.includes(data.project)) names.unshift(data.project);
    this.#picker.replaceChildren(...names.map((name) => {
      const { members = [] } = projects.find((project) => project.name === name) ?? {};
      return element('option', { value: name }, members.length ? `${name} (${members.join(', ')})` : name);
    }));
    this.#picker.disabled = names.length === 0;
    if (data.project !== null) this.#picker.value = data.project;
    const stats = projects.find((project) => project.name === data.project)?.stats;
    setText(this.#stats, stats && stats.total > 0 ? `${stats.passing} of ${stats.total} features pass` : '');
  }

  #nextTheme() {
    const root = document.documentElement;
    root.dataset.theme = THEMES[(THEMES.indexOf(root.dataset.theme ?? '') + 1) % THEMES.length];
    saveTheme(root.dataset.theme);
    this.#showTheme();
  }

  #showTheme() {
    const theme = document.documentElement.dataset.theme || 'system';
    setIcon(this.#themeIcon, /** @type {import('./icon.js').IconName} */ (theme));
    setText(this.#themeText, `Theme: ${theme}`);
  }

  /** Shows whether the person is notified of answers. */
  showNotify() {
    setIcon(this.#notifyIcon, loadNotify() ? 'bell' : 'silent');
    setText(this.#notifyText, `Notify: ${loadNotify() ? 'on' : 'off'}`);
  }

  /** Folds the sidebar to icons, or unfolds it. A drawer is never folded. */
  toggleFold() {
    const hadFocus = this.contains(document.activeElement);
    const { dataset } = document.documentElement;
    dataset.rail = dataset.rail === 'folded' ? '' : 'folded';
    saveRail(dataset.rail);
    this.#showFold();
    // What had the focus may be folded away.
    if (hadFocus && !document.activeElement?.checkVisibility()) this.#fold.focus();
  }

  #showFold() {
    this.#fold.setAttribute('aria-expanded', String(document.documentElement.dataset.rail !== 'folded'));
  }

  /** Goes to the list of conversations. */
  focusList() {
    if (document.documentElement.dataset.rail === 'folded') this.toggleFold();
    this.open(true);
    if (!this.#list.focusRow()) this.#picker.focus();
  }

  /** @param {string} name @param {unknown} detail */
  #emit(name, detail) {
    this.open(false);
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
  }
}

customElements.define('page-sidebar', PageSidebar);
