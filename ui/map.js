// SPDX-License-Identifier: Apache-2.0
// The map on its canvas. What is drawn is drawn once, into a picture beside the screen; moving it shows that
// picture elsewhere or larger at once, and it is drawn anew when the hand rests. Small maps are drawn each time.
import { CHIP } from './layout.js';
import { plural, title } from './data.js';

const SMALL = 1500;         // lines that can be drawn in every frame
const REST_MS = 90;
const NAMES_FROM = 0.42;    // scale from which names can be read
const ARROWS_FROM = 0.25;
const OVERVIEW = 0.28;      // below it a large map shows boxes and what goes between them
const LINES = { allowed: [], denied: [9, 6], audited: [2, 5] };
const ORDER = ['allowed', 'audited', 'denied'];  // the last one is on top
const NEAR = 7;             // pixels between a click and its line
const STEPS = 14;

// A line between two chips: leaves to the right, arrives from the left; between columns that lie the other way
// it goes round by its own side.
function curveOf(a, b, offset) {
  const aw = a.width || CHIP.width, bw = b.width || CHIP.width;
  const ay = a.y + (a.height || CHIP.height) / 2 + offset, by = b.y + (b.height || CHIP.height) / 2 + offset;
  const bendOver = (gap) => Math.min(aw, Math.max(24, gap / 2));
  if (a === b) {
    const x = a.x + aw;
    return [x, ay - 5, x + 46, ay - 34, x + 46, ay + 34, x, ay + 5];
  }
  if (b.x >= a.x + aw) {
    const bend = bendOver(b.x - a.x - aw);
    return [a.x + aw, ay, a.x + aw + bend, ay, b.x - bend, by, b.x, by];
  }
  if (a.x < b.x + bw) {
    const x = Math.max(a.x + aw, b.x + bw), bend = Math.min(aw * 0.6, 26 + Math.abs(ay - by) / 5);
    return [a.x + aw, ay, x + bend, ay, x + bend, by, b.x + bw, by];
  }
  const bend = bendOver(a.x - b.x - bw);
  return [a.x, ay, a.x - bend, ay, b.x + bw + bend, by, b.x + bw, by];
}

function pointAt(c, t) {
  const u = 1 - t, k0 = u * u * u, k1 = 3 * u * u * t, k2 = 3 * u * t * t, k3 = t * t * t;
  return [k0 * c[0] + k1 * c[2] + k2 * c[4] + k3 * c[6], k0 * c[1] + k1 * c[3] + k2 * c[5] + k3 * c[7]];
}

function distance(c, x, y) {
  let best = Infinity, [px, py] = pointAt(c, 0);
  for (let i = 1; i <= STEPS; i++) {
    const [qx, qy] = pointAt(c, i / STEPS), dx = qx - px, dy = qy - py;
    const t = Math.max(0, Math.min(1, ((x - px) * dx + (y - py) * dy) / (dx * dx + dy * dy || 1)));
    best = Math.min(best, Math.hypot(x - px - t * dx, y - py - t * dy));
    px = qx; py = qy;
  }
  return best;
}

// One line for all ports between two workloads, for each verdict; or between two boxes, of all in them.
function makeLines(edges, places, boxes) {
  const lines = new Map(), apart = boxes ? 60 : 6;
  for (const e of edges) {
    const a = places.get(e.from.id), b = places.get(e.to.id);
    if (!a || !b || (boxes && a.group === b.group)) continue;
    for (const verdict of e.verdicts) {
      const key = boxes ? `${a.group.name}\n${b.group.name}\n${verdict}` : `${e.from.index} ${e.to.index} ${verdict}`;
      let line = lines.get(key);
      if (!line) lines.set(key, line = { from: e.from, to: e.to, verdict, edges: [], bytes: 0, a: boxes ? a.group : a, b: boxes ? b.group : b, boxes });
      line.edges.push(e);
      line.bytes += e.bytes;
    }
  }
  const list = [...lines.values()];
  for (const line of list) {
    line.curve = curveOf(line.a, line.b, { allowed: 0, denied: apart, audited: -apart }[line.verdict]);
    const xs = [0, 2, 4, 6].map((i) => line.curve[i]), ys = [1, 3, 5, 7].map((i) => line.curve[i]);
    line.box = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
    line.width = line.verdict === 'allowed' ? 1.3 + Math.min(2, Math.floor(Math.log10(line.bytes + 1) / 3)) : 2.6;
  }
  return list;
}

