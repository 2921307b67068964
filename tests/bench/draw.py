# SPDX-License-Identifier: Apache-2.0
"""The figures as pictures: horizontal bars from zero, one panel below the other, as SVG by hand. Which benchmark has
one, and where it is kept: PICTURES."""
import os
import re
from xml.sax.saxutils import escape

BAR, GAP, LEFT, WIDTH, RIGHT, HEAD = 13, 4, 330, 420, 60, 54
PANEL_HEAD, PANEL_FOOT = 24, 26
INK, FAINT, GOAL = "#222222", "#d8d8d8", "#c62828"
COLOURS = {"ours": "#1565c0", "floor": "#9e9e9e", "other": "#ef8f2f"}


def machine():
    """What the figures were taken on."""
    with open("/proc/cpuinfo") as f:
        text = f.read()
    model = re.search(r"^model name\s*:\s*(.*)", text, re.M)
    virtual = "virtual, " if re.search(r"^flags.*\bhypervisor\b", text, re.M) else ""
    cores = len(re.findall(r"^processor\s*:", text, re.M))
    return f"Linux {os.uname().release.split('-')[0]}, {model[1] if model else os.uname().machine}, {virtual}{cores} cores"


def step_of(most):
    """A round distance of marks, some five of them."""
    power = 10.0 ** len(str(int(most / 5))) / 10 if most >= 5 else 0.1
    return next(s * power for s in (1, 2, 5, 10, 20) if most / (s * power) <= 6)


def text(x, y, what, anchor="start", size=11, colour=INK, weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}" '
            f'font-weight="{weight}">{escape(what)}</text>')


def line(x, y1, y2, colour, width=1):
    return f'<line x1="{x:.1f}" y1="{y1}" x2="{x:.1f}" y2="{y2}" stroke="{colour}" stroke-width="{width}"/>'


def panel(y, title, bars, unit):
    """(its lines, the y below it). @bars: [(label, value, goal or None, colour)]."""
    top = y + PANEL_HEAD
    bottom = top + len(bars) * (BAR + GAP)
    most = max([v for _, v, _, _ in bars] + [g for _, _, g, _ in bars if g])
    step = step_of(most)
    scale = WIDTH / (most * 1.02)
    out = [text(10, y + 14, title, size=12, weight="bold")]
    for i in range(int(most / step + 1e-9) + 1):
        out.append(line(LEFT + i * step * scale, top - 2, bottom, FAINT))
        out.append(text(LEFT + i * step * scale, bottom + 13, f"{i * step:g}{unit}", "middle", 10))
    for i, (label, value, goal, colour) in enumerate(bars):
        at = top + i * (BAR + GAP)
        out.append(text(LEFT - 6, at + BAR - 3, label, "end"))
        out.append(f'<rect x="{LEFT}" y="{at}" width="{value * scale:.1f}" height="{BAR}" '
                   f'fill="{COLOURS[colour]}"/>')
        out.append(text(LEFT + max(value, goal or 0) * scale + 5, at + BAR - 3, f"{value:.2f}", size=10))
        if goal:
            out.append(line(LEFT + goal * scale, at - 1, at + BAR + 1, GOAL, 2))
    return out, bottom + PANEL_FOOT


def picture(title, note, panels, unit="×"):
    out, y = [], HEAD
    for name, bars in panels:
        lines, y = panel(y, name, bars, unit)
        out += lines
    width = LEFT + WIDTH + RIGHT
    head = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y}" viewBox="0 0 {width} {y}" '
            'font-family="sans-serif">', "<!-- SPDX-License-Identifier: Apache-2.0 -->",
            f'<rect width="{width}" height="{y}" fill="white"/>', text(10, 20, title, size=14, weight="bold"),
            text(10, 38, f"{note} {machine()}.", size=10)]
    return "\n".join([*head, *out, "</svg>", ""])


def goal_of(r):
    return r["goal"] if r.get("goal") and "ratio" in r else None


def wire(rows):
    colour = {"nothing": "floor", "empty": "floor", "tcx": "ours", "clsact": "ours"}
    panels = {}
    for r in rows:
        title, label = r["name"].split(": ", 1)
        panels.setdefault(title, []).append((label, r["ratio"], goal_of(r), colour.get(r["kind"], "other")))
    return picture("Traffic between two pods, as a part of what there is with nothing on the way",
                   "Longer is better; red: the goal.", panels.items())


def datapath(rows):
    ways = [(r["name"], r["ratio"], goal_of(r), "ours" if r["group"] == "path" else "floor") for r in rows
            if r["group"] == "path" or r["name"] in ("empty program", "one look-up in a hash")]
    panels = [("a packet's way through the programs", ways)]
    for way in ("established", "first packet", "denied"):
        panels.append((f"{way}, by how much there is of something", [
            (f"{r['size']:,} {r['thing']}", r["ratio"], None, "ours") for r in rows
            if r["group"] == "scale" and r["name"].startswith(way + ":")]))
    return picture("What a packet costs, as a multiple of an empty program",
                   "Shorter is better; red: the goal.", panels)


PICTURES = {"wire": (wire, "docs/bench-wire.svg"), "datapath": (datapath, "docs/bench-datapath.svg")}


def draw(root, name, rows):
    if name in PICTURES:
        how, path = PICTURES[name]
        with open(os.path.join(root, path), "w") as f:
            f.write(how(rows))
