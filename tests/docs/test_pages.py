# SPDX-License-Identifier: Apache-2.0
"""What a page points at is there; what it says to type is a command, and runs in a test or says why not."""
import glob
import os
import re
import shlex
import subprocess
import unittest

from pages import ROOT, pages

BUILD = os.path.join(ROOT, os.environ.get("BH_BUILD", "build"))
CTL = os.path.join(BUILD, "bulkheadctl")
MARK = re.compile(r"<!-- (?:runs: (?P<path>\S+)(?: (?P<word>\S+))?|not run: (?P<why>.+)) -->")
# What a line of a plain block does not begin with: that would be a command in a block that is not `sh`.
TYPED = re.compile(r"(\./)?(hack/|make |helm |kubectl (?!bulkhead)|bulkhead-agent |ctr |skopeo )")
PATH = re.compile(r"(agent|bpf|cni-plugin|docs|examples|hack|helm|manifests|tests)/[\w./-]+")
PLACEHOLDER = re.compile(r"[<>|;&].*| #.*|\$\(.*?\)| [0-9]?>.*")


class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pages = pages()

    def setUp(self):
        self.wrong = []

    def tearDown(self):
        if self.wrong:
            self.fail("\n" + "\n".join(self.wrong))

    def blocks(self):
        return [b for page in self.pages.values() for b in page.blocks]

    def test_links(self):
        n = 0
        for page in self.pages.values():
            for where, target in page.links():
                if re.match(r"[a-z]+:", target):
                    continue
                n += 1
                path, _, anchor = target.partition("#")
                path = os.path.normpath(os.path.join(os.path.dirname(page.path), path)) if path else page.path
                if not os.path.exists(os.path.join(ROOT, path)):
                    self.wrong.append(f"{where}: {target}: no such file")
                elif anchor and anchor not in (self.pages[path].anchors if path in self.pages else ()):
                    self.wrong.append(f"{where}: {target}: no such heading")
        self.assertGreater(n, 50)

    def test_files_that_are_named(self):
        for page in self.pages.values():
            for where, code in page.codes():
                if PATH.fullmatch(code) and not os.path.exists(os.path.join(ROOT, code)):
                    self.wrong.append(f"{where}: `{code}` is not there")

    def test_marks(self):
        """What is to be typed has one; the test that it names is there, and has the word that follows."""
        for block in self.blocks():
            mark = MARK.fullmatch(block.before.strip())
            if not block.commands():
                continue
            if not mark:
                self.wrong.append(f"{block}: no line above it says <!-- runs: TEST [WORD] --> or <!-- not run: WHY -->")
            elif mark["path"]:
                path = os.path.join(ROOT, mark["path"])
                if not os.path.isfile(path):
                    self.wrong.append(f"{block}: {mark['path']} is not there")
                elif mark["word"]:
                    with open(path) as f:
                        if not re.search(rf"\b{re.escape(mark['word'])}\b", f.read()):
                            self.wrong.append(f"{block}: {mark['path']} does not have {mark['word']}")

    def test_commands_are_in_blocks_that_say_so(self):
        for block in self.blocks():
            if block.kind == "":
                self.wrong += [f"{block}: `{line}` is typed: say ```sh" for line in block.lines if TYPED.match(line)]

    def said(self):
        """(where, command) of all that is to be typed, in blocks and in text."""
        for page in self.pages.values():
            for block in page.blocks:
                yield from ((str(block), c) for c in block.commands())
            yield from page.codes()

    def parse(self, where, command):
        """Options are read before --help is looked at, and no command at all is answered with all of them."""
        try:
            args = shlex.split(re.sub(r"\$\w+", "1", PLACEHOLDER.sub("", command)))
        except ValueError as e:
            self.wrong.append(f"{where}: `{command}`: {e}")
            return
        args = args[next(i for i, a in enumerate(args) if a in ("bulkheadctl", "bulkhead")) + 1 :]
        args = [re.sub(r"^\[|\]$", "", a) for a in args if a not in ("...", "…")]
        done = subprocess.run([CTL, *args, "--help"], capture_output=True, text=True)
        said = done.stderr.strip().split("\n")[0] or "no such command"
        known = not args or args[0].isupper() or args[0] == "--help" or done.stdout != self.all_commands
        if done.returncode or not known:
            self.wrong.append(f"{where}: `{command}`: {said}")

    def test_bulkheadctl_knows_what_is_typed(self):
        self.all_commands = subprocess.run([CTL, "--help"], capture_output=True, text=True, check=True).stdout
        n = 0
        for where, command in self.said():
            if re.match(r"(hack/\S+ (node \S+|exec) )?(bulkheadctl|kubectl bulkhead)\b", command):
                n += 1
                self.parse(where, command)
        self.assertGreater(n, 50)

    def test_the_agent_knows_what_is_typed(self):
        helps, n = {}, 0
        for where, command in self.said():
            found = re.match(r"bulkhead-agent (?:(chain|node|preflight|probe|retire|run)\b)?(.*)", command)
            if not found:
                continue
            name = found[1] or "run"
            if name not in helps:
                argv = [os.path.join(BUILD, "bulkhead-agent"), name, "--help"]
                helps[name] = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
            for word in re.findall(r"--[a-z-]+\w|^ [a-z]+", found[2].split(" # ")[0]):
                n += 1
                if not re.search(rf"(?<![\w-]){re.escape(word.strip())}(?![\w-])", helps[name]):
                    self.wrong.append(f"{where}: `{command}`: bulkhead-agent {name} --help has no {word.strip()}")
        self.assertGreater(n, 10)

    def test_targets_of_make_are_there(self):
        there, n = set(), 0
        for path in ("Makefile", "tests/tests.mk", *glob.glob("tests/*/rules.mk", root_dir=ROOT)):
            with open(os.path.join(ROOT, path)) as f:
                there.update(*(line.split()[1:] for line in f if line.startswith(".PHONY:")))
        for where, command in self.said():
            for target in re.findall(r"^make ((?:[a-z-]+ ?)*)", re.sub(r" -j\d| #.*", "", command)):
                n += 1
                self.wrong += [f"{where}: `{command}`: there is no target {t}" for t in set(target.split()) - there]
        self.assertGreater(n, 5)

    def test_values_are_there(self):
        """Of the chart, by their names. `status` is also what objects have."""
        values = {code.strip("`") for _, code in self.pages["docs/values.md"].codes()}
        values = {v for v in values if re.fullmatch(r"\w+(\.\w+)+", v)}
        first = {v.split(".")[0] for v in values} - {"status"}
        for page in self.pages.values():
            for where, code in page.codes():
                found = re.match(r"(\w+)(\.\w+)+(?=$|: )", code)
                if found and found[1] in first and found[0] not in values and found[2] not in (".c", ".h", ".sock"):
                    self.wrong.append(f"{where}: `{code}`: helm/bulkhead/values.yaml has no {found[0]}")
