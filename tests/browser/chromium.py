"""A real browser: Chromium without a window, driven by selenium, with a profile that nobody used before.

Rules kept here: browser and driver are those that TEST_CHROMIUM and TEST_CHROMEDRIVER name (``scripts/services.py``
finds or fetches them), so nothing is looked for or downloaded; the browser speaks to this machine alone.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

WAIT_SECONDS = 30

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
    "--window-size=1280,1600",
)  # fmt: skip

FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{root}/usr/share/fonts</dir><cachedir>{cache}</cachedir></fontconfig>
"""
"""Where the browser of the private folder finds its fonts."""


@dataclass(frozen=True)
class Exchange:
    """A request that the browser sent, and the status of the answer if there was one."""

    method: str
    url: str
    headers: dict[str, str]
    status: int | None


@dataclass
class Browser:
    """One window of the browser."""

    driver: Chrome
    downloads: Path

    def open(self, url: str) -> None:
        """Go to an address and wait for the page to load."""
        self.driver.get(url)

    def find(self, selector: str) -> WebElement:
        """The first element that a CSS selector names."""
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def find_all(self, selector: str) -> list[WebElement]:
        """All elements that a CSS selector names."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def fill(self, **fields: str) -> None:
        """Write into fields of a form, by name, as a person does; what stood there goes."""
        for name, value in fields.items():
            element = self.find(f"#content [name='{name}']")
            if element.tag_name == "select":
                Select(element).select_by_value(value)
                continue
            element.clear()
            element.send_keys(value)

    def submit(self, selector: str) -> None:
        """Click on what sends a form, and wait for the page that follows."""
        page = self.find("html")
        self.find(selector).click()
        WebDriverWait(self.driver, WAIT_SECONDS).until(lambda _driver: self._follows(page))

    def _follows(self, page: WebElement) -> bool:
        ready = self.driver.execute_script("return document.readyState") == "complete"
        return ready and self.find("html") != page

    def downloaded(self, name: str) -> bytes:
        """The octets of a file that the browser saves, once it is whole."""
        path = self.downloads / name
        WebDriverWait(self.driver, WAIT_SECONDS).until(lambda _driver: path.exists())
        return path.read_bytes()

    def complaints(self) -> list[str]:
        """What the console says went wrong since it was last asked."""
        entries: list[dict[str, Any]] = self.driver.get_log("browser")
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    def exchanges(self) -> list[Exchange]:
        """What was sent and answered since this was last asked, preflights among it."""
        sent: dict[str, dict[str, Any]] = {}
        answered: dict[str, int] = {}
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            parameters = message["params"]
            if message["method"] == "Network.requestWillBeSent":
                sent[parameters["requestId"]] = parameters["request"]
            elif message["method"] == "Network.responseReceived":
                answered[parameters["requestId"]] = parameters["response"]["status"]
        return [
            Exchange(request["method"], request["url"], request["headers"], answered.get(key))
            for key, request in sent.items()
        ]


def surroundings(folder: Path) -> dict[str, str]:
    """The environment of browser and driver: a home of their own; libraries and fonts of the private folder if they
    come from there."""
    variables = {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_CACHE_HOME": str(folder)}
    if libraries := os.environ.get("TEST_BROWSER_LIBRARY_PATH"):
        variables["LD_LIBRARY_PATH"] = libraries
    if root := os.environ.get("TEST_BROWSER_FONTS"):
        (folder / "fonts.conf").write_text(FONTS.format(root=root, cache=folder / "fonts"))
        variables["FONTCONFIG_FILE"] = str(folder / "fonts.conf")
    return variables


@contextlib.contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """A browser with a new profile in the folder, for the time of a block."""
    binary, driver = os.environ.get("TEST_CHROMIUM"), os.environ.get("TEST_CHROMEDRIVER")
    if not binary or not driver:
        missing = os.environ.get("TEST_BROWSER_MISSING", "TEST_CHROMIUM names none, see `make test-all`")
        pytest.skip(f"no browser: {missing}")
    downloads = folder / "downloads"
    downloads.mkdir()
    options = ChromeOptions()
    options.binary_location = binary
    for flag in (*FLAGS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = Service(executable_path=driver, env=surroundings(folder), log_output=str(folder / "driver.log"))
    running = Chrome(options=options, service=service)
    try:
        running.set_page_load_timeout(WAIT_SECONDS)
        running.set_script_timeout(WAIT_SECONDS)
        yield Browser(running, downloads)
    finally:
        running.quit()
