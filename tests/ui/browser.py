# SPDX-License-Identifier: Apache-2.0
"""A real Chromium without a window, driven by its DevTools protocol over a pair of pipes: no port is open, and
nothing but Python's standard library is needed."""
import base64
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

from node import PATIENCE

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGS = [
    "--headless=new",
    "--no-sandbox",  # the tests are root, in namespaces of their own
    "--remote-debugging-pipe",
    "--no-first-run",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--force-color-profile=srgb",
    "--host-resolver-rules=MAP attacker.example 127.0.0.1",
]
KEYS = {"Enter": 13, "Escape": 27, "Tab": 9, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}


class Browser:
    """One page. ask() is a command of the protocol; js() an expression in the page, waited for."""

    def __init__(self, width=1400, height=860, dark=False):
        self.profile = tempfile.mkdtemp(prefix="bh-chromium-")
        theirs_in, self.out = os.pipe()
        self.into, theirs_out = os.pipe()
        argv = [CHROMIUM, *ARGS, f"--user-data-dir={self.profile}", f"--window-size={width},{height}", "about:blank"]
        if dark:
            argv.insert(1, "--force-dark-mode")

        def descriptors():  # the protocol wants 3 and 4
            a, b = os.dup(theirs_in), os.dup(theirs_out)
            os.dup2(a, 3)
            os.dup2(b, 4)
            os.closerange(5, 64)

        self.process = subprocess.Popen(
            argv, preexec_fn=descriptors, close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, "HOME": self.profile, "XDG_RUNTIME_DIR": self.profile, "TMPDIR": self.profile},
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self.heard, self.n, self.session, self.log = b"", 0, None, []
        target = next(t for t in self.ask("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self.session = self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def close(self):
        os.killpg(self.process.pid, signal.SIGKILL)  # and its helpers
        self.process.wait()
        os.close(self.out)
        os.close(self.into)
        for _ in range(20):  # its helpers write a moment longer
            shutil.rmtree(self.profile, ignore_errors=True)
            if not os.path.exists(self.profile):
                break
            time.sleep(0.05)

    def hear(self, timeout):
        """The next message; None: there is none in time."""
        end = time.monotonic() + timeout
        while b"\0" not in self.heard:
            if not select.select([self.into], [], [], max(0, end - time.monotonic()))[0]:
                return None
            chunk = os.read(self.into, 1 << 20)
            if not chunk:
                raise RuntimeError("Chromium has ended")
            self.heard += chunk
        text, self.heard = self.heard.split(b"\0", 1)
        return json.loads(text)

    def ask(self, method, timeout=30 * PATIENCE, **parameters):
        self.n += 1
        message = {"id": self.n, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.hear(timeout)
            if answer is None:
                raise RuntimeError(f"{method}: no answer in {timeout} s")
            if answer.get("id") == self.n:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.note(answer)

    def note(self, event):
        """What the page complains of: exceptions, errors of the console, what its policy has kept out."""
        p = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            self.log.append(str(p["exceptionDetails"].get("exception", {}).get("description", p)))
        elif event.get("method") == "Log.entryAdded" and p["entry"]["level"] == "error":
            self.log.append(f"{p['entry']['text']} {p['entry'].get('url', '')}")
        elif event.get("method") == "Runtime.consoleAPICalled" and p["type"] == "error":
            self.log.append(str(p["args"]))

    def js(self, expression, timeout=30 * PATIENCE):
        r = self.ask("Runtime.evaluate", timeout, expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in r:
            raise RuntimeError(f"{expression}: {r['exceptionDetails']['exception'].get('description')}")
        return r["result"].get("value")

    def wait(self, expression, timeout=15 * PATIENCE):
        """Until it is true in the page; its value."""
        end = time.monotonic() + timeout
        while True:
            try:
                value = self.js(expression)
            except RuntimeError:  # the page is not that far
                value = None
            if value:
                return value
            if time.monotonic() > end:
                raise AssertionError(f"not in {timeout} s: {expression}; the page said {self.log}")
            time.sleep(0.05)

    def go(self, url):
        return self.ask("Page.navigate", url=url)

    # ---- hands ------------------------------------------------------------------------------------

    def mouse(self, kind, x, y, **more):
        self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def click(self, x, y):
        self.mouse("mouseMoved", x, y)
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, x, y, button="left", clickCount=1)

    def press(self, key):
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        code = KEYS.get(key, ord(key.upper()) if len(key) == 1 else 0)
        down = "keyDown" if text else "rawKeyDown"
        self.ask("Input.dispatchKeyEvent", type=down, key=key, text=text, windowsVirtualKeyCode=code)
        self.ask("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def type(self, text):
        for c in text:
            self.press(c)

    def screenshot(self, path):
        data = self.ask("Page.captureScreenshot", format="png")["data"]
        with open(path, "wb") as f:
            f.write(base64.b64decode(data))
