# SPDX-License-Identifier: Apache-2.0
"""`bulkheadctl ui` and a browser that looks at it: what the classes share."""
import http.client
import json
import os
import subprocess
import urllib.parse

from browser import Browser
from node import BUILD, LOGS

CTL = os.path.join(BUILD, "bulkheadctl")


class Ui:
    """The command; `url` is the link that it prints."""

    def __init__(self, run_dir=None):
        """Without @run_dir: of all nodes, through kubectl."""
        where = ["--run-dir", run_dir] if run_dir else ["--all-nodes"]
        self.process = self.begin([CTL, "ui", "--no-open", *where])
        self.read_link()

    @staticmethod
    def begin(argv, stderr=subprocess.DEVNULL, **kw):
        return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=stderr, text=True, **kw)

    def read_link(self):
        self.url = self.process.stdout.readline().strip()
        parts = urllib.parse.urlsplit(self.url)
        self.host, self.port, self.path = parts.netloc, parts.port, parts.path

    def get(self, path, method="GET", body=None, **headers):
        """(status, headers, body) of a path behind the secret."""
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        conn.request(method, self.path + path if not path.startswith("//") else path[1:], body, headers)
        answer = conn.getresponse()
        with answer:
            result = answer.status, dict(answer.getheaders()), answer.read().decode()
        conn.close()
        return result

    def peak_kb(self):
        """The most memory that it has had: without those that it starts to ask."""
        with open(f"/proc/{self.process.pid}/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmHWM:"))

    def close(self):
        """Its exit code."""
        self.process.terminate()
        self.process.stdout.close()
        return self.process.wait(10)


class Beside(Ui):
    """As the chart's pod has it: uid 0 and no more, and the directory of who only reads, read-only."""

    CONTAINER = (
        'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec setpriv --no-new-privs --bounding-set=-all '
        '--inh-caps=-all "$@" --run-dir="$0"'
    )

    def __init__(self, run_dir, listen):
        argv = ["unshare", "--mount", "sh", "-c", self.CONTAINER, run_dir, CTL, "ui", "--unattended", f"--listen={listen}"]
        env = {**os.environ, "POD_NAMESPACE": "bulkhead", "POD_NAME": "bulkhead-agent-x2v4z"}
        self.process = self.begin(argv, subprocess.PIPE, env=env)


class Page:
    """The page, opened. What is asked of it is asked in the page."""

    def __init__(self, ui, **kw):
        os.makedirs(LOGS, exist_ok=True)
        self.browser = Browser(**kw)
        try:
            self.browser.go(ui.url)
            self.browser.wait("document.body.dataset.loaded === 'yes'")
        except BaseException:
            self.browser.close()
            raise

    def close(self):
        self.browser.close()

    def text(self, selector):
        return self.browser.js(f"document.querySelector({selector!r})?.textContent ?? ''")

    def edges(self):
        """What is chosen to be seen: [(from, to, port, verdicts)]."""
        return self.browser.js(
            "bulkhead.chosen.edges.map((e) => [e.from.id, e.to.id, e.port, e.verdicts.join(' ')]).sort()"
        )

    def point(self, source, to, verdict):
        """Where the line between two is half-way, in the window."""
        return self.browser.js(f"""(() => {{
            const map = bulkhead.map, box = map.canvas.getBoundingClientRect();
            const line = map.lines.find((l) => l.from.id === {source!r} && l.to.id === {to!r} && l.verdict === {verdict!r});
            if (!line) return null;
            const c = line.curve, at = (i) => (c[i] + 3 * c[i + 2] + 3 * c[i + 4] + c[i + 6]) / 8;
            return [at(0) * map.view.k + map.view.x + box.left, at(1) * map.view.k + map.view.y + box.top];
        }})()""")

    def gaps(self, source, to, verdict):
        """How often the line between two is interrupted."""
        return self.browser.js(f"""(async () => {{
            await new Promise(requestAnimationFrame); await new Promise(requestAnimationFrame);
            const map = bulkhead.map, hex = map.colour[{verdict!r}], want = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
            const line = map.lines.find((l) => l.from.id === {source!r} && l.to.id === {to!r} && l.verdict === {verdict!r}), c = line.curve;
            const at = (i, t) => c[i] * (1 - t) ** 3 + 3 * c[i + 2] * t * (1 - t) ** 2 + 3 * c[i + 4] * t * t * (1 - t) + c[i + 6] * t ** 3;
            let gaps = 0, was = true;
            for (let t = 0.15; t <= 0.85; t += 0.002) {{
                const x = at(0, t) * map.view.k + map.view.x, y = at(1, t) * map.view.k + map.view.y;
                const data = map.paper.getImageData(Math.round(x) - 2, Math.round(y) - 2, 5, 5).data;
                let there = false;
                for (let i = 0; i < data.length; i += 4)
                    there ||= want.every((v, k) => Math.abs(data[i + k] - v) < 90);
                gaps += was && !there;
                was = there;
            }}
            return gaps;
        }})()""")

    def choose(self, select, value):
        """An option of a list."""
        self.browser.js(f"(() => {{ const s = document.getElementById({select!r}); s.value = {value!r}; s.dispatchEvent(new Event('change')); }})()")

    def try_policy(self, text):
        """Asks what it would change; the answer comes to #tried."""
        self.browser.js(f"""(() => {{
            document.getElementById('trial').click();
            const policy = document.getElementById('policy');
            policy.value = {json.dumps(text)};
            policy.dispatchEvent(new Event('input'));
            document.getElementById('try').click();
        }})()""")

    def inked(self, x, y, colour, reach=5):
        """How many pixels of the canvas around a point have that colour of the page's."""
        return self.browser.js(f"""(async () => {{
            await new Promise(requestAnimationFrame); await new Promise(requestAnimationFrame);
            const map = bulkhead.map, box = map.canvas.getBoundingClientRect(), n = 2 * {reach} + 1;
            const hex = map.colour[{colour!r}], want = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
            const data = map.paper.getImageData({x} - box.left - {reach}, {y} - box.top - {reach}, n, n).data;
            let count = 0;
            for (let i = 0; i < data.length; i += 4)
                count += want.every((v, k) => Math.abs(data[i + k] - v) < 70);
            return count;
        }})()""")