export class GraphMap {
  constructor(canvas, tip, on) {
    this.canvas = canvas;
    this.tip = tip;
    this.on = on; // { node, line, none, focus }
    this.paper = canvas.getContext('2d');
    this.scene = document.createElement('canvas');
    this.view = { x: 0, y: 0, k: 1 };
    this.drawn = null;      // the view that the scene shows
    this.lines = [];        // between workloads
    this.between = [];      // between boxes
    this.changed = [];      // edges that a policy would change
    this.changes = [];
    this.plan = { groups: [], places: new Map(), width: 1, height: 1 };
    this.selected = null;   // { node } or { from, to }
    this.focused = null;    // a workload's id
    this.listen();
    this.resize();
  }

  // ---- what there is -----------------------------------------------------------------------------

  set(plan, edges, fit) {
    this.plan = plan;
    this.lines = makeLines(edges, plan.places);
    this.between = makeLines(edges, plan.places, true);
    this.changes = makeLines(this.changed, plan.places);
    for (const g of plan.groups) g.counts = { allowed: 0, denied: 0, audited: 0 };
    for (const e of edges) for (const v of e.verdicts) plan.places.get(e.to.id).group.counts[v]++;
    this.drawn = null;
    if (fit) this.fit();
    this.later();
  }

  // What would be otherwise: shown over all that is. Empty: nothing.
  setChanges(edges) {
    this.changed = edges;
    this.changes = makeLines(edges, this.plan.places);
    this.drawn = null;
    this.later();
  }

  select(what) {
    this.selected = what;
    this.drawn = null;
    this.later();
  }

  resize() {
    this.tip.hidden = true; // what it is about is elsewhere now
    const box = this.canvas.getBoundingClientRect();
    this.ratio = window.devicePixelRatio || 1;
    this.width = Math.max(1, box.width);
    this.height = Math.max(1, box.height);
    for (const c of [this.canvas, this.scene]) {
      c.width = Math.round(this.width * this.ratio);
      c.height = Math.round(this.height * this.ratio);
    }
    this.readColours();
    this.drawn = null;
    if (this.fitted) this.fit();
    this.later();
  }

  readColours() {
    const style = getComputedStyle(document.documentElement);
    this.colour = {};
    for (const name of ['back', 'front', 'dim', 'box', 'box-line', 'chip', 'chip-line', 'allowed', 'denied', 'audited', 'focus'])
      this.colour[name] = style.getPropertyValue(`--${name}`).trim();
    this.drawn = null;
  }

  // ---- the view ----------------------------------------------------------------------------------

  fit() {
    const k = Math.min((this.width - 40) / this.plan.width, (this.height - 40) / this.plan.height, 1.35);
    this.view = { k, x: (this.width - this.plan.width * k) / 2, y: (this.height - this.plan.height * k) / 2 };
    this.fitted = true;
    this.drawn = null;
    this.later();
  }

  zoom(factor, x = this.width / 2, y = this.height / 2) {
    const k = Math.min(4, Math.max(0.02, this.view.k * factor)), f = k / this.view.k;
    this.view = { k, x: x - (x - this.view.x) * f, y: y - (y - this.view.y) * f };
    this.moved();
  }

  pan(dx, dy) {
    this.view = { ...this.view, x: this.view.x + dx, y: this.view.y + dy };
    this.moved();
  }

  moved() {
    this.movedAt = performance.now();
    this.fitted = false;
    this.later();
  }

  show(place) {
    const x = (place.x + CHIP.width / 2) * this.view.k + this.view.x, y = (place.y + CHIP.height / 2) * this.view.k + this.view.y;
    const dx = x < 90 ? 90 - x : x > this.width - 90 ? this.width - 90 - x : 0;
    const dy = y < 50 ? 50 - y : y > this.height - 50 ? this.height - 50 - y : 0;
    if (dx || dy) this.pan(dx, dy);
  }

  toWorld(x, y) {
    return [(x - this.view.x) / this.view.k, (y - this.view.y) / this.view.k];
  }

  get isMoving() {
    return !!this.down || performance.now() - (this.movedAt || -Infinity) < 4 * REST_MS;
  }

  get far() {
    return this.view.k < OVERVIEW && this.lines.length > SMALL && !this.selected;
  }

  // ---- frames ------------------------------------------------------------------------------------

  later() {
    if (!this.waiting) this.waiting = requestAnimationFrame(() => { this.waiting = 0; this.frame(); });
  }

