// SPDX-License-Identifier: Apache-2.0
// The answers of the command, as objects; which of them are wanted; and numbers as people read them.
// Every text in here may have been chosen by a tenant: it is shown as text and nothing else.

const [FROM, TO, PROTO, PORT, SESSIONS, PACKETS, BYTES, DENIED, AUDITED, LOGGED, SEEN, REASON, OUT, IN, POLICIES, TRIED] =
  Array.from({ length: 16 }, (_, i) => i);

export async function ask(path, parameters, body) {
  const query = new URLSearchParams(parameters);
  const answer = await fetch(`api/${path}?${query}`, { cache: 'no-store', ...(body === undefined ? {} : { method: 'POST', body }) });
  if (!answer.ok) throw new Error((await answer.text()).trim() || `status ${answer.status}`);
  return answer.json();
}

// One that takes its time is asked again until it is there. @body: what is sent along.
export async function askSlow(path, parameters, body) {
  for (;;) {
    const answer = await ask(path, parameters, body);
    if (!answer.pending) return answer;
    await new Promise((done) => setTimeout(done, 250));
  }
}

// What a policy would change: edges between workloads that are known here, each with its new verdict.
export function readChanges(answer, data) {
  const known = new Map(data.nodes.map((n) => [n.id, n]));
  const changes = [];
  for (const verdict of ['denied', 'audited', 'allowed']) {
    for (const e of answer[verdict] ? read(answer[verdict]).edges : []) {
      const from = known.get(e.from.id) || e.from, to = known.get(e.to.id) || e.to;
      changes.push({ ...e, from, to, verdicts: [verdict], would: verdict });
    }
  }
  return changes;
}

// What was only tried counts as allowed where nothing says otherwise: the source's own end let it out.
function verdictsOf(e) {
  const list = [];
  if (e.denied) list.push('denied');
  if (e.audited) list.push('audited');
  if (e.sessions || e.logged || !list.length) list.push('allowed');
  return list;
}

export function read(answer) {
  const texts = answer.texts;
  const nodes = answer.workloads.map(([id, ns, name, kind, pods, labels], index) =>
    ({ id, ns, name, kind, pods, labels, index, edges: [], text: `${id}`.toLowerCase() }));
  const edges = answer.edges.map((e) => {
    const edge = {
      from: nodes[e[FROM]], to: nodes[e[TO]], proto: texts[e[PROTO]], port: e[PORT],
      sessions: e[SESSIONS], packets: e[PACKETS], bytes: e[BYTES], denied: e[DENIED], audited: e[AUDITED], logged: e[LOGGED],
      seen: e[SEEN], reason: texts[e[REASON]], ruleOut: texts[e[OUT]], ruleIn: texts[e[IN]], policies: texts[e[POLICIES]], tried: e[TRIED],
    };
    edge.verdicts = verdictsOf(edge);
    edge.key = `${edge.from.id}\n${edge.to.id}\n${edge.proto}\n${edge.port}`;
    edge.from.edges.push(edge);
    if (edge.to !== edge.from) edge.to.edges.push(edge);
    return edge;
  });
  return { ...answer, nodes, edges };
}

// ---- which of them -------------------------------------------------------------------------------

const matchesTerm = {
  ns: (n, v) => n.ns.toLowerCase() === v,
  kind: (n, v) => n.kind.toLowerCase() === v,
};

function readSearch(text) {
  return text.toLowerCase().split(/\s+/).filter(Boolean).map((word) => {
    const colon = word.indexOf(':'), equals = word.indexOf('=');
    const name = word.slice(0, colon);
    if (name === 'port') return { port: word.slice(colon + 1) };
    if (name in matchesTerm && word.length > colon + 1) return { node: (n) => matchesTerm[name](n, word.slice(colon + 1)) };
    if (equals > 0) {
      const key = word.slice(0, equals), value = word.slice(equals + 1);
      return { node: (n) => Object.entries(n.labels).some(([k, v]) => k.toLowerCase() === key && String(v).toLowerCase().startsWith(value)) };
    }
    return { node: (n) => n.text.includes(word) };
  });
}

// What is to be seen: { nodes, edges }. A workload that is meant comes with those it talks to.
export function choose(data, filter) {
  const terms = readSearch(filter.search);
  const ports = terms.filter((t) => t.port !== undefined).map((t) => t.port);
  const tests = terms.filter((t) => t.node).map((t) => t.node);
  if (filter.namespace) tests.push((n) => n.ns === filter.namespace);
  const meant = new Set(data.nodes.filter((n) => tests.every((test) => test(n))));
  const edges = data.edges.filter((e) =>
    e.verdicts.some((v) => filter.verdicts.has(v)) && ports.every((p) => String(e.port) === p) &&
    (!tests.length || meant.has(e.from) || meant.has(e.to)));
  const shown = new Set(ports.length ? [] : meant);
  for (const e of edges) shown.add(e.from).add(e.to);
  return { nodes: data.nodes.filter((n) => shown.has(n)), edges };
}

// ---- words ---------------------------------------------------------------------------------------

export function bytes(n) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let i = 0;
  while (n >= 1000 && i < units.length - 1) { n /= 1000; i++; }
  return `${i && n < 10 ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}

export function ago(ms, now) {
  const s = Math.max(0, Math.round((now - ms) / 1000));
  return s < 5 ? 'now' : s < 120 ? `${s} s ago` : `${Math.round(s / 60)} min ago`;
}

export function port(e) {
  return e.port ? `${e.port}/${e.proto}` : e.proto;
}

export function title(n) {
  return n.kind === 'Service' ? `service ${n.ns}/${n.name}` : n.ns ? `${n.ns}/${n.name}` : n.kind === 'Host' ? `node ${n.name}` : n.name;
}

export function rules(e) {
  const said = [e.ruleOut, e.ruleIn].filter(Boolean);
  if (e.denied || e.audited) {
    const why = e.reason || 'denied';
    return said.length ? `${why}: ${said.join(', ')}` : e.policies ? `${why}: isolated by ${e.policies}` : why;
  }
  return said.length ? said.join(', ') : 'no policy isolates either end';
}

export function plural(n, word) {
  return `${n.toLocaleString('en')} ${word}${n === 1 ? '' : 's'}`;
}
