/** How lines differ from others. Pure. */

/** Most comparisons of lines; beyond them what differs is told as a whole. */
const MAX_WORK = 4_000_000;

/** @typedef {{kind: 'same' | 'removed' | 'added', text: string, before: number, after: number}} DiffLine numbers from 1; 0 where it is not there */

/** @param {string[]} before @param {string[]} after @returns {DiffLine[]} */
export function diffLines(before, after) {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  let end = 0;
  while (end < before.length - start && end < after.length - start && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  const [oldLines, newLines] = [before.slice(start, before.length - end), after.slice(start, after.length - end)];
  const kinds = [
    ...before.slice(0, start).map(() => 'same'), ...changes(oldLines, newLines), ...before.slice(before.length - end, before.length).map(() => 'same'),
  ];
  let [old, now] = [0, 0];
  return kinds.map((kind) => {
    if (kind !== 'added') old += 1;
    if (kind !== 'removed') now += 1;
    return {
      kind: /** @type {DiffLine['kind']} */ (kind), text: kind === 'added' ? after[now - 1] : before[old - 1],
      before: kind === 'added' ? 0 : old, after: kind === 'removed' ? 0 : now,
    };
  });
}

/** The changes by the longest common subsequence. @param {string[]} before @param {string[]} after @returns {string[]} */
function changes(before, after) {
  const [rows, columns] = [before.length + 1, after.length + 1];
  if (rows * columns > MAX_WORK) return [...before.map(() => 'removed'), ...after.map(() => 'added')];
  const common = new Uint32Array(rows * columns);
  for (let row = rows - 2; row >= 0; row -= 1) {
    for (let column = columns - 2; column >= 0; column -= 1) {
      common[row * columns + column] = before[row] === after[column] ? common[(row + 1) * columns + column + 1] + 1
        : Math.max(common[(row + 1) * columns + column], common[row * columns + column + 1]);
    }
  }
  const kinds = [];
  let [row, column] = [0, 0];
  while (row < before.length || column < after.length) {
    if (row < before.length && column < after.length && before[row] === after[column]) {
      kinds.push('same');
      [row, column] = [row + 1, column + 1];
    } else if (column >= after.length || (row < before.length && common[(row + 1) * columns + column] >= common[row * columns + column + 1])) {
      kinds.push('removed');
      row += 1;
    } else {
      kinds.push('added');
      column += 1;
    }
  }
  return kinds;
}

/** The changes in and near lines of the former text, with some lines around them. @param {DiffLine[]} lines @param {number} first @param {number} last @param {number} [around] */
export function diffNear(lines, first, last, around = 3) {
  const starts = lines.findIndex(({ before }) => before >= first - around && before > 0);
  let ends = lines.findLastIndex(({ before }) => before > 0 && before <= last + around);
  // What was added behind belongs to it.
  while (lines[ends + 1]?.kind === 'added') ends += 1;
  return starts < 0 ? [] : lines.slice(starts, ends + 1);
}
