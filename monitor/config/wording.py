"""Words for values and choices in the messages about faults.

Pure: no I/O, no clock.
"""

import json
from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST_SHOWN = 48


def told(value: object) -> str:
    """What the file says at a place, short enough for one line."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return f"the truth value {str(value).lower()}"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return quoted(value)
    return "a mapping" if isinstance(value, dict) else "a list"


def quoted(text: str) -> str:
    """`text` in quotes, shortened, with everything unprintable escaped."""
    shown = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
    return json.dumps(shown, ensure_ascii=not shown.isprintable())


def nearest(word: str, allowed: Iterable[str], likeness: float = 0.6) -> str:
    """`, did you mean X` when one of `allowed` is like `word` (0 to 1); else empty."""
    # Long words are no slip of the hand, and comparing them takes long.
    near = get_close_matches(word[:64], list(allowed), n=1, cutoff=likeness)
    return f", did you mean {near[0]}" if near else ""


def choice(word: str, allowed: Iterable[str]) -> str:
    """The message about a `word` that is none of those `allowed`."""
    known = list(allowed)
    return f"is {quoted(word)}{nearest(word, known)}; allowed: {', '.join(known)}"
