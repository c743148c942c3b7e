"""The text that Prometheus reads: escaping, headers, numbers, and families over whole arrays.

A thousand queues are some fifty thousand samples each second. What takes the time elsewhere is
one object per sample and escaping its labels anew at each scrape; so here everything before the
number is made once for a layout of scopes and kept as a template, and a whole array is put into it
by one `%`, in C; floats have been formatted by one call of the JSON encoder before.

The two formats differ in the headers of counters and in the last line alone, so the samples serve
both. Samples are cut into chunks, so that the caller can let the event loop run in between.

Pure: no I/O, no clock.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from monitor.core.snapshot import Scope, ScopeKind, Snapshot
from monitor.core.window import window_label

# Samples in one template. The text of a chunk stays below 128 KiB, above which the allocator maps
# fresh pages for each, which doubles the time of large expositions.
CHUNK: Final = 1_024
# To make the labels of a sample takes as long as to write so many.
_NEW_WEIGHT: Final = 8

# The levels that a standard binds and that are therefore exported with verdicts and bands.
JUDGED: Final = frozenset(
    (ScopeKind.ORGANIZATION, ScopeKind.LEGAL_ENTITY, ScopeKind.CONTRACT, ScopeKind.LINE)
)

Numbers = npt.NDArray[Any]

_ESCAPED: Final = {"\\": r"\\", '"': r"\"", "\n": r"\n"}
# What no parser need accept. U+FFFD is the mark of a replacement and is replaced itself, so that
# two different values never become the same one and collide as series.
_UNSAFE: Final = re.compile('[\\\\"\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffd]')


def escape_label(value: str) -> str:
    """The value as it stands between the quotes of a label, encodable as UTF-8.

    Backslash, quote and newline are escaped as the format says; other control characters and lone
    surrogates, which the format or UTF-8 does not allow, become U+FFFD and four hex digits.
    """
    return _UNSAFE.sub(_replace, value)


def _replace(match: re.Match[str]) -> str:
    character = match.group()
    return _ESCAPED.get(character) or f"\ufffd{ord(character):04x}"


def label_pairs(labels: Mapping[str, str]) -> str:
    """`name="value"` for each label, joined with commas, in the order given."""
    return ",".join([f'{name}="{escape_label(value)}"' for name, value in labels.items()])


@dataclass(frozen=True, slots=True)
class Header:
    """What is said once about a family.

    Attributes:
        name: Name of its samples (of a histogram: without the suffixes).
        type: counter, gauge or histogram.
        help: One sentence.
    """

    name: str
    type: str
    help: str

    def render(self, *, openmetrics: bool) -> bytes:
        """HELP and TYPE; OpenMetrics names the family of a counter without `_total`."""
        name = self.name.removesuffix("_total") if openmetrics else self.name
        text = self.help.replace("\\", r"\\").replace("\n", r"\n")
        return f"# HELP {name} {text}\n# TYPE {name} {self.type}\n".encode()


class Layout:
    """Which scopes and windows the arrays have, and their labels.

    Labels are made when they are first asked for, so that building a layout of ten thousand
    queues does not hold the event loop up.

    Attributes:
        scopes: In row order.
        windows: Labels of the windows, such as `15m`.
        queue_rows: Rows of the queues, shape (queues,).
        line_count: How many pairs of a queue and a line that it serves there are, a queue of no
            line counted as one.
        judged_rows: Rows of the scopes with verdicts and bands, shape (judged,).
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.scopes = snapshot.scopes
        self.windows_ms = snapshot.windows_ms
        self.organization = snapshot.organization
        self.windows = tuple(window_label(window_ms) for window_ms in snapshot.windows_ms)
        self.queue_rows = self._rows(frozenset((ScopeKind.QUEUE,)))
        self.judged_rows = self._rows(JUDGED)
        self.line_count = sum(max(1, len(self.scopes[row].lines)) for row in self.queue_rows)
        self._scope_labels: dict[int, str] = {}
        self._queue_labels: dict[int, str] = {}

    def fits(self, snapshot: Snapshot) -> bool:
        """Whether the snapshot's arrays have this layout."""
        return (
            (snapshot.scopes is self.scopes or snapshot.scopes == self.scopes)
            and snapshot.windows_ms == self.windows_ms
            and snapshot.organization == self.organization
        )

    def scope_labels(self, row: int) -> str:
        """The level and the scope's own labels."""
        labels = self._scope_labels.get(row)
        if labels is None:
            scope = self.scopes[row]
            labels = label_pairs({"scope": str(scope.kind), **scope.labels})
            self._scope_labels[row] = labels
        return labels

    def queue_labels(self, row: int) -> str:
        """The label `queue` alone."""
        labels = self._queue_labels.get(row)
        if labels is None:
            labels = label_pairs({"queue": self.queue_key(self.scopes[row])})
            self._queue_labels[row] = labels
        return labels

    @staticmethod
    def queue_key(scope: Scope) -> str:
        """The key of the queue; empty for calls that reached none."""
        return scope.name.partition("/")[2]

    def _rows(self, kinds: frozenset[ScopeKind]) -> npt.NDArray[np.intp]:
        rows = [row for row, scope in enumerate(self.scopes) if scope.kind in kinds]
        return np.array(rows, dtype=np.intp)