  frame() {
    const resting = performance.now() - (this.movedAt || 0) > REST_MS;
    const same = this.drawn && this.drawn.x === this.view.x && this.drawn.y === this.view.y && this.drawn.k === this.view.k;
    if (!same && (resting || !this.drawn || this.lines.length <= SMALL)) this.render();
    this.blit();
    this.mark();
    if (!same && !resting && this.lines.length > SMALL) this.later();
  }

  // The picture that is there, as it would be seen from here.
  blit() {
    const p = this.paper, k = this.view.k / this.drawn.k, r = this.ratio;
    p.setTransform(1, 0, 0, 1, 0, 0);
    p.fillStyle = this.colour.back;
    p.fillRect(0, 0, this.canvas.width, this.canvas.height);
    p.imageSmoothingEnabled = k !== 1;
    p.setTransform(k, 0, 0, k, (this.view.x - this.drawn.x * k) * r, (this.view.y - this.drawn.y * k) * r);
    p.drawImage(this.scene, 0, 0);
  }

  // What follows the pointer and the keys is not in the picture.
  mark() {
    const p = this.paper, place = this.focused && this.plan.places.get(this.focused);
    this.toScreen(p);
    if (this.hover && this.hover.line) this.stroke(p, this.hover.line, 2.5);
    if (!place) return;
    p.strokeStyle = this.colour.focus;
    p.lineWidth = 3 / Math.min(1, this.view.k);
    p.setLineDash([]);
    p.strokeRect(place.x - 4, place.y - 4, CHIP.width + 8, CHIP.height + 8);
  }

  toScreen(p) {
    const r = this.ratio;
    p.setTransform(this.view.k * r, 0, 0, this.view.k * r, this.view.x * r, this.view.y * r);
  }

  render() {
    const p = this.scene.getContext('2d');
    p.setTransform(1, 0, 0, 1, 0, 0);
    p.globalAlpha = 1;
    p.fillStyle = this.colour.back;
    p.fillRect(0, 0, this.scene.width, this.scene.height);
    this.toScreen(p);
    const [x0, y0] = this.toWorld(0, 0), [x1, y1] = this.toWorld(this.width, this.height);
    this.window = [x0, y0, x1, y1];
    this.drawBoxes(p);
    this.drawLines(p, this.far ? this.between : this.lines);
    if (this.far) { this.drawBoxes(p, 0.82); this.drawSums(p); this.toScreen(p); }
    this.drawChanges(p);
    if (!this.far) { this.drawChips(p); this.drawTitles(p); }
    this.drawn = { ...this.view };
  }

  sees(x0, y0, x1, y1) {
    const w = this.window;
    return x1 >= w[0] && x0 <= w[2] && y1 >= w[1] && y0 <= w[3];
  }

  // ---- parts of the picture ----------------------------------------------------------------------

  drawBoxes(p, alpha = 1) {
    p.globalAlpha = alpha;
    p.fillStyle = this.colour.box;
    p.strokeStyle = this.colour['box-line'];
    p.lineWidth = 1.2 / Math.min(1, this.view.k);
    p.setLineDash([]);
    p.beginPath();
    for (const g of this.plan.groups)
      if (this.sees(g.x, g.y, g.x + g.width, g.y + g.height)) p.roundRect(g.x, g.y, g.width, g.height, 12);
    p.fill();
    p.globalAlpha = 1;
    p.stroke();
  }

  isLit(line) {
    const s = this.selected;
    return !s || (s.node ? line.from.id === s.node || line.to.id === s.node : line.from.id === s.from && line.to.id === s.to);
  }

  // Those of one verdict, one width and one light in one stroke: that is what makes many of them quick.
  drawLines(p, all) {
    const bundles = new Map();
    for (const line of all) {
      if (!this.sees(...line.box)) continue;
      const key = `${this.isLit(line) ? 1 : 0} ${ORDER.indexOf(line.verdict)} ${line.width}`;
      if (!bundles.has(key)) bundles.set(key, []);
      bundles.get(key).push(line);
    }
    const thin = 1 / Math.max(0.4, Math.min(1, this.view.k));
    for (const key of [...bundles.keys()].sort()) {
      const lines = bundles.get(key), lit = key[0] === '1', first = lines[0];
      const crowd = first.verdict === 'allowed' ? Math.max(0.16, Math.min(0.85, 22 / Math.sqrt(lines.length + 1))) : first.boxes ? 0.5 : 0.9;
      p.globalAlpha = lit ? (this.selected ? 0.95 : crowd) : 0.07;
      p.strokeStyle = p.fillStyle = this.colour[first.verdict];
      p.lineWidth = first.width * thin;
      p.setLineDash(LINES[first.verdict].map((d) => d * thin));
      p.beginPath();
      for (const { curve: c } of lines) { p.moveTo(c[0], c[1]); p.bezierCurveTo(c[2], c[3], c[4], c[5], c[6], c[7]); }
      p.stroke();
      if (lit && lines.length <= SMALL && this.view.k > ARROWS_FROM) this.drawEnds(p, lines, thin);
    }
    p.globalAlpha = 1;
    p.setLineDash([]);
  }

