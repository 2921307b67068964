# SPDX-License-Identifier: Apache-2.0
"""The pages of this project, as far as the tests have to understand Markdown: headings, links, blocks, code in text."""
import glob
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GLOBS = ("README.md", "docs/*.md", "helm/bulkhead/README.md", "examples/README.md")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"(`+)(.+?)\1")


class Block:
    """What stands between two fences. @before: the line above it, where a mark would be."""

    def __init__(self, page, number, kind, before):
        self.page, self.number, self.kind, self.before, self.lines = page, number, kind, before, []

    def __str__(self):
        return f"{self.page}:{self.number}"

    def commands(self):
        """What is typed: every line of `sh`, elsewhere what follows a prompt; with continued lines in one."""
        text = "\n".join(self.lines).replace("\\\n", " ")
        if self.kind == "sh":
            return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
        return [command for command, _ in self.asked()]

    def asked(self):
        """(command, what it answers) for each prompt of a plain block."""
        text = "\n".join(self.lines) + "\n"
        return [part.partition("\n")[::2] for part in re.split(r"^\$ ", text, flags=re.M)[1:]]


class Page:
    def __init__(self, path):
        self.path, self.anchors, self.headings, self.blocks, self.text = path, set(), [], [], []
        block, before = None, ""
        with open(os.path.join(ROOT, path)) as f:
            lines = f.read().splitlines()
        for number, line in enumerate(lines, 1):
            fence = re.match(r"( *)```(\w*)$", line)
            if fence and block:
                block = None
            elif fence:
                block, indent = Block(path, number, fence[2], before), len(fence[1])
                self.blocks.append(block)
            elif block:
                block.lines.append(line[indent:])
            else:
                self.text.append((number, line))
                if line.startswith("#"):
                    hashes, text = line.split(" ", 1)
                    self.add_heading(len(hashes), text.strip())
            before = line
        assert not block, f"{block}: is not closed"

    def add_heading(self, level, text):
        """The anchor is what GitHub makes of it."""
        anchor = re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", text).lower()).replace(" ", "-")
        same = [a for a in self.anchors if re.fullmatch(re.escape(anchor) + r"(-\d+)?", a)]
        self.headings.append((level, text))
        self.anchors.add(f"{anchor}-{len(same)}" if anchor in self.anchors else anchor)

    def headings_below(self, text, level):
        """Those of @level in the part of the page that begins with the heading @text."""
        begin = next(i for i, (_, t) in enumerate(self.headings) if t == text)
        found = []
        for other, title in self.headings[begin + 1 :]:
            if other <= self.headings[begin][0]:
                break
            if other == level:
                found.append(title)
        return found

    def links(self):
        for number, line in self.text:
            for target in LINK.findall(CODE.sub("", line)):
                yield f"{self.path}:{number}", target

    def codes(self):
        for number, line in self.text:
            for _, code in CODE.findall(line):
                yield f"{self.path}:{number}", code


MOMENTS = (
    (r"(\d{4}-\d\d-\d\dT)?\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"\bcnitool-\w+", "CONTAINER"),
    (r"\bfe80::[\da-f:]+", "LINK-LOCAL"),
    (r"(?<=:)(3[2-9]|[4-6]\d)\d{3}\b", "PORT"),  # of a client
    (r"\bup \d+ \w+\b", "UP"),
    (r"\b(\d+m)?\d+s$", "AGE"),
    (r"\b\d+h\d+m\b", "LEFT"),
    (r"(?<![\w.])\d+\.\d+\.\d+(-\S+)?(?![\w.])", "VERSION"),
    (r"(\S+, )+\S+ and \d more", "SOME"),
)
NUMBER = r"(?<![\w:/.-])\d+((\.|/)\d+)?(?![\w:/.-])"


def plain(text, numbers=True):
    """Its lines, without what depends on the moment. @numbers: False takes away those that stand alone, too."""
    for pattern, name in (*MOMENTS, *(() if numbers else ((NUMBER, "N"),))):
        text = re.sub(pattern, name, text, flags=re.M)
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def missing(wanted, got):
    """The first line of @wanted that @got does not have. `...` stands for any."""
    return next((w for w in wanted if w != "..." and w not in got), None)


def pages():
    found = sorted(p for g in GLOBS for p in glob.glob(g, root_dir=ROOT))
    return {path: Page(path) for path in found}
