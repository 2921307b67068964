// SPDX-License-Identifier: Apache-2.0
// The page: asks, filters, and hands what is left to the map and the table.
import { ask, askSlow, choose, plural, read, title } from './data.js';
import { layout } from './layout.js';
import { GraphMap } from './map.js';
import { Panel, Table, Trial, make } from './panel.js';

const REFRESH_MS = 3000;
const NAMES_MS = 60000; // nodes come and go
const AGES_MS = 10000;  // so old may denials be shown as if they were not
const PATIENCE_MS = 3000;
const $ = (id) => document.getElementById(id);

const filter = { search: '', namespace: '', group: '', window: 300, verdicts: new Set(['allowed', 'denied', 'audited']) };
let data = null, chosen = { nodes: [], edges: [] }, planned = '', paused = false, timer = 0, measured = false;

const go = {
  node: (n, byKey) => { panel.showNode(n); map.select({ node: n.id }); if (byKey) panel.focus(); },
  edge: (e) => { panel.showEdge(e, filter.window, data.now); map.select({ from: e.from.id, to: e.to.id }); },
  close: () => { panel.close(); map.select(null); map.setChanges([]); $(tableShown() ? 'table-view' : 'map').focus(); },
};
const panel = new Panel($('panel'), go);
const trial = new Trial(panel, () => data, (edges) => map.setChanges(edges));
const table = new Table($('rows'), $('more'), go);
const map = new GraphMap($('map'), $('tip'), {
  node: go.node,
  line: (line) => {
    if (line.boxes) { panel.showMany(`${line.a.name} → ${line.b.name}`, line.edges); return; }
    if (line.edges.length === 1) { go.edge(line.edges[0]); return; }
    panel.showPair(line.from, line.to, data.edges.filter((e) => e.from === line.from && e.to === line.to));
    map.select({ from: line.from.id, to: line.to.id });
  },
  none: () => { panel.close(); map.select(null); },
  focus: (n) => { $('said').textContent = `${title(n)}, ${n.kind}, ${plural(n.edges.length, 'connection')}`; },
});

const tableShown = () => !$('table-view').hidden;

// ---- showing -------------------------------------------------------------------------------------

function groupOf(node) {
  if (filter.group) {
    const value = node.labels[filter.group];
    if (value !== undefined) return `${filter.group}=${value}`;
  }
  if (node.ns) return filter.group ? `${node.ns} (no ${filter.group})` : node.ns;
  return node.kind === 'Host' ? 'nodes' : node.kind === 'Others' ? 'others' : 'outside';
}

// Places change with what is shown, not with how much it talks.
function show(fresh) {
  chosen = choose(data, filter);
  const plan = `${filter.group}\n${chosen.nodes.map((n) => n.id).sort().join('\n')}`;
  const moved = plan !== planned;
  if (moved) map.set(layout(chosen.nodes, chosen.edges, groupOf, map.width / map.height), chosen.edges, fresh || !planned);
  else map.set(renew(map.plan), chosen.edges, fresh);
  planned = plan;
  if (tableShown()) table.set(chosen.edges, data.now, fresh);
  say();
}

// The same places with the new numbers.
function renew(plan) {
  for (const node of chosen.nodes) {
    const place = plan.places.get(node.id);
    if (place.node.pods !== node.pods) place.label = '';
    place.node = node;
  }
  return plan;
}

function say() {
  const left = data.left_out, more = [];
  if (left.workloads) more.push(`${plural(left.workloads, 'workload')} in "Others"`);
  if (left.edges) more.push(`${plural(left.edges, 'connection')} left out`);
  if (left.flows) more.push(`${plural(left.flows, 'flow')} had no room`);
  const part = chosen.nodes.length < data.nodes.length || chosen.edges.length < data.edges.length
    ? ` (of ${data.nodes.length.toLocaleString('en')} and ${data.edges.length.toLocaleString('en')})` : '';
  $('count').textContent = `${plural(chosen.nodes.length, 'workload')}, ${plural(chosen.edges.length, 'connection')}${part}${more.length ? ` · ${more.join(', ')}` : ''}`;
  $('trial').hidden = !data.trial;
  $('trouble').hidden = !data.trouble;
  $('trouble').textContent = data.trouble.trim();
  $('empty').hidden = chosen.nodes.length > 0;
  $('empty').textContent = data.nodes.length ? 'Nothing matches.' : data.collected ? 'No session, no denial and no pod in the chosen time.' : 'Asking the nodes…';
}

// Which nodes this is, in words; all their names where there is room for them.
function where({ all, nodes }) {
  if (!all) return [nodes[0] ? `node ${nodes[0]} alone` : 'one node alone', 'What the agent of this node knows: the sessions and denials of its own pods. Pods of other nodes are seen as their peers.'];
  return [nodes.length < 3 ? `node${nodes.length === 1 ? '' : 's'} ${nodes.join(', ')}` : `${nodes.length.toLocaleString('en')} nodes`, `Of ${nodes.join(', ')}`];
}

