"""People at the pages as a browser without scripts shows them: they follow links and send forms, and what it costs them is counted.

What a page does not offer can't be pressed, and what a form requires can't be left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx
import pyotp

_VOID = frozenset({"input", "meta", "link", "br", "hr", "img", "use", "path"})
_REDIRECT, _FORBIDDEN = 303, 403


@dataclass(eq=False)
class Node:
    """An element with what is in it; pieces of text are elements without a tag."""

    tag: str
    attrs: dict[str, str]
    above: Node | None = None
    children: list[Node] = field(default_factory=list)
    content: str = ""

    @property
    def text(self) -> str:
        """Return what it says, with single spaces."""
        return " ".join("".join(one.content for one in [self, *self.all()]).split())

    def all(self, *tags: str) -> Iterator[Node]:
        """Return what is in it, in order; with `tags` such elements alone."""
        for child in self.children:
            if not tags or child.tag in tags:
                yield child
            yield from child.all(*tags)

    def around(self, tag: str) -> Node:
        """Return the nearest such element that it is in."""
        node = self.above
        while node is not None and node.tag != tag:
            node = node.above
        assert node is not None, f"‘{self.text}’ is in no {tag}"
        return node


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.top = self._open = Node("page", {})

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs}, self._open)
        self._open.children.append(node)
        if tag not in _VOID:
            self._open = node

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert tag == self._open.tag, f"</{tag}> ends <{self._open.tag}>"
            assert self._open.above is not None
            self._open = self._open.above

    def handle_data(self, data: str) -> None:
        self._open.children.append(Node("", {}, self._open, content=data))


def page_of(html: str) -> Node:
    """Return a page as a tree; AssertionError when its elements are not closed in order."""
    reader = _Reader()
    reader.feed(html)
    return reader.top


@dataclass(slots=True)
class Cost:
    """What an act takes those who do it."""

    clicks: int = 0
    """Links followed, buttons pressed, addresses typed."""
    entries: int = 0
    """Fields filled in, choices made."""
    commands: int = 0
    refusals: int = 0


@dataclass(slots=True)
class Ledger:
    """Every act of some days, with what it cost."""

    lines: list[tuple[int, str, str, Cost]] = field(default_factory=list)
    day: int = 0
    sentences: set[str] = field(default_factory=set)
    """Of the refusals."""

    @contextmanager
    def act(self, what: str, who: str) -> Iterator[None]:
        """Count what follows as one act."""
        self.lines.append((self.day, what, who, Cost()))
        yield

    @property
    def cost(self) -> Cost:
        return self.lines[-1][3]

    def table(self) -> str:
        """Return all of it as a table of a README."""
        numbers = [(cost.clicks, cost.entries, cost.commands, cost.refusals) for *_, cost in self.lines]
        rows = [(day, what, who, *found) for (day, what, who, _), found in zip(self.lines, numbers, strict=True)]
        everything = ("", "all of it", "", *map(sum, zip(*numbers, strict=True)))
        lines = [" | ".join(str(cell) if cell or column == 0 else "" for column, cell in enumerate(row)) for row in (*rows, everything)]
        head = ["| day | act | who | clicks | entries | commands | refusals |", "|---|---|---|---|---|---|---|"]
        return "\n".join([*head, *(f"| {line} |" for line in lines)])


@dataclass
class Someone:
    """One of the staff. Nothing is asked for by an address but what somebody was told, or guesses."""

    name: str
    password: str
    ledger: Ledger
    now: Callable[[], datetime]
    totp: pyotp.TOTP | None = None
    page: Node = field(default_factory=lambda: Node("page", {}))

    @contextmanager
    def sits_down(self, origin: str) -> Iterator[None]:
        """Take a browser in which nobody is signed in."""
        self._cookies: dict[str, str] = {}
        self._url = origin
        with httpx.Client(base_url=origin, trust_env=False, timeout=60) as self.client:
            yield

    def types_address(self, path: str) -> int:
        self.ledger.cost.clicks += 1
        return self._goes("GET", path)

    def looks_again(self) -> None:
        self._goes("GET", self._url)

    def follows(self, link: str, *, beside: str = "") -> None:
        """Follow a link that is called so, in the row of `beside` if given."""
        self.types_address(urljoin(self._url, self._called(link, beside, "a").attrs["href"]))

    def presses(self, button: str, *, beside: str = "") -> None:
        """Send the form whose button is called so, with all that stands in it."""
        self.ledger.cost.clicks += 1
        pressed = self._called(button, beside, "button")
        form = pressed.around("form")
        sent = [pair for node in form.all("input", "textarea", "select") for pair in _sent(node)]
        if "name" in pressed.attrs:
            sent.append((pressed.attrs["name"], pressed.attrs.get("value", "")))
        fields: dict[str, list[str]] = {}
        for name, value in sent:
            fields.setdefault(name, []).append(value)
        self._goes("POST", urljoin(self._url, form.attrs.get("action", self._url)), fields)

    def enters(self, **texts: str) -> None:
        for name, text in texts.items():
            self.ledger.cost.entries += 1
            self._field(name).attrs["value"] = text

    def ticks(self, *labels: str) -> None:
        for label in labels:
            self.ledger.cost.entries += 1
            box = next(self._called(label, "", "label").all("input"))
            if box.attrs["type"] == "radio":
                for other in box.around("form").all("input"):
                    if other.attrs.get("name") == box.attrs["name"]:
                        other.attrs.pop("checked", None)
            box.attrs["checked"] = ""

    def reads(self, text: str, *, beside: str = "") -> None:
        assert text in self._within(beside).text, f"‘{text}’ is not in: {self.page.text}"

    def reads_code(self) -> str:
        return next(node.text for node in self.page.all("p") if "invitation-code" in node.attrs.get("class", ""))

    def is_refused(self, path: str) -> None:
        """Try an address that is not for this role: the page has to say whom to ask, and to lead back."""
        assert self.types_address(path) == _FORBIDDEN, path
        self.ledger.cost.refusals += 1
        self._called("Back to the start", "", "a")
        main = next(self.page.all("main"))
        self.ledger.sentences.add(next(main.all("p")).text)

    def joins(self, *halves: str) -> None:
        """Choose a password with an invitation, and set up the second factor."""
        self.types_address("/join")
        second = {"second": halves[1]} if len(halves) > 1 else {}
        self.enters(name=self.name, invitation=halves[0], password=self.password, **second)
        self.presses("Choose it and sign in")
        self.follows("Set up an authenticator")
        self.presses("Set up an authenticator")
        shown = next(node.text for node in self.page.all("p") if node.attrs.get("class") == "mono")
        self.totp = pyotp.TOTP(shown.replace(" ", ""))
        self.enters(code=self.totp.at(self.now()))
        self.presses("Finish")
        self.follows("Go on")

    def signs_in(self) -> None:
        assert self.totp is not None
        self.types_address("/")
        self.enters(name=self.name, password=self.password, code=self.totp.at(self.now()))
        self.presses("Sign in")
        self.reads(self.name)

    def asks(self, method: str, path: str, **options: object) -> httpx.Response:
        """Ask what a script of the page would."""
        answer = self.client.request(method, path, headers=self._headers({"accept": "application/json"}), **options)  # type: ignore[arg-type]
        self._keep(answer)
        return answer

    def _goes(self, method: str, address: str, fields: Mapping[str, list[str]] | None = None) -> int:
        """Go to a page, by whatever leads there on the way; returns the status."""
        answer = self.client.request(method, address, data=fields, headers=self._headers({"accept": "text/html", "referer": self._url}))
        self._keep(answer)
        if answer.status_code == _REDIRECT:
            return self._goes("GET", urljoin(address, answer.headers["location"]))
        self._url, self.page = str(answer.url), page_of(answer.text)
        return answer.status_code

    def _headers(self, more: Mapping[str, str]) -> dict[str, str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        return {"sec-fetch-site": "same-origin", "cookie": cookies, **more}

    def _keep(self, answer: httpx.Response) -> None:
        """The cookies are marked Secure: httpx would keep them for https."""
        for told in answer.headers.get_list("set-cookie"):
            name, value = told.partition(";")[0].split("=", 1)
            self._cookies[name] = value.strip('"')

    def _within(self, beside: str) -> Node:
        """Return the first row that says `beside`; all of the page without."""
        return next(row for row in self.page.all("tr") if beside in row.text) if beside else self.page

    def _called(self, name: str, beside: str, tag: str) -> Node:
        named = (one for one in self._within(beside).all(tag) if name in (one.text, one.attrs.get("aria-label")))
        found = next(named, None)
        assert found is not None, f"no {tag} ‘{name}’ {beside} at {self._url}: {self.page.text}"
        return found

    def _field(self, name: str) -> Node:
        return next(one for one in self.page.all("input", "textarea", "select") if one.attrs.get("name") == name and _is_open(one))


def _is_open(node: Node) -> bool:
    """Say whether people can write into it."""
    return node.attrs.get("type") != "hidden"


def _sent(node: Node) -> Iterator[tuple[str, str]]:
    """Return what a field sends, as a browser does."""
    name, kind = node.attrs.get("name"), node.attrs.get("type", "")
    if name is None or (kind in ("checkbox", "radio") and "checked" not in node.attrs):
        return
    if node.tag == "select":
        options = [*node.all("option")]
        chosen = next((one for one in options if "selected" in one.attrs), options[0] if options else None)
        value = node.attrs.get("value", "" if chosen is None else chosen.attrs.get("value", chosen.text))
    else:
        value = node.attrs.get("value", node.text if node.tag == "textarea" else "")
    assert value or "required" not in node.attrs, f"{name} is left empty"
    yield name, re.sub(r"\r?\n", "\r\n", value)
