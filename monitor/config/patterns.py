"""Names with `*` and `?`: which texts they match, and whether two of them can match one text.

Queues are given as names or as patterns, and two lines must not claim one queue by accident, so
the question is not what a pattern matches today but whether any queue could ever be matched twice.

Pure: no I/O, no clock.
"""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase, translate


def is_pattern(text: str) -> bool:
    """Whether `text` stands for many names."""
    return "*" in text or "?" in text


def matches(pattern: str, name: str) -> bool:
    """Whether `name` is one of those that `pattern` stands for."""
    return pattern == name or (is_pattern(pattern) and fnmatchcase(name, pattern))


def matching(pattern: str, names: Sequence[str]) -> list[str]:
    """Those of the plain `names` that `pattern` stands for; for many names at once."""
    match = re.compile(translate(pattern)).match
    prefix = literal_prefix(pattern)
    return [name for name in names if name.startswith(prefix) and match(name)]


def overlap(left: str, right: str) -> bool:
    """Whether some name is matched by both; either may be a plain name."""
    if not is_pattern(left):
        return matches(right, left)
    if not is_pattern(right):
        return matches(left, right)
    return _ends_agree(left, right) and _share_a_name(left, right)


def literal_prefix(pattern: str) -> str:
    """What every name that `pattern` matches begins with."""
    return pattern[: _first_wildcard(pattern)]


def _first_wildcard(pattern: str) -> int:
    found = [at for at in (pattern.find("*"), pattern.find("?")) if at >= 0]
    return min(found, default=len(pattern))


def _ends_agree(left: str, right: str) -> bool:
    """A quick look at the letters before the first and after the last wildcard."""
    return all(
        one.startswith(other) or other.startswith(one)
        for one, other in (
            (literal_prefix(left), literal_prefix(right)),
            (literal_prefix(left[::-1]), literal_prefix(right[::-1])),
        )
    )


def _share_a_name(left: str, right: str) -> bool:
    """Walks both patterns at once; `reached[j]` says that left[:i] and right[:j] share a name."""
    reached = [True] + [False] * len(right)
    for j, letter in enumerate(right):
        reached[j + 1] = reached[j] and letter == "*"
    for one in left:
        row = [reached[0] and one == "*"]
        for j, other in enumerate(right):
            if "*" in (one, other):
                row.append(reached[j + 1] or row[j] or reached[j])
            else:
                row.append(reached[j] and (one == other or "?" in (one, other)))
        reached = row
    return reached[-1]
