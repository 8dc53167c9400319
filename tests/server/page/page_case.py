"""What the tests of the page share: one browser for all of them, and what a good page never does."""

import atexit
import pathlib
import re
import unittest

import browser
from stand_in import StandIn

LOOKS = (pathlib.Path(__file__).parent / "looks.js").read_text(encoding="utf-8")
TAB, ENTER, ESCAPE, LEFT, RIGHT = "\ue004", "\ue007", "\ue00c", "\ue012", "\ue014"


class Shared:
    """The browser, started when it is needed first."""

    started = None

    def __getattr__(self, name):
        if Shared.started is None:
            Shared.started = browser.Browser()
            atexit.register(Shared.started.close)
        return getattr(Shared.started, name)


chromium = Shared()


@unittest.skipIf(browser.unavailable() is not None, browser.unavailable())
class PageCase(unittest.TestCase):
    """Opens the page, and sees afterwards that nothing went wrong in it."""

    expected_errors = ()  # what the console may say: regular expressions

    def serve(self, **options):
        server = StandIn(**options)
        self.addCleanup(server.close)
        return server

    def open(self, url):
        chromium.usual()
        chromium.console()
        chromium.foreign_requests(url)
        self.addCleanup(chromium.driver.get, "about:blank")
        chromium.open(url)
        self.url = url

    def finish(self):
        errors = [e for e in chromium.console() if not any(re.search(known, e) for known in self.expected_errors)]
        self.assertEqual(errors, [], "errors in the console")
        foreign, count = chromium.foreign_requests(self.url)
        self.assertEqual(foreign, [], "requests to others than the server")
        self.assertGreater(count, 0, "requests are seen at all")

    def looks(self, function):
        return chromium.run(f"{LOOKS}\nreturn {function}();")

    def generate(self, prompt, **settings):
        chromium.put("prompt", prompt)
        for name, value in settings.items():
            chromium.put(name, value)
        chromium.click("#generate")

    def tiles(self, count, **options):
        chromium.until("return document.querySelectorAll('#gallery .tile').length === arguments[0]", count, **options)

    def cards(self, status):
        return chromium.run("return document.querySelectorAll(`.card[data-status=${arguments[0]}]`).length", status)
