"""A page as a browser's parser would see it: its elements, and what it would fetch."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"input", "img", "meta", "link", "br", "hr"}
FETCHING = {"src", "srcset", "data", "poster", "action", "formaction", "background", "xlink:href"}


class Reader(HTMLParser):
    """Reads a page, and notes what is not well-formed.

    Attributes:
        elements: Tag and attributes of each, in order.
        faults: What does not fit.
        words: The text outside scripts and styles.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.faults: list[str] = []
        self.words = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        self.faults += [f"<{tag}> is never closed" for tag in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        if len(set(names)) != len(names):
            self.faults.append(f"<{tag}> has an attribute twice")
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.faults.append(f"</{tag}> closes another")

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1] not in ("script", "style"):
            self.words += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]

    @property
    def fetched(self) -> list[str]:
        """Every address that is not part of the page itself."""
        found = [
            value
            for tag, attributes in self.elements
            for name, value in attributes.items()
            if name in FETCHING or (name == "href" and tag in ("a", "link", "use", "image"))
        ]
        return [value for value in found if not value.startswith(("data:image/jpeg;base64,", "#"))]
