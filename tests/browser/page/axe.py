"""axe-core in a page: what it finds against WCAG 2.2 A and AA."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from playwright.sync_api import Page

_SOURCE = Path(__file__).parents[3] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@cache
def _source() -> str:
    return _SOURCE.read_text()


def violations(page: Page) -> list[str]:
    """Name each rule that the page breaks, and where. The debugger's evaluation, by which axe comes
    into the page, is not bound by the page's policy."""
    page.evaluate(_source())
    found = page.evaluate("tags => axe.run({ runOnly: { type: 'tag', values: tags } })", _TAGS)
    assert found["passes"], "axe found nothing to check"
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
