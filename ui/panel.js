// SPDX-License-Identifier: Apache-2.0
// Details beside the map, and the table. Elements are made, never parsed: texts of the cluster stay texts.
import { ago, ask, askSlow, bytes, plural, port, readChanges, rules, title } from './data.js';

const FLOWS_SHOWN = 60;
const ROWS = 200;
const PARTIAL = 4; // bulkheadctl's exit code
const POLICY_MAX = 1048576; // bytes; UI_POLICY_MAX

export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === 'class') element.className = value;
    else if (name === 'on') for (const [event, fn] of Object.entries(value)) element.addEventListener(event, fn);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

function verdictText(e) {
  const parts = [];
  if (e.denied) parts.push(make('span', { class: 'is-denied' }, `× denied ${e.denied}`));
  if (e.audited) parts.push(make('span', { class: 'is-audited' }, `○ audited ${e.audited}`));
  if (e.verdicts.includes('allowed')) parts.push(make('span', { class: 'is-allowed' }, '— allowed'));
  return parts.flatMap((p, i) => (i ? [', ', p] : [p]));
}

// Of a list that is cut: what is not on it.
function andMore(all, shown) {
  return all > shown ? [make('p', { class: 'dim' }, `and ${(all - shown).toLocaleString('en')} more`)] : [];
}

const busiest = (a, b) => b.denied - a.denied || b.audited - a.audited || b.sessions - a.sessions || b.bytes - a.bytes;

export class Panel {
  constructor(root, go) {
    this.root = root;
    this.go = go; // { edge, node, close }
    this.round = 0;
  }

  open(...children) {
    this.round++;
    const close = make('button', { class: 'close', type: 'button', ariaLabel: 'Close', on: { click: () => this.go.close() } }, '✕');
    this.root.replaceChildren(close, ...children);
    this.root.hidden = false;
    this.root.scrollTop = 0;
  }

  close() {
    this.round++;
    this.root.hidden = true;
    this.root.replaceChildren();
  }

  focus() {
    const first = this.root.querySelector('button.row') || this.root.querySelector('button');
    if (first) first.focus();
  }

  edgeRow(e, words) {
    const row = make('button', { class: 'row', type: 'button', on: { click: () => this.go.edge(e) } }, `${words} `, make('b', {}, port(e)), ' ', ...verdictText(e));
    if (e.sessions) row.append(make('span', { class: 'dim' }, ` · ${plural(e.sessions, 'session')}, ${bytes(e.bytes)}`));
    return make('li', {}, row);
  }

  edgeList(name, edges, words) {
    if (!edges.length) return [];
    const list = edges.sort(busiest), cut = list.slice(0, 200);
    return [make('h3', {}, `${name} (${list.length})`), make('ul', {}, ...cut.map((e) => this.edgeRow(e, words(e)))), ...andMore(list.length, cut.length)];
  }

  showNode(n) {
    const labels = Object.entries(n.labels).map(([k, v]) => make('span', {}, `${k}=${v}`));
    this.open(
      make('h2', {}, title(n)),
      make('p', { class: 'dim' }, n.kind + (n.pods ? `, ${plural(n.pods, 'pod')}` : '')),
      make('div', { class: 'labels' }, ...labels),
      ...this.edgeList('Calls', n.edges.filter((e) => e.from === n), (e) => `→ ${title(e.to)}`),
      ...this.edgeList('Is called by', n.edges.filter((e) => e.to === n && e.from !== n), (e) => `← ${title(e.from)}`),
      ...(n.edges.length ? [] : [make('p', {}, 'No session and no denial in the chosen time.')]),
    );
  }

  showMany(name, edges) {
    this.open(make('h2', {}, name), ...this.edgeList('Connections', edges, (e) => `${title(e.from)} → ${title(e.to)}`));
  }

  showPair(from, to, edges) {
    this.open(make('h2', {}, `${title(from)} → ${title(to)}`), ...this.edgeList('Ports', edges, () => ''));
  }

