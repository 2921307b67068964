# SPDX-License-Identifier: Apache-2.0
"""What a page of the documentation says that a command answers, held against what it does answer."""
import os
import re
import shlex
import sys

from node import ROOT, eventually

sys.path.insert(0, os.path.join(ROOT, "tests/docs"))
from pages import Page, missing, plain  # noqa: E402


def hold(case, path, answer, before=lambda words: None, numbers=True):
    """Every command of those blocks of page @path that have a mark with the running test is given to @answer(words),
    which returns (exit code, text). The text has all lines of the page, and others only where the page has a line `...`;
    the code is what `echo $?` shows. @before(words) is what happens before each look; @numbers: see plain()."""
    source = os.path.relpath(sys.modules[type(case).__module__].__file__, ROOT)
    mark = f"<!-- runs: {source} {case._testMethodName} -->"
    blocks = [b for b in Page(path).blocks if b.before.strip() == mark]
    case.assertTrue(blocks, f"{path} has no block of {case._testMethodName}")
    for block in blocks:
        code = None
        for command, wanted in block.asked():
            if command == "echo $?":
                case.assertEqual(str(code), wanted.strip(), f"{block}: the exit code")
                continue
            words = shlex.split(command)
            wanted = plain(wanted, numbers)
            wrong = None

            def as_it_says():
                nonlocal code, wrong
                before(words)
                code, text = answer(words)
                got = plain(text, numbers)
                more = missing(got, wanted) if "..." not in wanted else None
                wrong = f"does not say\n  {missing(wanted, got)}\nor says\n  {more}\nwith {code}:\n{text}"
                return (missing(wanted, got) or more) is None

            case.assertTrue(eventually(as_it_says, 5, step=0.3), f"{block}: `{command}` {wrong}")


def yaml_of(path, text):
    """The one YAML block of page @path in which @text is."""
    (found,) = (b for b in Page(path).blocks if b.kind == "yaml" and any(text in line for line in b.lines))
    return "\n".join(found.lines) + "\n"


def without_program(words):
    """`bulkheadctl x`, `kubectl bulkhead x`: x."""
    return words[1 if re.search("bulkhead", words[0]) else 2 :]
