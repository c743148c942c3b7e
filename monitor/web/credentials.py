"""Who may look in from another machine: names and password hashes of the users file.

Each line is `NAME:scrypt$N$R$P$SALT$HASH`, salt and hash in hexadecimal; empty lines and those
that begin with `#` are passed over. `user_line` makes one.

scrypt is slow on purpose, and this program has a deadline each second; so a check runs in a
thread, one at a time, a few may wait for it and more are turned away. What was right is remembered
under a key of this process. An unknown name costs as much time as a known one.

Reads the users file; no clock.
"""

import asyncio
import binascii
import hashlib
import hmac
import secrets
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from monitor.config.secrets_file import SecretError, read_secret

_N, _R, _P = 16_384, 8, 1
_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32
_MAX_MEMORY: Final = 64 * 1024 * 1024
_MAX_WAITING: Final = 8
_MAX_HEADER: Final = 1_024
_PARTS: Final = 6


class TooBusyError(Exception):
    """More checks are waiting than are allowed to."""


@dataclass(frozen=True, slots=True)
class _Hash:
    n: int
    r: int
    p: int
    salt: bytes
    digest: bytes

    def matches(self, password: bytes) -> bool:
        digest = hashlib.scrypt(
            password,
            salt=self.salt,
            n=self.n,
            r=self.r,
            p=self.p,
            dklen=len(self.digest),
            maxmem=_MAX_MEMORY,
        )
        return hmac.compare_digest(digest, self.digest)


def user_line(name: str, password: str) -> str:
    """A line of the users file, without newline, under a fresh salt."""
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = hashlib.scrypt(
        password.encode(), salt=salt, n=_N, r=_R, p=_P, dklen=_HASH_BYTES, maxmem=_MAX_MEMORY
    )
    return f"{name}:scrypt${_N}${_R}${_P}${salt.hex()}${digest.hex()}"


def user_of(authorization: str) -> str | None:
    """The name in the value of an Authorization header; None when there is none."""
    said = _basic(authorization)
    return None if said is None else said[0]


class Credentials:
    """The users and the check of what a request says.

    Args:
        hashes: By name.
    """

    def __init__(self, hashes: dict[str, _Hash]) -> None:
        self._hashes = hashes
        self._stranger = _Hash(_N, _R, _P, secrets.token_bytes(_SALT_BYTES), bytes(_HASH_BYTES))
        self._process_key = secrets.token_bytes(_HASH_BYTES)
        self._right: set[bytes] = set()
        self._lock = asyncio.Lock()
        self._waiting = 0

    @classmethod
    def load(cls, path: Path) -> "Credentials":
        """The users of a file.

        Raises:
            SecretError: The file cannot be read, is open to everybody, or a line of it is wrong.
        """
        hashes: dict[str, _Hash] = {}
        for number, line in enumerate(read_secret(path).splitlines(), start=1):
            if not line.strip() or line.startswith("#"):
                continue
            try:
                name, parsed = _parse(line.strip())
            except ValueError:
                raise SecretError(
                    f"{path}:{number}: is not NAME:scrypt$N$R$P$SALT$HASH with hexadecimal salt "
                    "and hash"
                ) from None
            hashes[name] = parsed
        return cls(hashes)

    async def allow(self, authorization: str) -> bool:
        """Whether the value of an Authorization header names a user with the right password.

        Raises:
            TooBusyError: Too many checks are waiting.
        """
        said = _basic(authorization)
        if said is None:
            return False
        name, password = said
        remembered = hmac.digest(
            self._process_key, b"%d:%b%b" % (len(name), name.encode(), password), "sha256"
        )
        if remembered in self._right:
            return True
        if self._waiting >= _MAX_WAITING:
            raise TooBusyError
        known = self._hashes.get(name)
        self._waiting += 1
        try:
            async with self._lock:
                matches = await asyncio.to_thread((known or self._stranger).matches, password)
        finally:
            self._waiting -= 1
        if known is None or not matches:
            return False
        # At most one entry for each user can be right.
        self._right.add(remembered)
        return True


def _basic(authorization: str) -> tuple[str, bytes] | None:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic" or len(encoded) > _MAX_HEADER:
        return None
    try:
        name, colon, password = b64decode(encoded.strip(), validate=True).partition(b":")
        return (name.decode(), password) if colon else None
    except (binascii.Error, ValueError):
        return None


def _parse(line: str) -> tuple[str, _Hash]:
    name, colon, text = line.partition(":")
    parts = text.split("$")
    if not (name and colon) or len(parts) != _PARTS or parts[0] != "scrypt":
        raise ValueError
    parsed = _Hash(
        int(parts[1]),
        int(parts[2]),
        int(parts[3]),
        bytes.fromhex(parts[4]),
        bytes.fromhex(parts[5]),
    )
    # One check with these costs shows that they are within what scrypt and our memory allow.
    if not parsed.salt or len(parsed.digest) < _HASH_BYTES:
        raise ValueError
    parsed.matches(b"")
    return name, parsed
