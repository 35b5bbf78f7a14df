"""A strict reader of the page: every tag closed in order, everything inside the file."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser

VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr")
)


class Page(HTMLParser):
    """Raises AssertionError for tags that are not closed in order; collects what tests look at."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: Counter[str] = Counter()
        self.loads: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.drawings: list[dict[str, str | None]] = []
        self.links: list[str] = []
        self.navigation: list[str] = []
        self.scripts = 0
        self.tables: dict[str, list[list[str]]] = {}
        self.words: list[str] = []
        self._table: str | None = None
        self._cell: list[str] | None = None
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        if tag not in VOID:
            self.open.append(tag)
        if "id" in found:
            self.ids[str(found["id"])] += 1
        for name in ("src", "href", "xlink:href", "data", "poster", "srcset", "action"):
            if name in found and tag != "a":
                self.loads.append(str(found[name]))
        if tag == "a":
            self.links.append(str(found.get("href")))
            if "nav" in self.open:
                self.navigation.append(self.links[-1])
        if tag == "img":
            self.images.append(found)
        if tag == "svg":
            self.drawings.append(found)
        self.scripts += tag == "script"
        if tag == "table":
            self._table = found.get("id")
            self.tables[str(self._table)] = []
        if tag == "tr" and self._table:
            self.tables[self._table].append([])
        if tag in ("td", "th") and self._table:
            self._cell = []

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing at {self.getpos()}"
        assert self.open.pop() == tag, f"</{tag}> is out of order at {self.getpos()}"
        if tag in ("td", "th") and self._table and self._cell is not None:
            self.tables[self._table][-1].append(" ".join("".join(self._cell).split()))
            self._cell = None
        if tag == "table":
            self._table = None

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        """Everything a reader reads."""
        return " ".join(" ".join(self.words).split())
