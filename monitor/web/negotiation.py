"""What the client says it takes: the Accept headers with their weights.

Pure: no I/O, no clock.
"""

from collections.abc import Iterator, Mapping
from typing import Final

OPENMETRICS_TYPE: Final = "application/openmetrics-text"
_TEXT_TYPE: Final = "text/plain"
_OPENMETRICS_VERSIONS: Final = frozenset(("", "0.0.1", "1.0.0"))
# A client that lists more is not read to the end.
_MAX_ITEMS: Final = 32


def wants_openmetrics(accept: str) -> bool:
    """Whether OpenMetrics is asked for by name and not less than plain text.

    Anything that cannot be understood gets plain text, as does a client that names neither.
    """
    best_openmetrics = best_text = 0.0
    for media, parameters in _items(accept):
        weight = _weight(parameters)
        if media == OPENMETRICS_TYPE and parameters.get("version", "") in _OPENMETRICS_VERSIONS:
            best_openmetrics = max(best_openmetrics, weight)
        elif media == _TEXT_TYPE:
            best_text = max(best_text, weight)
    return best_openmetrics > 0 and best_openmetrics >= best_text


def takes_gzip(accept_encoding: str) -> bool:
    """Whether a gzipped answer is accepted: by name, or else by `*`."""
    weights = {coding: _weight(parameters) for coding, parameters in _items(accept_encoding)}
    for coding in ("gzip", "x-gzip", "*"):
        if coding in weights:
            return weights[coding] > 0
    return False


def _items(header: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    for item in header.split(",", _MAX_ITEMS)[:_MAX_ITEMS]:
        value, *pairs = (part.strip() for part in item.split(";"))
        parameters = {}
        for pair in pairs:
            name, _, text = pair.partition("=")
            parameters[name.strip().lower()] = text.strip().strip('"')
        yield value.lower(), parameters


def _weight(parameters: Mapping[str, str]) -> float:
    try:
        weight = float(parameters.get("q", "1"))
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0