  // As it would be, on a wide band that nothing else has.
  drawChanges(p) {
    const thin = 1 / Math.max(0.4, Math.min(1, this.view.k));
    for (const line of this.changes) {
      const c = line.curve;
      p.setLineDash([]);
      p.globalAlpha = 0.45;
      p.lineWidth = 11 * thin;
      p.strokeStyle = this.colour.focus;
      p.beginPath();
      p.moveTo(c[0], c[1]);
      p.bezierCurveTo(c[2], c[3], c[4], c[5], c[6], c[7]);
      p.stroke();
      this.stroke(p, line, 1);
      p.fillStyle = this.colour[line.verdict];
      this.drawEnds(p, [line], thin);
    }
    p.setLineDash([]);
  }

  // An arrow at whom is called; a cross or a ring where it was stopped.
  drawEnds(p, lines, thin) {
    const size = 7 * thin;
    p.setLineDash([]);
    p.beginPath();
    for (const { curve: c } of lines) {
      const angle = Math.atan2(c[7] - c[5], c[6] - c[4]);
      p.moveTo(c[6], c[7]);
      p.lineTo(c[6] - size * Math.cos(angle - 0.45), c[7] - size * Math.sin(angle - 0.45));
      p.lineTo(c[6] - size * Math.cos(angle + 0.45), c[7] - size * Math.sin(angle + 0.45));
      p.closePath();
    }
    p.fill();
    if (lines[0].verdict === 'allowed') return;
    p.lineWidth = 2.4 * thin;
    p.fillStyle = this.colour.box;
    for (const { curve, verdict } of lines) {
      const [x, y] = pointAt(curve, 0.5), r = 5.5 * thin;
      p.beginPath();
      p.arc(x, y, r * 1.5, 0, 7);
      p.fill();
      p.beginPath();
      if (verdict === 'denied') { p.moveTo(x - r, y - r); p.lineTo(x + r, y + r); p.moveTo(x + r, y - r); p.lineTo(x - r, y + r); }
      else p.arc(x, y, r, 0, 7);
      p.stroke();
    }
  }

  drawChips(p) {
    const near = this.near();
    const names = this.view.k >= NAMES_FROM;
    p.lineWidth = 1 / Math.min(1, this.view.k);
    p.strokeStyle = this.colour['chip-line'];
    p.font = '13px system-ui, "DejaVu Sans", sans-serif';
    p.textBaseline = 'middle';
    p.textAlign = 'center';
    for (const lit of [false, true]) {
      const places = [...this.plan.places.values()].filter((c) =>
        (!near || near.has(c.node.id)) === lit && this.sees(c.x, c.y, c.x + CHIP.width, c.y + CHIP.height));
      p.globalAlpha = lit ? 1 : 0.3;
      p.fillStyle = this.colour.chip;
      p.beginPath();
      for (const c of places) this.chipPath(p, c);
      p.fill();
      p.stroke();
      p.fillStyle = this.colour.front;
      if (names) for (const c of places) p.fillText(this.nameOf(p, c), c.x + CHIP.width / 2, c.y + CHIP.height / 2 + 1, CHIP.width - 10);
    }
    p.globalAlpha = 1;
  }

  // Services have slanted sides, what is outside round ones.
  chipPath(p, c) {
    const w = CHIP.width, h = CHIP.height;
    if (c.node.kind === 'Service') {
      p.moveTo(c.x + 9, c.y); p.lineTo(c.x + w, c.y); p.lineTo(c.x + w - 9, c.y + h); p.lineTo(c.x, c.y + h); p.closePath();
    } else {
      p.roundRect(c.x, c.y, w, h, c.node.ns ? 6 : h / 2);
    }
  }

