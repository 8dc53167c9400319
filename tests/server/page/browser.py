"""A real Chromium without a window, and what can be asked of a page in it. Debian's chromium, chromium-driver and
python3-selenium; where one is missing, `unavailable` says which."""

import json
import os
import shutil
import time
from urllib.parse import urlsplit

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
except ImportError:
    webdriver = None

CHROMIUM = os.environ.get("SWAN_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = os.environ.get("SWAN_TEST_CHROMEDRIVER") or shutil.which("chromedriver")


def unavailable():
    """Why there is no browser here, or None."""
    if webdriver is None:
        return "python3-selenium is not installed (./dev setup test)"
    if CHROMIUM is None or DRIVER is None:
        return "chromium or chromium-driver is not installed (./dev setup test)"
    return None


class Browser:
    """Waits are for conditions, never for a time."""

    def __init__(self):
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for argument in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "disable-gpu", "window-size=1280,900",
                         "hide-scrollbars", "disable-background-networking", "disable-component-update", "no-first-run",
                         "autoplay-policy=no-user-gesture-required", "lang=en-GB"):
            options.add_argument("--" + argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(service=Service(DRIVER), options=options)
        self.driver.set_script_timeout(10)

    def close(self):
        self.driver.quit()

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def devtools(self, command, **parameters):
        return self.driver.execute_cdp_cmd(command, parameters)

    def until(self, script, *arguments, seconds=8):
        """What the script returns, once that is true."""
        end = time.monotonic() + seconds
        while True:
            value = self.run(script, *arguments)
            if value:
                return value
            if time.monotonic() > end:
                raise AssertionError(f"not within {seconds} s: {script} {arguments}")
            time.sleep(0.02)

    # What there is

    def one(self, selector):
        return self.driver.find_element("css selector", selector)

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def value(self, identity):
        return self.run("return document.getElementById(arguments[0]).value", identity)

    def shown(self, selector):
        return self.run("return document.querySelector(arguments[0])?.checkVisibility() ?? false", selector)

    def focus(self):
        """The element that has it: its id, or its class."""
        return self.run("const e = document.activeElement; return e.id || e.className")

    def until_text(self, selector, part, **options):
        # What is not shown has an innerText too: all of its text.
        return self.until("""const e = document.querySelector(arguments[0]);
                             return e !== null && e.checkVisibility() && e.innerText.includes(arguments[1])""", selector, part,
                          **options)

    def until_shown(self, selector, **options):
        return self.until("return document.querySelector(arguments[0])?.checkVisibility()", selector, **options)

    # What a person does

    def open(self, url):
        self.driver.get(url)
        self.until("return !document.getElementById('generate').disabled || document.querySelector('dialog[open]') !== null")

    def click(self, selector):
        self.one(selector).click()

    def keys(self, *keys):
        """Presses them where the focus is, by their WebDriver codes or as text."""
        actions = webdriver.ActionChains(self.driver, duration=0)
        for key in keys:
            actions.send_keys(key)
        actions.perform()

    def with_control(self, key):
        actions = webdriver.ActionChains(self.driver, duration=0)
        actions.key_down("\ue009").send_keys(key).key_up("\ue009").perform()

    def put(self, identity, value):
        """A setting, as an input method would put it there."""
        self.run("""
            const control = document.getElementById(arguments[0]);
            control.value = arguments[1];
            if (control.value !== String(arguments[1])) throw new Error(`${arguments[0]} does not take ${arguments[1]}`);
            for (const type of ['input', 'change']) control.dispatchEvent(new Event(type, {bubbles: true}));""", identity, str(value))

    def size(self, width, height, phone=False):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        self.devtools("Emulation.setTouchEmulationEnabled", enabled=phone)
        self.until("return innerWidth === arguments[0]", width)

    def media(self, **features):
        self.devtools("Emulation.setEmulatedMedia",
                      features=[{"name": name.replace("_", "-"), "value": value} for name, value in features.items()])

    def usual(self):
        self.devtools("Emulation.clearDeviceMetricsOverride")
        self.devtools("Emulation.setTouchEmulationEnabled", enabled=False)
        self.media()

    # What went on

    def console(self):
        """Errors since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def foreign_requests(self, origin):
        """URLs outside the page and its server that were asked for since the last call; and how many there were in all."""
        urls = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                urls.append(message["params"]["request"]["url"])
        inside = lambda url: url.startswith((origin + "/", "data:", "blob:" + origin, "about:"))
        return [url for url in urls if not inside(url)], len([url for url in urls if urlsplit(url).scheme == "http"])

    def accessible(self):
        """The controls as assistive technology is told of them: [(role, name)]."""
        nodes = self.devtools("Accessibility.getFullAXTree")["nodes"]
        controls = []
        for node in nodes:
            focusable = any(p["name"] == "focusable" and p["value"].get("value") for p in node.get("properties", []))
            role = node.get("role", {}).get("value", "")
            if not node.get("ignored") and focusable and role not in ("RootWebArea", "generic"):
                controls.append((role, node.get("name", {}).get("value", "").strip()))
        return controls
