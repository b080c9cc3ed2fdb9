#!/usr/bin/env python3
"""in_browser.py FOLDER [SCREENSHOTS]: the examples in FOLDER that have a page, in a headless Chromium, which is talked to
through its DevTools pipe. Pictures of the pages go into the folder SCREENSHOTS, if it is given."""

import base64
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

PATIENCE = 60  # seconds, for each thing that is waited for


class Server:
    def __init__(self, program, *arguments):
        self.process = subprocess.Popen([program, *arguments], stdout=subprocess.PIPE, text=True)
        self.port = int(re.fullmatch(r"listening on .*:(\d+)\n", self.process.stdout.readline())[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def stop(self):
        self.process.terminate()
        assert self.process.wait() == -signal.SIGTERM


class Browser:
    """Commands are JSON and end with a null byte, and so are the answers and events that come back."""

    def __init__(self, program, profile):
        commands, self.commands = os.pipe()
        self.answers, answers = os.pipe()
        options = ["--headless", "--disable-gpu", "--remote-debugging-pipe", f"--user-data-dir={profile}",
                   "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
        if os.geteuid() == 0:
            options.append("--no-sandbox")
        script = f'exec "$0" "$@" 3<&{commands} 4>&{answers}'
        self.process = subprocess.Popen(["bash", "-c", script, program, *options], pass_fds=(commands, answers),
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(commands)
        os.close(answers)
        self.received = b""
        self.calls = 0

    def call(self, method, session=None, **parameters):
        self.calls += 1
        command = {"id": self.calls, "method": method, "params": parameters}
        if session:
            command["sessionId"] = session
        os.write(self.commands, json.dumps(command).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == self.calls:
                assert "error" not in answer, answer
                return answer["result"]

    def read(self):
        while b"\0" not in self.received:
            piece = os.read(self.answers, 1 << 16)
            assert piece, "the browser has ended"
            self.received += piece
        text, self.received = self.received.split(b"\0", 1)
        return json.loads(text)

    def end(self):
        self.process.kill()
        self.process.wait()


class Page:
    def __init__(self, browser, url):
        self.browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Emulation.setDeviceMetricsOverride", width=800, height=600, deviceScaleFactor=1, mobile=False)
        self.call("Page.navigate", url=url)

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def value(self, expression):
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def until(self, expression):
        end = time.monotonic() + PATIENCE
        while not self.value(expression):
            assert time.monotonic() < end, f"{expression}: {self.value('document.documentElement.outerHTML')}"
            time.sleep(0.05)

    def until_text(self, selector, text):
        self.until(f"[...document.querySelectorAll({selector!r})].some(e => e.textContent == {text!r})")

    def screenshot(self, name):
        if len(sys.argv) > 2:
            data = self.call("Page.captureScreenshot")["data"]
            (pathlib.Path(sys.argv[2]) / name).write_bytes(base64.b64decode(data))


def chat(browser, examples):
    server = Server(examples / "websocket_chat", "--port", "0")
    first, second, elsewhere = [Page(browser, server.url + room) for room in ("/", "/", "/#kitchen")]
    for page in (first, second, elsewhere):
        page.until_text("#state", "connected")
        page.until_text("li", "Somebody came in.")
    first.value("text.value = '<b>Hello</b> from the first'; document.querySelector('form').requestSubmit()")
    second.until_text("li", "<b>Hello</b> from the first")
    second.value("text.value = 'Hello from the second'; document.querySelector('form').requestSubmit()")
    first.until_text("li", "Hello from the second")
    first.screenshot("websocket_chat.png")
    assert "Hello" not in elsewhere.value("messages.textContent")
    server.stop()
    first.until_text("#state", "not connected")


def clock(browser, examples):
    server = Server(examples / "sse_clock", "--port", "0", "--interval", "20")
    page = Page(browser, server.url)
    page.until("tick.textContent > 5")
    page.screenshot("sse_clock.png")
    server.stop()
    page.until_text("#state", "connecting again")
    before = int(page.value("tick.textContent"))
    page.value("first = 0; events.addEventListener('tick', event => first ||= event.data)")
    again = Server(examples / "sse_clock", "--port", str(server.port), "--interval", "20")
    page.until("first")
    assert int(page.value("first")) == before + 1
    again.stop()


def main():
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(program, profile)
        try:
            chat(browser, pathlib.Path(sys.argv[1]))
            clock(browser, pathlib.Path(sys.argv[1]))
        finally:
            browser.end()


main()