Series = Callable[[Layout], Iterator[str]]
Values = Callable[[Snapshot, Layout], Numbers]


def format_floats(flat: Numbers) -> list[bytes]:
    """Each number of a one-dimensional array as text that reads back as the same number."""
    if not flat.size:
        return []
    texts = msgspec.json.encode(flat.tolist())[1:-1].split(b",")
    # The encoder has written them as null.
    for index in np.flatnonzero(np.isnan(flat)).tolist():
        texts[index] = b"NaN"
    return texts


@dataclass(frozen=True, slots=True)
class ArrayFamily:
    """A family with one sample for each element of an array.

    Attributes:
        header: Its HELP and TYPE.
        series: Name and labels of each sample (`name{labels}`), in the order of the array.
        values: The array, of any shape, read in row-major order.
        places: Where the numbers go, `%d` for integers and `%b` for what `fill` has formatted;
            repeated over the samples, their number divides `CHUNK`.
        fill: A part of the array, flat, to what the places take; a part starts at a multiple of
            `CHUNK`.
    """

    header: Header
    series: Series
    values: Values
    places: tuple[str, ...]
    fill: Callable[[Numbers], list[Any]]


def integer_family(header: Header, series: Series, values: Values) -> ArrayFamily:
    """A family of an array of integers."""
    return ArrayFamily(header, series, values, ("%d",), lambda part: part.tolist())


def float_family(header: Header, series: Series, values: Values) -> ArrayFamily:
    """A family of an array of floats, of which any may be NaN."""
    return ArrayFamily(header, series, values, ("%b",), format_floats)


class FamilyWriter:
    """Writes one family under one layout, keeping everything but the numbers.

    A chunk is kept as one template; chunks are made on first use, in order.
    """

    def __init__(self, family: ArrayFamily, layout: Layout) -> None:
        self.header = family.header
        self._family = family
        self._layout = layout
        self._series = family.series(layout)
        self._templates: list[bytes] = []

    def write(self, snapshot: Snapshot) -> Iterator[tuple[int, bytes]]:
        """The samples in chunks: as how many they count for the time that they took, and lines."""
        flat = np.ravel(self._family.values(snapshot, self._layout))
        for index, start in enumerate(range(0, flat.size, CHUNK)):
            part = flat[start : start + CHUNK]
            weight = part.size
            if index == len(self._templates):
                self._templates.append(self._make_template(part.size))
                weight *= _NEW_WEIGHT
            yield weight, self._templates[index] % tuple(self._family.fill(part))

    def _make_template(self, size: int) -> bytes:
        names = list(islice(self._series, size))
        assert len(names) == size, "the family names as many series as its array has elements"
        places = cycle(self._family.places)
        lines = [
            f"{name.replace('%', '%%')} {place}\n"
            for name, place in zip(names, places, strict=False)
        ]
        return "".join(lines).encode()
