"""YAML to plain data, with the line of every key and item, and nothing that surprises.

YAML does much that a configuration must not: `no` is false, `010` is eight, `1e3` is text, a key
given twice silently wins, and aliases make a kilobyte into gigabytes. This reader builds its data
from the parser's events, so that it holds each of these against the file instead of obeying it:
plain values that YAML 1.1 and 1.2 read differently are refused, as are duplicate keys, aliases,
anchors, tags and second documents. Keys are text, always. The number of nodes and their depth are
bounded, and nothing recurses, so that no file can make it run for long or end in another error.

Lists come out as tuples. No I/O, no clock.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import yaml

from monitor.config.faults import KeyPath

Value = None | bool | int | float | str | tuple["Value", ...] | dict[str, "Value"]

MAX_DEPTH: Final = 24
MAX_NODES: Final = 100_000
# Where libyaml is there, it reads a megabyte in a tenth of the time.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})", re.ASCII)
_DECIMAL: Final = re.compile(r"-?(0|[1-9][0-9]{0,14})\.[0-9]{1,15}", re.ASCII)
_NULLS: Final = frozenset(("", "~", "null", "Null", "NULL"))
_TRUTHS: Final = frozenset(("yes", "no", "on", "off", "y", "n", "true", "false"))
# What one YAML reader takes for a number and the next for text or for another number.
_UNSURE_NUMBER: Final = re.compile(
    r"[-+]?(0[0-9_]+|0[xob][0-9a-f_]+|[0-9][0-9_]*_[0-9_]*|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"
    r"|([0-9][0-9_]*\.?[0-9_]*|\.[0-9_]+)(e[-+]?[0-9]+)?|\.inf|\.nan)",
    re.ASCII | re.IGNORECASE,
)


def is_plain_text(text: str) -> bool:
    """Whether `text` without quotes is that text for every reader of YAML."""
    return not (
        text in _NULLS
        or text.lower() in _TRUTHS
        or _INTEGER.fullmatch(text)
        or _DECIMAL.fullmatch(text)
        or _UNSURE_NUMBER.fullmatch(text)
    )


class DocumentError(Exception):
    """The text is no YAML that can be read further.

    Attributes:
        line: From 1.
        message: What is wrong, and what is allowed.
    """

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


@dataclass(slots=True)
class Document:
    """What a file says.

    Attributes:
        data: The top-level value.
        lines: Line, from 1, of every key and list item by its path.
        faults: Path, line and message of what is wrong in the YAML itself. The data holds the text
            as written at such a path, or the first of two duplicates.
    """

    data: Value = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    faults: list[tuple[KeyPath, int, str]] = field(default_factory=list)

    def line(self, path: KeyPath) -> int:
        """Line of `path`, or of the nearest thing above it that is in the file."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return self.lines.get((), 1)


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not come yet."""

    path: KeyPath
    items: list[Value] | dict[str, Value]
    key: str | None = None
    duplicate: bool = False


# What a configuration that is empty is told to hold.
NEEDED: Final = "a mapping with the key organization is needed"


def read(text: str, needed: str = NEEDED) -> Document:
    """The one document in `text`.

    Args:
        text: YAML.
        needed: What an empty one is told to hold.

    Raises:
        DocumentError: It cannot be parsed, has no document or several, or is too large.
    """
    return _Reader(text, needed).read()


class _Reader:
    """Builds the data from the parser's events."""

    def __init__(self, text: str, needed: str) -> None:
        self._text = text
        self._needed = needed
        self._document = Document()
        self._open: list[_Open] = []
        self._nodes = 0
        self._documents = 0

    def read(self) -> Document:
        for event in _events(self._text):
            assert event.start_mark is not None
            line = event.start_mark.line + 1
            if isinstance(event, yaml.DocumentStartEvent):
                self._documents += 1
                if self._documents > 1:
                    raise DocumentError(line, "has a second document, one is allowed: remove ---")
            elif isinstance(event, yaml.NodeEvent):
                self._node(event, line)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._close(line)
        if self._documents == 0:
            raise DocumentError(1, f"is empty, {self._needed}")
        return self._document

    def _node(self, event: yaml.NodeEvent, line: int) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise DocumentError(line, f"has too many values, {MAX_NODES} at most")
        if self._wants_key():
            self._take_key(event, line)
            return
        path = self._next_path()
        self._document.lines.setdefault(path, line)
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            self._fault(path, line, "uses an anchor or alias, write the value out in each place")
        if isinstance(event, yaml.AliasEvent):
            self._put("")
        elif isinstance(event, yaml.ScalarEvent):
            if event.tag is not None:
                self._fault(path, line, "has a tag, remove the word that begins with !")
            self._put(self._scalar(event, path, line))
        elif isinstance(event, yaml.CollectionStartEvent):
            if event.tag is not None:
                self._fault(path, line, "has a tag, remove the word that begins with !")
            if len(self._open) >= MAX_DEPTH:
                raise DocumentError(line, f"is nested too deeply, {MAX_DEPTH} levels at most")
            is_map = isinstance(event, yaml.MappingStartEvent)
            self._open.append(_Open(path, {} if is_map else []))

    def _wants_key(self) -> bool:
        top = self._open[-1] if self._open else None
        return top is not None and isinstance(top.items, dict) and top.key is None

    def _take_key(self, event: yaml.NodeEvent, line: int) -> None:
        """A key: the text as written. Of two equal ones the first holds."""
        top = self._open[-1]
        if not isinstance(event, yaml.ScalarEvent):
            raise DocumentError(line, "has a key that is no text, write key: value")
        if event.tag is not None or event.anchor is not None:
            self._fault(top.path, line, "has a key with a tag or an anchor, plain text is allowed")
        key = event.value
        assert isinstance(top.items, dict)
        top.key = key
        top.duplicate = key in top.items
        path = (*top.path, key)
        if top.duplicate:
            first = self._document.lines[path]
            self._fault(path, line, f"is given twice, first in line {first}: remove one")
        else:
            self._document.lines.setdefault(path, line)

    def _next_path(self) -> KeyPath:
        if not self._open:
            return ()
        top = self._open[-1]
        step = top.key if isinstance(top.items, dict) else len(top.items)
        assert step is not None
        return (*top.path, step)

    def _put(self, value: Value) -> None:
        if not self._open:
            self._document.data = value
            return
        top = self._open[-1]
        if isinstance(top.items, list):
            top.items.append(value)
            return
        assert top.key is not None
        if not top.duplicate:
            top.items[top.key] = value
        top.key = None

    def _close(self, line: int) -> None:
        closed = self._open.pop()
        if isinstance(closed.items, list):
            self._put(tuple(closed.items))
            return
        assert closed.key is None, line
        self._put(closed.items)

    def _scalar(self, event: yaml.ScalarEvent, path: KeyPath, line: int) -> Value:
        text: str = event.value
        if not event.implicit[0]:  # It is quoted, or has a tag.
            return text
        if text in _NULLS:
            return None
        if text in {"true", "false"}:
            return text == "true"
        if _INTEGER.fullmatch(text):
            return int(text)
        if _DECIMAL.fullmatch(text):
            return float(text)
        if text.lower() in _TRUTHS:
            self._fault(
                path,
                line,
                f"is {text}, which readers of YAML take for different things, "
                "write true or false, or put text in quotes",
            )
        elif _UNSURE_NUMBER.fullmatch(text):
            shown = text if len(text) <= 32 else f"{text[:32]}..."  # noqa: PLR2004
            self._fault(
                path,
                line,
                f"is {shown}, which readers of YAML take for different things, "
                "write a plain number such as 20 or 0.8, or put text in quotes",
            )
        return text

    def _fault(self, path: KeyPath, line: int, message: str) -> None:
        self._document.faults.append((path, line, message))


def _events(text: str) -> Iterator[yaml.Event]:
    """The parser's events.

    Raises:
        DocumentError: Whatever the parser raises on broken text, as one error.
    """
    try:
        yield from yaml.parse(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(str(error.problem or error.context or "cannot be parsed").split())
        line = mark.line + 1 if mark is not None else 1
        raise DocumentError(line, f"is no YAML ({problem}), {_remedy(text, line)}") from error
    except (yaml.YAMLError, ValueError, OverflowError, LookupError) as error:
        # The parsers raise these for characters that no YAML file may contain.
        raise DocumentError(
            1, "is no YAML (a character that is not allowed), printable UTF-8 text is needed"
        ) from error


def _remedy(text: str, line: int) -> str:
    """What to do about a line that cannot be parsed."""
    lines = text.splitlines()
    told = lines[line - 1] if line <= len(lines) else ""
    indent = told[: len(told) - len(told.lstrip())]
    if "\t" in indent:
        return "indent with spaces, tabs are not allowed"
    return "check the indentation, the colons and the quotes here and in the line before"
