"""A report opened in a browser: what it does while it opens, and what it shows at any threshold."""

from typing import NamedTuple

from playwright.sync_api import Browser, Page

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


class Opened(NamedTuple):
    """A page and what it did while it opened."""

    page: Page
    problems: list[str]
    requests: list[str]


def visit(
    browser: Browser, address: str, *, scripts: bool = True, width: int = 1280, **options
) -> Opened:
    page = browser.new_page(
        java_script_enabled=scripts, viewport={"width": width, "height": 900}, **options
    )
    opened = Opened(page, [], [])
    page.on("console", lambda message: opened.problems.append(message.text))
    page.on("pageerror", lambda error: opened.problems.append(str(error)))
    page.on("dialog", lambda dialog: opened.problems.append(dialog.message))
    page.on("request", lambda request: opened.requests.append(request.url))
    page.set_default_timeout(0)  # a slow machine is no fault of the page
    page.goto(address)
    return opened


SHOWN = """async asked => {
  const field = document.querySelector(".control [name=limit]");
  const texts = (of, what) => [...of.querySelectorAll(what)].map(each => each.textContent);
  const found = [];
  for (const [axis, limit] of asked) {
    const radio = document.querySelector(`.control [value=${axis}]`);
    if (!radio.checked) radio.click();
    field.value = limit;
    field.dispatchEvent(new Event("change"));
    await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
    found.push({
      said: texts(document, ".control .said"),
      limit: field.value,
      summary: texts(document, "[data-live=first], [data-live=where], [data-live=largest]"),
      shares: texts(document, "[data-live=share], [data-live=share-untrained]"),
      sites: [...document.querySelectorAll("section.site")].map(site => ({
        said: texts(site, "[data-live=said]"),
        caption: texts(site, "[data-live=caption]"),
        types: [...site.querySelectorAll("[data-live=types] tbody tr")]
          .map(row => texts(row, "td")),
        bars: [...site.querySelectorAll("[data-live=shares] .choice")]
          .map(each => each.getAttribute("aria-label")),
        maps: [...site.querySelectorAll("[data-live=maps] svg.chart")]
          .map(map => [...map.querySelectorAll(".cell")].map(each => each.dataset.tip)),
        nothing: texts(site, "[data-live=maps] .nothing"),
        graphs: texts(site, "[data-live=graphs]"),
      })),
    });
  }
  return found;
}"""
"""Asks a page for thresholds, pairs of an axis and a number, and returns what it shows of each."""


def shown_at(page: Page, asked: list[tuple[str, float]]) -> list[dict]:
    found: list[dict] = page.evaluate(SHOWN, asked)
    return found
