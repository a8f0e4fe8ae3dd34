"""A page in a real browser: Chromium without a screen, driven over a pipe.

Only the standard library: Chromium's DevTools protocol is JSON with a zero byte after each message,
and with `--remote-debugging-pipe` it needs no web socket.

Source: https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import base64
import json
import os
import selectors
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from sightline.errors import MachineError, MissingPackageError, ModelError
from sightline.files import printable

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_SWITCHES = (
    *("--headless", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--remote-debugging-pipe"),
    # A page has no business but with the server that it came from.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
# Chromium does not start as root with its sandbox.
_AS_ROOT = ("--no-sandbox",)
# Chromium reads commands from descriptor 3 and answers on 4.
_THROUGH_PIPES = 'exec "$0" "$@" 3<&0 4>&1 0</dev/null 1>/dev/null'
_SECONDS = 120.0


class Browser:
    """One Chromium with one page.

    Args:
        home: A folder of its own for profile and log.

    Attributes:
        requests: Every address that the page asked for, in order.
        console: What it said on its console as warning or error.

    Raises:
        MissingPackageError: There is no Chromium.
        MachineError: It does not answer.
    """

    def __init__(self, home: Path) -> None:
        found = next(filter(None, map(shutil.which, NAMES)), None)
        if found is None:
            raise MissingPackageError(
                "Chromium is not installed; it is needed to try a page as visitors will see it.",
                expected=f"one of {', '.join(NAMES)} on the PATH",
                fix="sudo apt-get install chromium",
                details={"package": "chromium", "extra": ""},
            )
        self.requests: list[str] = []
        self.console: list[str] = []
        self._home, self._number, self._left = home, 0, b""
        self._session: str | None = None
        switches = (*_SWITCHES, *_AS_ROOT) if os.geteuid() == 0 else _SWITCHES
        words = ("/bin/sh", "-c", _THROUGH_PIPES, found, *switches)
        with open(home / "chromium.log", "wb") as log:
            self._child = subprocess.Popen(
                (*words, f"--user-data-dir={home / 'profile'}", "about:blank"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
                start_new_session=True,
                env={**os.environ, "HOME": str(home)},
            )
        try:
            self._attach()
        except BaseException:
            self.close()
            raise

    def _attach(self) -> None:
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        attached = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """Send one command of the protocol and return its result.

        Raises:
            MachineError: No answer came, or a refusal.
        """
        self._number += 1
        message: dict[str, Any] = {
            "id": self._number,
            "method": method,
            "params": dict(parameters or {}),
        }
        if self._session is not None:
            message["sessionId"] = self._session
        self._write(json.dumps(message).encode() + b"\0")
        end = time.monotonic() + _SECONDS
        while True:
            answer = self._read(end)
            if answer.get("id") != self._number:
                self._note(answer)
            elif "error" in answer:
                raise self._failure(f"{method}: {answer['error'].get('message')}")
            else:
                return answer["result"]

    def open(self, address: str) -> None:
        """Go to a page; its scripts may still be running when this returns."""
        self.call("Page.navigate", {"url": address})

    def evaluate(self, expression: str) -> Any:
        """Return the JSON value of a JavaScript expression; a promise is waited for.

        Raises:
            ModelError: It threw.
            MachineError: No answer came.
        """
        answer = self.call(
            "Runtime.evaluate",
            {"expression": expression, "awaitPromise": True, "returnByValue": True},
        )
        thrown = answer.get("exceptionDetails")
        if thrown is not None:
            told = thrown.get("exception", {}).get("description") or thrown.get("text")
            raise ModelError(
                f"The page failed in Chromium: {printable(str(told)[:300])}",
                expected="a page as `sightline export` wrote it",
                fix="take another copy of the export, or export again",
                code="damaged_model",
            )
        return answer["result"].get("value")

    def screenshot(self, *, width: int, height: int, dark: bool = False) -> bytes:
        """Return a PNG of the page as it is shown in a window of that size, in CSS pixels."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", {"features": [scheme]})
        window = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", window)
        return base64.b64decode(self.call("Page.captureScreenshot", {"format": "png"})["data"])

    def close(self) -> None:
        """End Chromium and all of its processes."""
        with suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()

    def _note(self, event: dict[str, Any]) -> None:
        given = event.get("params", {})
        if event.get("method") == "Network.requestWillBeSent":
            self.requests.append(given["request"]["url"])
        elif event.get("method") == "Log.entryAdded" and given["entry"]["level"] == "error":
            self.console.append(given["entry"]["text"])
        elif event.get("method") == "Runtime.exceptionThrown":
            self.console.append(json.dumps(given["exceptionDetails"])[:500])

    def _write(self, content: bytes) -> None:
        if self._child.stdin is None or self._child.poll() is not None:
            raise self._failure("it ended")
        view = memoryview(content)
        while view:
            try:
                view = view[self._child.stdin.write(view) or 0 :]
            except BrokenPipeError as error:
                raise self._failure("it ended") from error

    def _read(self, end: float) -> dict[str, Any]:
        if self._child.stdout is None:
            raise self._failure("it ended")
        descriptor = self._child.stdout.fileno()
        while b"\0" not in self._left:
            with selectors.DefaultSelector() as selector:
                selector.register(descriptor, selectors.EVENT_READ)
                if not selector.select(max(0.0, end - time.monotonic())):
                    raise self._failure("no answer in time")
            part = os.read(descriptor, 2**16)
            if not part:
                raise self._failure("it ended")
            self._left += part
        message, _, self._left = self._left.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found

    def _failure(self, reason: str) -> MachineError:
        return MachineError(
            f"Chromium does not do what it was asked: {printable(reason)}.",
            expected="a Chromium that starts without a screen",
            fix="try `chromium --headless --dump-dom about:blank` by hand",
            code="chromium",
        )


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine alone, as any static server would; gives its address."""
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()


class WebPage:
    """A `web` folder in Chromium: what a visitor's browser makes of an image file.

    Args:
        browser: Has the page open.
    """

    def __init__(self, browser: Browser) -> None:
        self.browser = browser

    def wait(self) -> None:
        """Wait until the page has loaded its model.

        Raises:
            ModelError: It cannot.
        """
        self._ask("(await page.classifier, true)")

    def check(self) -> dict[str, Any]:
        """Return what the page's own self-check found (`site/classifier.js`)."""
        found: dict[str, Any] = self._ask("await page.checked")
        return found

    def pixels(self, content: bytes) -> np.ndarray:
        """Return the model's pixels for an image file: uint8, flat.

        Raises:
            ModelError: The browser cannot decode it.
        """
        told = self._ask(f"text(await model.pixelsOfFile({_blob(content)}))")
        return np.frombuffer(base64.b64decode(told), np.uint8)

    def probabilities(self, content: bytes) -> np.ndarray:
        """Return float32 (classes,) for an image file.

        Raises:
            ModelError: The browser cannot decode it.
        """
        pixels = f"await model.pixelsOfFile({_blob(content)})"
        return np.array(self._ask(f"(await model.classify({pixels})).probabilities"), np.float32)

    def _ask(self, expression: str) -> Any:
        return self.browser.evaluate(
            "(async () => { const page = await import('./page.js');"
            " const model = await page.classifier;"
            # In parts: a call takes a limited number of arguments.
            " const text = (bytes) => { let letters = '';"
            " for (let at = 0; at < bytes.length; at += 8192)"
            " letters += String.fromCharCode(...bytes.subarray(at, at + 8192));"
            f" return btoa(letters); }}; return {expression}; }})()"
        )


def _blob(content: bytes) -> str:
    text = base64.b64encode(content).decode()
    return f"new Blob([Uint8Array.from(atob('{text}'), (one) => one.charCodeAt(0))])"


@contextmanager
def open_page(folder: Path) -> Iterator[WebPage]:
    """Open a `web` folder in Chromium.

    Raises:
        MissingPackageError: There is no Chromium.
        MachineError: It does not answer.
        ModelError: The page cannot load its model.
    """
    with tempfile.TemporaryDirectory(prefix="sightline-chromium-") as home, served(folder) as root:
        browser = Browser(Path(home))
        try:
            browser.open(root)
            page = WebPage(browser)
            page.wait()
            yield page
        finally:
            browser.close()