  // Cut once, and kept.
  nameOf(p, c) {
    if (c.label) return c.label;
    let text = c.name + (c.node.pods > 1 ? ` ×${c.node.pods}` : '');
    if (p.measureText(text).width > CHIP.width - 12) {
      while (text.length > 4 && p.measureText(`${text}…`).width > CHIP.width - 12) text = text.slice(0, -1);
      text += '…';
    }
    return c.label = text;
  }

  drawTitles(p) {
    const r = this.ratio;
    p.setTransform(r, 0, 0, r, 0, 0);
    p.font = '600 13px system-ui, "DejaVu Sans", sans-serif';
    p.textBaseline = 'top';
    p.textAlign = 'left';
    p.fillStyle = this.colour.dim;
    for (const g of this.plan.groups) {
      const x = g.x * this.view.k + this.view.x, y = g.y * this.view.k + this.view.y, width = g.width * this.view.k;
      if (width < 44 || !this.sees(g.x, g.y, g.x + g.width, g.y + g.height)) continue;
      p.save();
      p.beginPath();
      p.rect(x, y, width - 6, 26);
      p.clip();
      p.fillText(g.name, x + 10, y + Math.max(2, Math.min(11, 11 * this.view.k)));
      p.restore();
    }
  }

  // From afar: a box's name, how many are in it, and what comes to them.
  drawSums(p) {
    const r = this.ratio, signs = { allowed: '→', denied: '×', audited: '○' };
    p.setTransform(r, 0, 0, r, 0, 0);
    p.textBaseline = 'middle';
    p.textAlign = 'center';
    for (const g of this.plan.groups) {
      const x = (g.x + g.width / 2) * this.view.k + this.view.x, y = (g.y + g.height / 2) * this.view.k + this.view.y;
      const width = g.width * this.view.k - 8, height = g.height * this.view.k, parts = ORDER.filter((v) => g.counts[v]);
      if (width < 30 || !this.sees(g.x, g.y, g.x + g.width, g.y + g.height)) continue;
      p.fillStyle = this.colour.front;
      p.font = '600 13px system-ui, "DejaVu Sans", sans-serif';
      p.fillText(g.name, x, y - (height > 50 ? 18 : 0), width);
      if (height <= 50) continue;
      p.fillStyle = this.colour.dim;
      p.font = '12px system-ui, "DejaVu Sans", sans-serif';
      p.fillText(`${g.places.length} workload${g.places.length === 1 ? '' : 's'}`, x, y, width);
      parts.forEach((v, i) => {
        p.fillStyle = this.colour[v];
        p.fillText(`${signs[v]} ${g.counts[v]}`, x + (i - (parts.length - 1) / 2) * width / 3, y + 18, width / 3 - 2);
      });
    }
  }

  stroke(p, line, more) {
    const c = line.curve;
    p.strokeStyle = this.colour[line.verdict];
    p.globalAlpha = 1;
    p.lineWidth = (line.width + more) / Math.max(0.3, Math.min(1, this.view.k));
    p.setLineDash(LINES[line.verdict]);
    p.beginPath();
    p.moveTo(c[0], c[1]);
    p.bezierCurveTo(c[2], c[3], c[4], c[5], c[6], c[7]);
    p.stroke();
  }

  // The workloads that a selection is about; null: all.
  near() {
    const s = this.selected;
    if (!s) return null;
    if (!s.node) return new Set([s.from, s.to]);
    const ids = new Set([s.node]);
    for (const line of this.lines) if (this.isLit(line)) ids.add(line.from.id).add(line.to.id);
    return ids;
  }

  // ---- pointer -----------------------------------------------------------------------------------

  at(x, y) {
    const [wx, wy] = this.toWorld(x, y), reach = NEAR / this.view.k;
    if (this.far) {
      for (const g of this.plan.groups) if (wx >= g.x && wx <= g.x + g.width && wy >= g.y && wy <= g.y + g.height) return { group: g };
      return this.nearest(this.between, wx, wy, reach);
    }
    for (const c of this.plan.places.values())
      if (wx >= c.x && wx <= c.x + CHIP.width && wy >= c.y && wy <= c.y + CHIP.height) return { place: c };
    return this.nearest(this.lines, wx, wy, reach);
  }

  nearest(lines, wx, wy, reach) {
    let best = null, least = reach;
    for (const line of lines) {
      const b = line.box;
      if (wx < b[0] - reach || wx > b[2] + reach || wy < b[1] - reach || wy > b[3] + reach || !this.isLit(line)) continue;
      const d = distance(line.curve, wx, wy) - (line.verdict === 'allowed' ? 0 : 1 / this.view.k);
      if (d < least) { least = d; best = line; }
    }
    return best ? { line: best } : null;
  }

