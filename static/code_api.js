/** The page's calls about the code: definitions, directories, and who wrote lines. */
import { call, findFiles } from './api.js';

/**
 * @typedef {{name: string, kind: string, path: string, line: number}} CodeSymbol
 * @typedef {{path: string, line?: number, name: string, kind: string}} CodePlace a file, or a definition in it
 * @typedef {{files: CodePlace[], symbols: CodePlace[]}} CodePlaces
 * @typedef {{dirs: string[], files: string[], truncated: boolean}} Directory
 * @typedef {{line: number, start: number, end: number}} TextPlace in UTF-16 units of the line
 * @typedef {{path: string, within?: CodeSymbol, uses: import('./text_search.js').LineHit[]}} UseGroup
 * @typedef {{definitions: {symbols: CodeSymbol[], total: number}, groups: UseGroup[], more: boolean}} Uses
 * @typedef {{first: number, last: number, commit?: {id: string, author: string, date: string, subject: string}}} BlamedPart
 */

/** Definitions whose names have these letters, the best first. @param {string} project @param {string} letters @param {number} limit @param {AbortSignal} [signal] @returns {Promise<{symbols: CodeSymbol[], total: number}>} */
export const findSymbols = (project, letters, limit, signal) => (
  call('GET', `/api/projects/${project}/symbols?${new URLSearchParams({ q: letters, limit: String(limit) })}`, { signal }));

/** Definitions of a name. @param {string} project @param {string} name @returns {Promise<{symbols: CodeSymbol[], total: number}>} */
export const findDefinitions = (project, name) => (
  call('GET', `/api/projects/${project}/symbols?${new URLSearchParams({ q: name, exact: 'true' })}`));

/** Where a name is used as code. @param {string} project @param {string} name @returns {Promise<Uses>} */
export const findUses = (project, name) => call('GET', `/api/projects/${project}/uses?${new URLSearchParams({ name })}`);

/** @param {string} project @param {string} path @returns {Promise<Directory>} */
export const listDirectory = (project, path) => call('GET', `/api/projects/${project}/tree?${new URLSearchParams({ path })}`);

/** @param {string} project @param {string} path @param {number} first @param {number} last @returns {Promise<{parts: BlamedPart[]}>} */
export const blameLines = (project, path, first, last) => (
  call('GET', `/api/projects/${project}/blame?${new URLSearchParams({ path, line: String(first), end_line: String(last) })}`));

/** Where a text stands in a file or a commit. @param {{project: string, reference: import('./reference.js').Reference}} file @param {string} text @param {AbortSignal} signal @returns {Promise<{places: TextPlace[], more: boolean}>} */
export const findInFile = ({ project, reference: { path, commit } }, text, signal) => (
  call('GET', `/api/projects/${project}/file/places?${new URLSearchParams({ path, q: text, ...(commit ? { commit } : {}) })}`, { signal }));

/** Files and definitions that match. The error of one is told where there is nothing of the other. @param {string} project @param {string} typed @param {number} limit @param {AbortSignal} signal @returns {Promise<CodePlaces>} */
export async function findPlaces(project, typed, limit, signal) {
  const [files, symbols] = await Promise.allSettled([
    findFiles(project, typed.trim(), limit, signal),
    typed.trim() ? findSymbols(project, typed.trim(), limit, signal) : { symbols: [] },
  ]);
  if (files.status === 'rejected') throw files.reason;
  return {
    files: files.value.files.map(({ path }) => ({ path, kind: '', name: path.slice(path.lastIndexOf('/') + 1) })),
    symbols: symbols.status === 'fulfilled' ? symbols.value.symbols : [],
  };
}
