"""Keyed stand-ins for names and numbers of people.

An agent's name is replaced at decode, and so is a call id that is nothing but a telephone number
(some PBXs use the caller's number as the id); where calls are shown, so is every call id. The hash
is keyed because an unkeyed hash of a telephone number is undone by trying all of them within the
hour.

Invariant: the same text under the same key always gives the same 16 hex digits, across restarts,
so that a call or an agent stays one. Pure: no I/O, no clock.
"""

import re
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Final

KEY_BYTES_MAX: Final = 64
CACHED_MAX: Final = 10_000
_DIGEST_BYTES: Final = 8
# The part in front says: not Asterisk's Uniqueid (epoch seconds, a dot, a counter). No North
# American number begins with a 1 that is followed by nine digits only, so this cannot hide one.
_NUMBER: Final = re.compile(r"(?!1[0-9]{9}\.[0-9]+\Z)\+?[\d ()./-]{10,40}")
_DIGITS_MIN, _DIGITS_MAX = 10, 15


def is_number(text: str) -> bool:
    """Tell whether `text` is a telephone number: 10 to 15 digits and separators, nothing else."""
    if _NUMBER.fullmatch(text) is None:
        return False
    return _DIGITS_MIN <= sum(map(str.isdigit, text)) <= _DIGITS_MAX


class _Cache(dict[str, str]):
    """Stand-ins already made: a dict that makes what it lacks, so that a hit costs one lookup."""

    def __init__(self, make: Callable[[str], str]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, text: str) -> str:
        if len(self) >= CACHED_MAX:  # A sender of endless names costs time, not memory
            self.clear()
        made = self[text] = self._make(text)
        return made


class Pseudonyms:
    """Replaces names and numbers by keyed hashes.

    Args:
        key: Secret of this installation, 1 to 64 bytes; keep it, or open calls change their ids.

    Attributes:
        agents: The stand-in of every agent's name, 16 hex digits; ask for any name.
    """

    def __init__(self, key: bytes) -> None:
        assert 0 < len(key) <= KEY_BYTES_MAX
        self._key = key
        self.agents: Mapping[str, str] = _Cache(lambda name: self._hash(name, b"agent"))

    def call_id(self, text: str) -> str:
        """Return `text`, or its stand-in when it is a telephone number."""
        return self._hash(text, b"call") if is_number(text) else text

    def handle(self, call_id: str) -> str:
        """Return a call's stand-in for people to see, whatever its id looks like; 16 hex digits."""
        return self._hash(call_id, b"shown call")

    def _hash(self, text: str, person: bytes) -> str:
        data = text.encode(errors="surrogatepass")
        return blake2b(data, digest_size=_DIGEST_BYTES, key=self._key, person=person).hexdigest()