  listen() {
    const c = this.canvas;
    c.addEventListener('pointerdown', (e) => { this.down = { x: e.offsetX, y: e.offsetY, moved: false }; c.setPointerCapture(e.pointerId); });
    c.addEventListener('pointermove', (e) => this.onMove(e));
    c.addEventListener('pointerup', (e) => this.onUp(e));
    c.addEventListener('pointercancel', () => { this.down = null; c.classList.remove('moving'); });
    c.addEventListener('pointerleave', () => this.setHover(null));
    c.addEventListener('wheel', (e) => {
      e.preventDefault();
      this.zoom(Math.exp(-e.deltaY * (e.deltaMode ? 0.05 : 0.0016)), e.offsetX, e.offsetY);
    }, { passive: false });
    c.addEventListener('keydown', (e) => this.onKey(e));
    c.addEventListener('blur', () => { this.focused = null; this.later(); });
    new ResizeObserver(() => this.resize()).observe(c);
    window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { this.readColours(); this.later(); });
  }

  onMove(e) {
    if (!this.down) { this.setHover(this.at(e.offsetX, e.offsetY), e.offsetX, e.offsetY); return; }
    const dx = e.offsetX - this.down.x, dy = e.offsetY - this.down.y;
    if (!this.down.moved && Math.hypot(dx, dy) < 4) return;
    this.down = { x: e.offsetX, y: e.offsetY, moved: true };
    this.canvas.classList.add('moving');
    this.setHover(null);
    this.pan(dx, dy);
  }

  onUp(e) {
    const was = this.down;
    this.down = null;
    this.canvas.classList.remove('moving');
    if (!was || was.moved) return;
    const hit = this.at(e.offsetX, e.offsetY);
    if (!hit) this.on.none();
    else if (hit.group) this.enter(hit.group);
    else if (hit.place) this.on.node(hit.place.node);
    else this.on.line(hit.line);
  }

  // A box fills the map.
  enter(g) {
    const k = Math.min((this.width - 80) / g.width, (this.height - 60) / g.height, 1.2);
    this.view = { k, x: (this.width - g.width * k) / 2 - g.x * k, y: (this.height - g.height * k) / 2 - g.y * k };
    this.fitted = false;
    this.drawn = null;
    this.later();
  }

  setHover(hit, x, y) {
    if (!hit && !this.hover) return;
    this.hover = hit;
    this.canvas.classList.toggle('over', !!hit);
    this.tip.hidden = !hit;
    if (hit) {
      const l = hit.line;
      this.tip.textContent = l ? this.words(l) : hit.group ? `${hit.group.name}: click to enter` : title(hit.place.node);
      this.tip.style.left = `${Math.min(x + 14, this.width - 200)}px`;
      this.tip.style.top = `${y + 16}px`;
    }
    this.later();
  }

  words(l) {
    const ports = [...new Set(l.edges.map((e) => e.port || e.proto))].slice(0, 8).join(', ');
    return l.boxes ? `${l.a.name} → ${l.b.name}\n${l.verdict}: ${plural(l.edges.length, 'connection')}` : `${title(l.from)} → ${title(l.to)}\n${l.verdict}: ${ports}`;
  }

  // ---- keys --------------------------------------------------------------------------------------

  onKey(e) {
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (arrows[e.key]) this.walk(...arrows[e.key]);
    else if (e.key === 'Enter' && this.focused && this.plan.places.has(this.focused)) this.on.node(this.plan.places.get(this.focused).node, true);
    else if (e.key === '+' || e.key === '=') this.zoom(1.3);
    else if (e.key === '-') this.zoom(1 / 1.3);
    else return;
    e.preventDefault();
  }

  // The nearest one on that side; what lies straight ahead is nearer than what lies aside.
  walk(dx, dy) {
    const from = this.plan.places.get(this.focused);
    let best = from ? null : this.plan.places.values().next().value, least = Infinity;
    for (const c of from ? this.plan.places.values() : []) {
      const ahead = (c.x - from.x) * dx + (c.y - from.y) * dy, aside = Math.abs((c.x - from.x) * dy) + Math.abs((c.y - from.y) * dx);
      if (ahead > 1 && ahead + 2.5 * aside < least) { least = ahead + 2.5 * aside; best = c; }
    }
    if (!best) return;
    this.focused = best.node.id;
    this.show(best);
    this.on.focus(best.node);
    this.later();
  }
}
