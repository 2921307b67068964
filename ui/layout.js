// SPDX-License-Identifier: Apache-2.0
// Where everything is: boxes in columns, workloads in columns within them; who calls is left of who is called
// where that is possible. The same set of workloads is always at the same places, so that nothing jumps
// when numbers change. Pure; cost: a few passes over the edges and a sort.

export const CHIP = { width: 156, height: 26, gapX: 74, gapY: 15 };
const PAD = { x: 26, top: 40, bottom: 22 };
const GAP = { x: 130, y: 44 };
const SWEEPS = 4;

function scoreOf(node, shown) {
  let out = 0, into = 0;
  for (const e of node.edges) {
    if (!shown.has(e)) continue;
    if (e.from === node) out++;
    if (e.to === node) into++;
  }
  return out + into ? (out - into) / (out + into) : 0;
}

const byScore = (a, b) => b.score - a.score || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

function makeGroups(nodes, shown, groupOf) {
  const groups = new Map();
  for (const node of nodes) {
    const name = groupOf(node);
    let group = groups.get(name);
    if (!group) groups.set(name, group = { name, places: [], score: 0 });
    const told = node.ns && name.includes('=') ? `${node.ns}/${node.name}` : node.name; // a box of a label has many namespaces
    const place = { node, name: told, group, score: scoreOf(node, shown), x: 0, y: 0 };
    group.places.push(place);
    group.score += place.score;
  }
  for (const group of groups.values()) group.score /= group.places.length;
  return [...groups.values()];
}

// Columns of a box: whose scores are far apart are in different ones.
function columnsOf(group) {
  const places = group.places.sort(byScore), n = places.length;
  const wide = Math.sqrt((n * (CHIP.height + CHIP.gapY) * 1.5) / (CHIP.width + CHIP.gapX));
  const count = Math.max(1, n > 2 ? Math.round(wide) : new Set(places.map((p) => Math.sign(p.score))).size);
  const rows = Math.ceil(n / count);
  const columns = [];
  for (let i = 0; i < n; i += rows) columns.push(places.slice(i, i + rows));
  return columns;
}

function sizeGroup(group) {
  group.columns = columnsOf(group);
  const rows = Math.max(...group.columns.map((c) => c.length));
  group.width = 2 * PAD.x + group.columns.length * (CHIP.width + CHIP.gapX) - CHIP.gapX;
  group.height = PAD.top + PAD.bottom + rows * (CHIP.height + CHIP.gapY) - CHIP.gapY;
}

function placeWithin(group) {
  group.columns.forEach((column, c) => column.forEach((place, row) => {
    place.x = group.x + PAD.x + c * (CHIP.width + CHIP.gapX);
    place.y = group.y + PAD.top + row * (CHIP.height + CHIP.gapY);
  }));
}

// Boxes fill columns of about one height, so that the whole is as wide as a screen.
function packGroups(groups, aspect) {
  const area = groups.reduce((sum, g) => sum + (g.width + GAP.x) * (g.height + GAP.y), 0);
  const tallest = Math.max(...groups.map((g) => g.height));
  const limit = Math.max(tallest, Math.sqrt(area / aspect));
  const columns = [];
  let height = Infinity;
  for (const group of groups) {
    if (height + group.height > limit) { columns.push([]); height = 0; }
    columns[columns.length - 1].push(group);
    height += group.height + GAP.y;
  }
  return columns;
}

function placeColumns(columns) {
  const heights = columns.map((c) => c.reduce((sum, g) => sum + g.height + GAP.y, -GAP.y));
  const most = Math.max(...heights);
  let x = 0;
  columns.forEach((column, i) => {
    const width = Math.max(...column.map((g) => g.width));
    let y = (most - heights[i]) / 2;
    for (const group of column) {
      group.x = x + (width - group.width) / 2;
      group.y = y;
      y += group.height + GAP.y;
      placeWithin(group);
    }
    x += width + GAP.x;
  });
}

// Nearer to whom it talks to: fewer lines cross.
function sweep(columns, placeOf, shown) {
  const mean = (places) => {
    let sum = 0, n = 0;
    for (const place of places) for (const e of place.node.edges) {
      if (!shown.has(e)) continue;
      const other = placeOf.get(e.from === place.node ? e.to : e.from);
      if (other && other.group !== place.group) { sum += other.y; n++; }
    }
    return n ? sum / n : places[0].y;
  };
  for (const column of columns) {
    for (const group of column) {
      group.mean = mean(group.places);
      for (const inner of group.columns) {
        for (const place of inner) place.mean = mean([place]);
        inner.sort((a, b) => a.mean - b.mean || byScore(a, b));
      }
    }
    column.sort((a, b) => a.mean - b.mean || (a.name < b.name ? -1 : 1));
  }
}

// { groups, places: Map(id -> place), width, height }
export function layout(nodes, edges, groupOf, aspect) {
  const shown = new Set(edges);
  const groups = makeGroups(nodes, shown, groupOf).sort(byScore);
  if (!groups.length) return { groups, places: new Map(), width: 1, height: 1 };
  groups.forEach(sizeGroup);
  const columns = packGroups(groups, aspect);
  const placeOf = new Map();
  for (const g of groups) for (const p of g.places) placeOf.set(p.node, p);
  placeColumns(columns);
  for (let i = 0; i < SWEEPS; i++) { sweep(columns, placeOf, shown); placeColumns(columns); }
  const places = new Map();
  for (const g of groups) for (const p of g.places) places.set(p.node.id, p);
  return {
    groups, places,
    width: Math.max(...groups.map((g) => g.x + g.width)),
    height: Math.max(...groups.map((g) => g.y + g.height)),
  };
}
