"""A page whose troubles are written down."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe

HARMLESS = "Failed to load resource: the server responded with a status of"
"""What the browser says of every answer that is no success; the page shows those in words."""
REPORT_VIOLATIONS = """addEventListener("securitypolicyviolation", (event) =>
    console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`))"""
COUNT_SHIFTS = """window.shift = 0; new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
}).observe({type: "layout-shift", buffered: true})"""

BEYOND = """() => {
    const {scrollWidth, clientWidth} = document.documentElement;
    if (scrollWidth <= clientWidth) return [];
    const isBeyond = (one) => one.checkVisibility() && one.getBoundingClientRect().right > clientWidth + 1;
    return [...document.querySelectorAll("main *, header *")].filter(isBeyond).map((one) => one.outerHTML.slice(0, 99));
}"""


class Watched:
    """`page` is playwright's; `trouble` is what it should not have done."""

    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        self.url = url
        self.trouble: list[str] = []
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.trouble.append(f"uncaught: {error}"))
        page.on("request", self._on_request)
        page.add_init_script(REPORT_VIOLATIONS)
        page.add_init_script(COUNT_SHIFTS)

    def _on_console(self, message: Any) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(HARMLESS):
            self.trouble.append(f"{message.type}: {message.text}")

    def _on_request(self, request: Any) -> None:
        if urlsplit(request.url).netloc != urlsplit(self.url).netloc:
            self.trouble.append(f"asked {request.url}")

    def go(self, address: str = "") -> None:
        """To `address`, which begins with #, from scratch."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.url}/{address}")

    def visit(self, model: str, tab: str) -> None:
        """Another model, on the same page."""
        self.page.evaluate("address => (location.hash = address)", f"#/{model}/{tab}")
        self.find("h1").get_by_text(model, exact=True).wait_for()

    def button(self, name: str) -> Any:
        return self.page.get_by_role("button", name=name).filter(visible=True)

    def tab(self, name: str) -> Any:
        return self.page.get_by_role("tab", name=name)

    def field(self, name: str) -> Any:
        return self.page.get_by_label(name, exact=True).filter(visible=True)

    def find(self, selector: str) -> Any:
        """What is to be seen of it."""
        return self.page.locator(selector).filter(visible=True)

    def text(self, text: str) -> Any:
        return self.page.get_by_text(text).filter(visible=True)

    def ask(self, name: str, answer: str) -> Any:
        """Press a button; the element of its answer, once it is there."""
        self.button(name).click()
        found = self.find(answer).first
        found.wait_for()
        return found

    def open_all(self) -> None:
        """Everything that is folded."""
        folded = self.find("details:not([open]) > summary")
        while folded.count():
            folded.first.click()

    def violations(self) -> list[str]:
        """What axe-core finds wrong."""
        found = Axe().run(self.page).response["violations"]
        return [f"{one['id']}: {node['html']}: {node['failureSummary']}" for one in found for node in one["nodes"]]

    def beyond_the_edge(self) -> list[str]:
        """What makes the page scroll sideways; nothing where it does not."""
        return self.page.evaluate(BEYOND)