async function sayWhere() {
  try {
    const [text, more] = where(await askSlow('nodes'));
    $('where').textContent = ` · ${text}`;
    $('where').title = more;
    $('where').hidden = false;
    document.title = `Bulkhead, ${text}: who talks to whom`;
  } catch { /* who does not answer is named by the picture's own trouble */ }
  setTimeout(sayWhere, NAMES_MS);
}

function sayAge() {
  if (!data || !data.collected) return;
  const s = Math.max(0, Math.round((Date.now() - data.collected) / 1000));
  $('age').textContent = `${paused ? 'paused, ' : ''}asked ${s} s ago, took ${(data.took_ms / 1000).toFixed(1)} s`;
}

// Keeps what is chosen there.
function fill(select, first, values) {
  const want = [['', first], ...values.map((v) => [v, v])];
  if (select.options.length === want.length && want.every(([v], i) => select.options[i].value === v)) return;
  const was = select.value;
  select.replaceChildren(...want.map(([value, text]) => make('option', { value, textContent: text })));
  select.value = values.includes(was) ? was : '';
}

function fillSelects() {
  const keys = new Map();
  for (const n of data.nodes) for (const k of Object.keys(n.labels)) keys.set(k, (keys.get(k) || 0) + 1);
  const often = [...keys].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, 30).map(([k]) => k);
  fill($('namespace'), 'all', [...new Set(data.nodes.map((n) => n.ns).filter(Boolean))].sort());
  fill($('group'), 'namespace', often.filter((k) => !k.endsWith('-hash')));
}

// ---- asking --------------------------------------------------------------------------------------

// A hand that moves the map is not held up, for a while.
async function untilRested() {
  const end = performance.now() + PATIENCE_MS;
  while (map.isMoving && performance.now() < end) await new Promise((done) => setTimeout(done, 150));
}

async function refresh(fresh) {
  clearTimeout(timer);
  try {
    const answer = await ask('graph', { window: filter.window });
    const same = data && answer.collected === data.collected && answer.window === data.window && answer.now - data.now < AGES_MS;
    if (!same) {
      if (!fresh) await untilRested();
      data = read(answer);
      fillSelects();
      show(fresh);
    }
    document.body.dataset.loaded = data.collected ? 'yes' : 'asking';
    if (!measured && data.collected) requestAnimationFrame(() => setTimeout(() => { if (!measured) performance.mark('drawn'); measured = true; }));
  } catch (error) {
    $('trouble').hidden = false;
    $('trouble').textContent = `bulkheadctl does not answer (${error.message}). Has it been ended?`;
  }
  sayAge();
  clearTimeout(timer);
  if (!paused) timer = setTimeout(() => refresh(false), data && !data.collected ? 300 : REFRESH_MS);
}

// ---- controls ------------------------------------------------------------------------------------

function toggleTable() {
  const on = !tableShown();
  $('table-view').hidden = !on;
  $('map-view').hidden = on;
  $('view').setAttribute('aria-pressed', on);
  if (data) show(false);
  $(on ? 'table-view' : 'map').focus();
}

function togglePause() {
  paused = !paused;
  $('pause').setAttribute('aria-pressed', paused);
  if (paused) clearTimeout(timer);
  else refresh(false);
  sayAge();
}

let typing = 0;
$('search').addEventListener('input', () => {
  clearTimeout(typing);
  typing = setTimeout(() => { filter.search = $('search').value; if (data) show(true); }, 120);
});
$('namespace').addEventListener('change', () => { filter.namespace = $('namespace').value; show(true); });
$('group').addEventListener('change', () => { filter.group = $('group').value; show(true); });
$('window').addEventListener('change', () => { filter.window = Number($('window').value); refresh(false); });
$('verdicts').addEventListener('change', (e) => {
  if (e.target.checked) filter.verdicts.add(e.target.value);
  else filter.verdicts.delete(e.target.value);
  show(false);
});
$('trial').addEventListener('click', () => { map.select(null); trial.open(); });
$('view').addEventListener('click', toggleTable);
$('fit').addEventListener('click', () => map.fit());
$('pause').addEventListener('click', togglePause);
$('help').addEventListener('click', () => $('helping').showModal());
$('skip').addEventListener('click', (e) => { e.preventDefault(); if (!tableShown()) toggleTable(); });

const keys = { '/': () => $('search').focus(), '?': () => $('helping').showModal(), t: toggleTable, p: togglePause, 0: () => map.fit() };

document.addEventListener('keydown', (e) => {
  const writes = e.target.matches('input, select, textarea');
  if (e.key === 'Escape' && !$('helping').open) {
    if (e.target === $('search') && $('search').value) { $('search').value = filter.search = ''; show(true); } else if (!$('panel').hidden) go.close();
    else if (writes) $('map').focus();
    return;
  }
  if (writes || e.ctrlKey || e.metaKey || e.altKey || $('helping').open || !keys[e.key]) return;
  e.preventDefault();
  keys[e.key]();
});

setInterval(sayAge, 1000);
refresh(true);
sayWhere();

// For whoever measures: what the map shows, and of what.
window.bulkhead = { map, get data() { return data; }, get chosen() { return chosen; } };
