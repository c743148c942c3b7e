"""Secrets: read from a file or the environment, never written in the configuration.

A secret that everybody on the machine can read is none, so such a file is refused with the command
that mends it. Only regular files are read, and only their first kilobytes: a pipe or a device in
the wrong place must not hang the daemon.

Reads files and the environment; no clock.
"""

import os
import re
import stat
from pathlib import Path
from typing import Final

MAX_BYTES: Final = 65_536
_TOKEN: Final = re.compile(r"[!-~]{16,512}")
_OTHERS: Final = stat.S_IROTH | stat.S_IWOTH


class SecretError(Exception):
    """A secret that cannot be used; the message says why and what to do, and never the secret."""


def read_regular(path: Path, most_bytes: int) -> tuple[bytes, int]:
    """Content and mode of the regular file `path`.

    Raises:
        OSError: It cannot be read, is no regular file or has more than `most_bytes`; `strerror`
            tells which.
    """
    # Without O_NONBLOCK, opening a pipe waits for its writer for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(0, "no regular file", str(path))
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise OSError(0, f"larger than {most_bytes} bytes", str(path))
    return content, status.st_mode


def check_readable(path: Path) -> None:
    """Raises SecretError unless `path` is a regular file that can be read; for certificates."""
    _read(path)


def check_private(path: Path) -> None:
    """Raises SecretError unless `path` can be read, and by no stranger; for private keys."""
    _, mode = _read(path)
    _refuse_strangers(path, mode)


def read_secret(path: Path) -> str:
    """The secret in `path`, without the newline at its end.

    Raises:
        SecretError: The file cannot be read, is open to everybody, empty, too large or no UTF-8.
    """
    content, mode = _read(path)
    _refuse_strangers(path, mode)
    try:
        secret = content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        # The cause would carry the bytes of the secret into a traceback.
        raise SecretError(f"{path} is no UTF-8 text") from None
    if not secret:
        raise SecretError(f"{path} is empty, write the secret into it")
    if "\0" in secret:
        raise SecretError(f"{path} contains a NUL character, write text into it")
    return secret


def read_environment(name: str) -> str:
    """The secret in the environment variable `name`.

    Raises:
        SecretError: It is not set or empty.
    """
    secret = os.environ.get(name)
    if not secret:
        raise SecretError(f"the environment has no {name}, set it")
    return secret


def secret_of(file: Path | None, variable: str | None) -> str | None:
    """The secret in `file`, else in the environment's `variable`; None when neither is configured.

    Raises:
        SecretError: It is configured and cannot be read.
    """
    if file is not None:
        return read_secret(file)
    if variable is not None:
        return read_environment(variable)
    return None


def token_of(file: Path | None, variable: str | None) -> str:
    """The token in `file` or else in the environment's `variable`; one of them is configured.

    Raises:
        SecretError: It cannot be read, is too short to resist guessing, or does not fit a header.
    """
    token = secret_of(file, variable)
    assert token is not None
    if not _TOKEN.fullmatch(token):
        raise SecretError(
            f"{file or variable} holds no token, 16 to 512 ASCII characters without spaces are "
            "needed: openssl rand -hex 32"
        )
    return token


def _read(path: Path) -> tuple[bytes, int]:
    try:
        return read_regular(path, MAX_BYTES)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise SecretError(
            f"{path} cannot be read ({reason}), name a file that the daemon's user may read"
        ) from error


def _refuse_strangers(path: Path, mode: int) -> None:
    if mode & _OTHERS:
        raise SecretError(
            f"{path} is open to every user of this machine (mode {stat.S_IMODE(mode):04o}), "
            f"run chmod o-rwx {path}"
        )
