"""A person at the rating page: what they press, and what they see."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from playwright.sync_api import Page, Request, expect

from bench.image import Pixels
from tests.browser.studies import Study

DRAWN = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
PIXELS = """(index) => {
  const canvas = document.querySelectorAll('.room canvas')[index];
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  let text = '';
  for (let i = 0; i < data.length; i += 8192)
    text += String.fromCharCode(...data.subarray(i, i + 8192));
  return [canvas.height, canvas.width, btoa(text)];
}"""
SELECTS = {"dark": 5, "bright": 4}


class Rater:
    """Drives one tab."""

    def __init__(self, page: Page, study: Study, address: str) -> None:
        self.page, self.study, self.address = page, study, address
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.trials: list[dict[str, Any]] = []
        self._reading = 0  # replies whose text the browser has not handed over yet
        page.on("request", self._note)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda line: line.type == "error" and self.errors.append(line.text))
        page.on("dialog", lambda dialog: dialog.accept())
        page.on("response", self._remember)

    def _note(self, request: Request) -> None:
        self.requests.append(request.url)

    def _remember(self, response: Any) -> None:
        path = urlsplit(response.url).path  # below a path of the proxy's, where there is one
        if path.endswith(("/api/trial", "/api/judgement")) and response.ok:
            self._reading += 1
            reply = response.json()
            self._reading -= 1
            step = reply.get("next", reply)
            if step["state"] == "trial":
                self.trials.append(step)

    # --- moving ---------------------------------------------------------------------------------

    def go(self, token: str) -> None:
        self.page.goto(f"{self.address}/r/{token}")

    def go_from_platform(self, entry: str, number: str) -> None:
        self.page.goto(f"{self.address}/p/{entry}?PROLIFIC_PID={number}")

    def stage(self, name: str) -> None:
        self.page.wait_for_selector(f"html[data-stage={name}]")

    def state(self, *names: str) -> None:
        wanted = ", ".join(f'.judge[data-state="{name}"]' for name in names)
        self.page.wait_for_selector(wanted)

    def begin(self) -> None:
        """Consent, instructions and screen checks, by mouse."""
        self.stage("consent")
        self.page.click("#stage-consent button")
        self.stage("instructions")
        self.page.click("#stage-instructions button")
        self.stage("checks")
        for name, count in SELECTS.items():
            self.page.select_option(f"#seen-{name}", str(count))
        self.page.click("#check-done")
        self.stage("judging")
        self.state("ready")

    def right_key(self) -> str:
        """Return the key of the right answer to a practice trial."""
        self.state("ready")
        return self.study.right(self.trial["trial"]).key

    def practise(self) -> None:
        """Three practice trials, by keyboard."""
        for number in range(1, 4):
            self.answer(self.right_key())
            self.state("feedback")
            self.press("Enter")
            self.state("ready" if number < 3 else "interlude")
        self.press("Enter")
        self.state("ready")

    def reach_judging(self) -> None:
        self.begin()
        self.practise()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def answer(self, key: str) -> None:
        self.state("ready")
        if held := self.page.locator(".wanted").count():  # the reference has to be seen first
            self.page.keyboard.down("r")
        self.page.wait_for_selector("[data-answer]:enabled")
        if held:
            self.page.keyboard.up("r")
        self.press(key, "Enter")

    def answer_and_wait(self, key: str) -> None:
        """Answer a trial that is not the last, and wait for the one after it."""
        count = self.count
        self.answer(key)
        expect(self.page.locator(".count")).not_to_have_text(count)
        self.state("ready")

    # --- seeing ---------------------------------------------------------------------------------

    @property
    def count(self) -> str:
        return self.page.inner_text(".judge .count")

    @property
    def status(self) -> str:
        return self.page.inner_text('[data-part="status"]')

    @property
    def trial(self) -> dict[str, Any]:
        """What the server last said about the trial."""
        while self._reading:
            self.page.wait_for_timeout(10)
        return self.trials[-1]

    def stored(self, slot: str) -> Pixels:
        """Return the database's pixels of a slot of the trial."""
        return self.study.pixels(self.trial["slots"][slot].removeprefix("/s/"))

    def shows(self, expected: Pixels, pane: int = 0) -> bool:
        """Whether a pane's canvas comes to hold these pixels, exactly, within three seconds."""
        for _ in range(30):
            if np.array_equal(self.canvas(pane), expected):
                return True
            self.page.wait_for_timeout(100)
        return False

    def canvas(self, pane: int = 0) -> Pixels:
        """Return the pixels in a pane's canvas, once drawn, (H, W, 3) uint8."""
        self.page.evaluate(DRAWN)
        height, width, data = self.page.evaluate(PIXELS, pane)
        flat = np.frombuffer(base64.b64decode(data), np.uint8)
        return flat.reshape(height, width, 4)[..., :3]