  showEdge(e, window, now) {
    const facts = [
      ['Verdict', verdictText(e)], ['Sessions', [`${e.sessions}${e.tried ? `, and ${e.tried} that nobody has answered` : ''}`]],
      ['Carried', [`${bytes(e.bytes)} in ${plural(e.packets, 'packet')}, both ways`]],
      ['Last seen', [ago(e.seen, now)]], ['Egress rule', [e.ruleOut || '—']], ['Ingress rule', [e.ruleIn || '—']],
    ];
    if (e.reason) facts.push(['Reason', [e.reason]]);
    if (e.policies) facts.push(['Isolated by', [e.policies]]);
    const flows = make('div', {}, make('p', { class: 'dim' }, 'Reading flows…')), why = make('div', { id: 'why' });
    const button = make('button', { id: 'explain', type: 'button', disabled: true }, 'Explain');
    this.open(
      make('h2', {}, `${title(e.from)} → ${title(e.to)}`, ' ', make('span', { class: 'dim' }, port(e))),
      make('p', {}, this.link(e.from), ' · ', this.link(e.to)),
      make('dl', {}, ...facts.flatMap(([k, v]) => [make('dt', {}, k), make('dd', {}, ...v)])),
      make('h3', {}, 'Why'), button, why, make('h3', {}, 'Flows'), flows,
    );
    this.readFlows(e, window, now, flows, button, why);
  }

  link(n) {
    return make('button', { class: 'link', type: 'button', on: { click: () => this.go.node(n) } }, title(n));
  }

  async readFlows(e, window, now, into, button, why) {
    const round = this.round;
    let list;
    try {
      list = await ask('flows', { from: e.from.id, to: e.to.id, proto: e.proto, port: e.port, window });
    } catch (error) {
      into.replaceChildren(make('p', {}, `Cannot read flows: ${error.message}`));
      return;
    }
    if (round !== this.round) return;
    const shown = list.slice(0, FLOWS_SHOWN).map((f) => this.flowRow(f, now));
    into.replaceChildren(make('ul', { id: 'flows' }, ...shown), ...andMore(list.length, shown.length));
    const question = this.questionOf(e, list);
    button.disabled = !question;
    if (!question) why.replaceChildren(make('p', { class: 'dim' }, 'Only what begins or ends at a pod, at a port or as an ICMP echo, can be explained.'));
    button.addEventListener('click', () => this.explain(question, button, why));
  }

  flowRow(f, now) {
    const end = (name, addr, p) => `${name ? `${name} ` : ''}${addr.includes(':') ? `[${addr}]` : addr}${p ? `:${p}` : ''}`;
    const words = { session: 'is-allowed', allowed: 'is-allowed', denied: 'is-denied', audited: 'is-audited' };
    const more = f.verdict === 'session'
      ? `${f.state}, ${bytes(f.bytes)} in ${plural(f.packets, 'packet')}` : `at ${f.at}${f.reason ? `, ${f.reason}` : ''}`;
    return make('li', {}, make('span', { class: words[f.verdict] }, f.verdict), ` ${end(f.src_name, f.src, f.src_port)} → ${end(f.dst_name, f.dst, f.dst_port)}`,
      make('div', { class: 'dim' }, `${more}, ${ago(f.seen_ms, now)}${f.node ? `, node ${f.node}` : ''}`));
  }

  // The ends of one flow, as `bulkheadctl explain` wants them: a pod's name, else an address.
  questionOf(e, list) {
    const isPod = (name) => /^[^'\s]+\/[^'\s]+$/.test(name);
    const what = e.port ? `${e.port}/${e.proto.toLowerCase()}` : e.proto.startsWith('ICMP') ? 'icmp' : '';
    if (!['TCP', 'UDP', 'SCTP', 'ICMP', 'ICMPv6'].includes(e.proto) || !what) return null;
    const f = list.find((x) => isPod(x.src_name) || isPod(x.dst_name));
    return f ? { src: isPod(f.src_name) ? f.src_name : f.src, dst: isPod(f.dst_name) ? f.dst_name : f.dst, port: what } : null;
  }

