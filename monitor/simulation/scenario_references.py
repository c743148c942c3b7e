"""What contradicts what in a scenario file: names that nobody bears, and times out of order.

Works on the plain data, whatever is wrong in it, so that a slip in one section hides none in
another: what is not of the expected form is passed over here, because the model tells of it.

Pure: no I/O, no clock.
"""

from collections.abc import Iterator
from typing import Any, Final

from pydantic import ValidationError

from monitor.config import durations
from monitor.config.faults import KeyPath, key_path
from monitor.config.section import Finding
from monitor.config.wording import choice, quoted
from monitor.simulation.moments import Moment, Start, parse_moment

_Data = dict[str, Any]
_Entry = tuple[KeyPath, _Data]
_UNIQUE: Final = (("queues", "key"), ("sites", "name"), ("contracts", "id"))


def contradictions(data: _Data) -> Iterator[Finding]:
    """Every finding about the data of a scenario file."""
    for section, key in _UNIQUE:
        yield from _repeated(_entries(data, section), key)
    queues = _names(_entries(data, "queues"), "key")
    sites = _entries(data, "sites")
    lines = [line for contract in _entries(data, "contracts") for line in _below(contract, "lines")]
    profiles = data.get("profiles")
    named = list(profiles) if isinstance(profiles, dict) else []
    yield from _unknown(_entries(data, "queues"), "profile", named)
    yield from _unserved(_entries(data, "queues"), lines)
    for path, line in lines:
        for at, queue in enumerate(_tuple(line.get("queues"))):
            if isinstance(queue, str) and queue not in queues:
                yield (*path, "queues", at), f"{choice(queue, queues)}; a pattern is not"
    for site in sites:
        yield from _unknown(_below(site, "staff"), "queue", queues)
    happenings = _entries(data, "happenings")
    yield from _unknown(happenings, "queue", queues)
    yield from _unknown(happenings, "line", list(_names(lines, "name")))
    yield from _unknown(happenings, "site", list(_names(sites, "name")))
    sources = [site.get("source", "pbx1") for _, site in sites]
    yield from _unknown(happenings, "source", [one for one in sources if isinstance(one, str)])
    yield from _out_of_time(data, happenings)


def _unserved(queues: list[_Entry], lines: list[_Entry]) -> Iterator[Finding]:
    """Queues of no line have no hours, and whoever calls them calls nobody."""
    of_lines = {
        queue for _, line in lines for queue in _tuple(line.get("queues")) if isinstance(queue, str)
    }
    for path, queue in queues:
        key = queue.get("key")
        if isinstance(key, str) and key not in of_lines:
            yield (*path, "key"), f"is {quoted(key)}, which no line of a contract has among queues"


def _unknown(
    entries: list[_Entry], key: str, known: "list[str] | dict[str, KeyPath]"
) -> Iterator[Finding]:
    for path, entry in entries:
        name = entry.get(key)
        if isinstance(name, str) and name not in known:
            yield (*path, key), choice(name, sorted(set(known)))


def _out_of_time(data: _Data, happenings: list[_Entry]) -> Iterator[Finding]:
    """Ends before beginnings, and what the scenario does not last long enough for."""
    try:
        start = Start.model_validate(data.get("start"))
        duration_ms = durations.parse(data.get("duration"))
    except (ValidationError, ValueError):
        return
    for path, happening in happenings:
        at = _moment(happening.get("at"))
        until = _moment(happening.get("until"))
        at_ms = None if at is None else start.instant_ms(at)
        if at_ms is not None and not start.at_ms <= at_ms < start.at_ms + duration_ms:
            yield (
                (*path, "at"),
                f"is outside of the {durations.format_ms(duration_ms)} from {start.date} on",
            )
        if at_ms is not None and until is not None and start.instant_ms(until) <= at_ms:
            yield (*path, "until"), "is not after at, it has to be"


def _moment(value: object) -> Moment | None:
    try:
        return parse_moment(value)
    except ValueError:
        return None


def _repeated(entries: list[_Entry], key: str) -> Iterator[Finding]:
    first: dict[str, KeyPath] = {}
    for path, entry in entries:
        name = entry.get(key)
        if not isinstance(name, str):
            continue
        if name in first:
            yield (
                (*path, key),
                f"is {quoted(name)}, as in {key_path(first[name])}: another {key} is needed",
            )
        first.setdefault(name, path)


def _names(entries: list[_Entry], key: str) -> dict[str, KeyPath]:
    return {entry[key]: path for path, entry in entries if isinstance(entry.get(key), str)}


def _entries(data: _Data, section: str) -> list[_Entry]:
    return _below(((), data), section)


def _below(above: _Entry, key: str) -> list[_Entry]:
    path, data = above
    return [
        ((*path, key, at), entry)
        for at, entry in enumerate(_tuple(data.get(key)))
        if isinstance(entry, dict)
    ]


def _tuple(value: object) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else ()
