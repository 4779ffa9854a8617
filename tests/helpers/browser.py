"""A page in a headless Chromium, over the pipe of its DevTools protocol: no driver, no packages.

The protocol's commands are listed at https://chromedevtools.github.io/devtools-protocol.
"""

import contextlib
import json
import os
import pathlib
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe")
KEYS = {"Tab": 9, "Enter": 13, "ArrowDown": 40, "ArrowRight": 39}
TYPED = {"Enter": "\r"}  # by keys that do
PATIENCE = 120  # seconds, on a busy machine

# What a reader could not read: texts beyond the window or their boxes, over each other, or too faint.
READABLE = """(() => {
  const faults = [], texts = [];
  const wide = document.documentElement.scrollWidth;
  if (wide > innerWidth) faults.push(`the page is ${wide} pixels wide`);
  const rgb = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const luminance = (colour) => rgb(colour).slice(0, 3).map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if ((rgb(colour)[3] ?? 1) === 1) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  // Boxes that scroll by themselves, also with the keyboard, may hold what is wider than the window.
  const scrolls = (element) => getComputedStyle(element).overflowX === "auto" && element.tabIndex === 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || element.closest("script, style, option, noscript, svg title")) continue;
    if (element.closest("details:not([open]) > :not(summary)")) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const style = getComputedStyle(element), text = node.data.trim().slice(0, 40);
    const [dark, light] = [luminance(style.color), luminance(behind(element))].sort((a, b) => a - b);
    const isLarge = parseFloat(style.fontSize) >= (style.fontWeight >= 700 ? 18.66 : 24);
    const ratio = (light + 0.05) / (dark + 0.05);
    if (ratio < (isLarge ? 3 : 4.5)) faults.push(`"${text}" has a contrast of ${ratio.toFixed(2)}`);
    let isScrolled = false;
    for (let at = element; at && at !== document.body; at = at.parentElement) {
      if (isScrolled = scrolls(at)) break;
      if (getComputedStyle(at).display === "inline" || at instanceof SVGElement) continue;
      if (at.scrollWidth > at.clientWidth + 1) faults.push(`"${text}" leaves its box`);
    }
    for (const box of range.getClientRects()) {
      if (!isScrolled && (box.left < 0 || box.right > innerWidth)) faults.push(`"${text}" leaves the window`);
      texts.push([text, box]);
    }
  }
  for (const select of document.querySelectorAll("select")) {
    const option = select.selectedOptions[0].textContent, style = getComputedStyle(select);
    const context = document.createElement("canvas").getContext("2d");
    context.font = style.font;
    const room = select.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight) - 20;
    if (context.measureText(option).width > room) faults.push(`the choice "${option}" is cut off`);
  }
  texts.forEach(([one, a], i) => texts.slice(i + 1).forEach(([other, b]) => {
    const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (width > 1 && height > 4) faults.push(`"${one}" and "${other}" overlap`);
  }));
  return [...new Set(faults)];
})()"""


class Page:
    """A page; `errors` lists what it wrote to the console as an error or warning, and uncaught exceptions."""

    def __init__(self, requests: int, answers: int):
        self._requests, self._answers, self._unread = requests, answers, b""
        self._number, self._session = 0, {}
        self.errors: list[str] = []
        self._events: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")

    def open(self, path: pathlib.Path, width: int) -> None:
        """Opens a file in a window of some width and waits until it has loaded."""
        self._call(
            "Emulation.setDeviceMetricsOverride", width=width, height=1000, deviceScaleFactor=1, mobile=False
        )
        self._events.clear()
        self._call("Page.navigate", url=path.resolve().as_uri())
        while "Page.loadEventFired" not in self._events:
            self._receive()

    def prefer(self, scheme: str) -> None:
        """Makes pages "light" or "dark", if they can be both."""
        preferred = {"name": "prefers-color-scheme", "value": scheme}
        self._call("Emulation.setEmulatedMedia", features=[preferred])

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, as JSON holds it."""
        answer = self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str, times: int = 1) -> None:
        """Presses one of KEYS, as a keyboard does."""
        for _ in range(times):
            for kind in ("keyDown" if key in TYPED else "rawKeyDown", "keyUp"):
                text = {"text": TYPED[key]} if kind == "keyDown" else {}
                names = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS[key]}
                self._call("Input.dispatchKeyEvent", type=kind, **names, **text)

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters} | self._session
        os.write(self._requests, json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != self._number:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def _receive(self) -> dict[str, Any]:
        """The next answer or event; a message ends with a zero byte."""
        end = time.monotonic() + PATIENCE
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self._answers], [], [], max(0, end - time.monotonic()))
            assert ready, "the browser does not answer"
            read = os.read(self._answers, 2**16)
            assert read, "the browser has ended"
            self._unread += read
        message, self._unread = self._unread.split(b"\0", 1)
        received = json.loads(message)
        event, parameters = received.get("method", ""), received.get("params", {})
        self._events.append(event)
        if event == "Runtime.exceptionThrown":
            self.errors.append(str(parameters["exceptionDetails"]))
        if event == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning", "assert"):
            self.errors.append(str(parameters["args"]))
        if event == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            self.errors.append(parameters["entry"]["text"])
        return received


@contextlib.contextmanager
def open_browser() -> Iterator[Page]:
    """A page of a browser that ends with the context; skips the test where no browser is found."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        pytest.skip(
            f"no browser: none of {', '.join(NAMES)} is installed (on Debian: apt-get install chromium)"
        )
    (read, requests), (answers, write) = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [found, *FLAGS, f"--user-data-dir={profile}"]
        # The protocol's pipe is file descriptors 3 and 4.
        process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{read} 4>&{write}', "bash", *command],
            pass_fds=(read, write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read)
        os.close(write)
        try:
            yield Page(requests, answers)
        finally:
            os.close(requests)
            os.close(answers)
            process.terminate()
            process.wait()