  async explain(question, button, why) {
    const round = this.round;
    button.disabled = true;
    why.replaceChildren(make('p', { class: 'dim' }, 'Asking the nodes…'));
    let parts;
    try {
      const answer = await askSlow('explain', question);
      parts = [answer.text && make('pre', {}, answer.text), answer.said && make('pre', {}, answer.said)].filter(Boolean);
      parts.unshift(make('p', { class: 'dim' }, `bulkheadctl explain ${question.src} ${question.dst} ${question.port}`));
    } catch (error) {
      parts = [make('p', {}, `Cannot explain: ${error.message}`)];
    }
    if (round !== this.round) return;
    why.replaceChildren(...parts);
    button.disabled = false;
  }
}

const EXAMPLE = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]`;

// "shop/web, shop/api and 398 more". A peer of several addresses is one name, so beyond these addresses are counted.
function endsOf(p) {
  const pods = p.pods_n - p.pods.length, peers = p.peers_more;
  return [p.pods.join(', ') + (pods > 0 ? ` and ${pods.toLocaleString('en')} more` : ''), p.direction === 'ingress' ? '←' : '→',
    p.peers.join(', ') + (peers > 0 ? ` and more: ${p.peers_n.toLocaleString('en')} addresses and blocks` : '')].join(' ');
}

// "TCP 80, UDP 53", "any but TCP 80"; what has all ports is its protocol alone.
function portsOf(change) {
  const words = (list) => list.map((x) => `${/^\d|-/.test(x.proto) ? 'protocols ' : ''}${x.proto}${x.ports === 'any' ? '' : ` ${x.ports}`}`).join(', ');
  return change.but.length ? `any but ${words(change.but)}` : words(change.ports);
}

// The rule that decides, or who isolates the pod.
function because(change, when) {
  const rule = change[`${when}_rule`], by = change[`${when}_isolated_by`].join(', ');
  if (rule) return ` (${rule})`;
  if (change[when] === 'allowed') return by ? ` (allowed by ${by}, in mode Audit)` : ' (nobody isolates it)';
  return by ? ` (isolated by ${by})` : '';
}

// A policy is tried: what it would change, and nothing of it is applied.
export class Trial {
  constructor(panel, dataNow, show) {
    this.panel = panel;
    this.dataNow = dataNow;
    this.show = show;   // edges that would change
    this.text = '';
  }

  open() {
    const text = make('textarea', { id: 'policy', value: this.text, placeholder: EXAMPLE, rows: 14, spellcheck: false, ariaLabel: 'Policies as YAML or JSON' });
    const button = make('button', { id: 'try', type: 'button' }, 'Simulate'), result = make('div', { id: 'tried' });
    text.addEventListener('input', () => { this.text = text.value; });
    button.addEventListener('click', () => this.run(button, result));
    this.panel.open(
      make('h2', {}, 'Try a policy'),
      make('p', { class: 'dim' }, 'One or more, as YAML or JSON. It is held against what is in force and against live sessions; nothing of it is applied.'),
      text, make('p', {}, button), result,
    );
    text.focus();
  }

  async run(button, result) {
    const round = this.panel.round;
    button.disabled = true;
    result.replaceChildren(make('p', { class: 'dim' }, 'Asking the nodes…'));
    const size = new Blob([this.text]).size;
    let parts;
    try {
      if (size > POLICY_MAX) throw new Error(`the policies have ${size} bytes, and at most ${POLICY_MAX} are taken`);
      const answer = await askSlow('simulate', {}, this.text), changes = readChanges(answer, this.dataNow());
      if (round !== this.panel.round) return;
      this.show(changes);
      parts = [answer.said && make('pre', {}, answer.said), ...(answer.summary ? this.parts(answer, changes) : [])].filter(Boolean);
    } catch (error) {
      parts = [make('p', {}, `Cannot simulate: ${error.message}`)];
    }
    if (round !== this.panel.round) return;
    result.replaceChildren(...parts);
    button.disabled = false;
  }

  parts(answer, changes) {
    const s = answer.summary, class_ = { denied: 'is-denied', audited: 'is-audited', allowed: 'is-allowed' };
    const list = (name, rows, n, ...more) => (rows.length ? [make('h3', {}, `${name} (${n})`), make('ul', {}, ...rows), ...more] : []);
    const sessions = changes.slice(0, ROWS).map((e) => make('li', {}, `${title(e.from)} → ${title(e.to)} `, make('b', {}, port(e)), ' would be ',
      make('span', { class: class_[e.would] }, e.would), make('span', { class: 'dim' }, ` · ${plural(e.sessions + e.tried, 'session')}`)));
    const pair = (c) => make('div', { class: 'dim' }, `${portsOf(c)}: ${c.was}${because(c, 'was')} → `, make('span', { class: class_[c.is] }, c.is), because(c, 'is'));
    const pairs = answer.pairs.map((p) => make('li', {}, endsOf(p), ...p.changes.map(pair), ...andMore(p.changes.length + p.changes_more, p.changes.length)));
    const missing = s.complete === false ? 'Incomplete: an agent ran out of memory over it, so it may change more than is told here.'
      : answer.code === PARTIAL ? 'Some nodes have not answered: it is of the others alone.' : '';
    return [
      make('p', {}, `${s.added} added, ${s.replaced} replaced, ${s.deleted} deleted; of ${plural(s.sessions, 'live session')} ${s.sessions_denied} would be cut. Nothing has been applied.`),
      ...(missing ? [make('p', { class: 'is-denied' }, missing)] : []),
      ...answer.problems.map((p) => make('p', { class: 'is-denied' }, `Not understood: ${p.policy}: ${p.path} ${p.text}`)),
      ...list('Connections that would change', sessions, changes.length, ...andMore(changes.length, sessions.length)),
      ...list('Pods and peers', pairs, answer.pairs_n, ...andMore(answer.pairs_n, pairs.length)),
      ...(changes.length || pairs.length || missing ? [] : [make('p', {}, 'It would change nothing.')]),
    ];
  }
}

export class Table {
  constructor(body, more, go) {
    this.body = body;
    this.more = more;
    this.go = go;
    this.shown = ROWS;
    more.addEventListener('click', () => { this.shown += ROWS; this.draw(); });
  }

  set(edges, now, fresh) {
    this.edges = [...edges].sort(busiest);
    this.now = now;
    if (fresh) this.shown = ROWS;
    this.draw();
  }

  draw() {
    const at = document.activeElement && document.activeElement.dataset.key;
    const rows = this.edges.slice(0, this.shown).map((e) => this.row(e));
    this.body.replaceChildren(...rows);
    this.more.hidden = this.edges.length <= this.shown;
    this.more.textContent = `Show more of ${this.edges.length.toLocaleString('en')}`;
    if (at) for (const b of this.body.querySelectorAll('button')) if (b.dataset.key === at) { b.focus(); break; }
  }

  row(e) {
    const open = make('button', { class: 'link', type: 'button', on: { click: () => this.go.edge(e) } }, title(e.from));
    open.dataset.key = e.key;
    return make('tr', {}, make('td', {}, open), make('td', {}, title(e.to)), make('td', {}, port(e)), make('td', {}, ...verdictText(e)),
      make('td', { class: 'number' }, `${e.sessions}`), make('td', { class: 'number' }, e.sessions ? bytes(e.bytes) : ''), make('td', { class: 'number' }, e.denied ? `${e.denied}` : ''),
      make('td', {}, rules(e)), make('td', {}, ago(e.seen, this.now)));
  }
}
