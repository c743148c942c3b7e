"""Faults in the files and variables that a configuration names: absent, unreadable, not private.

They are looked at when the configuration is loaded, because a password that cannot be read is best
found before the first page has to leave at night.

Reads files and the environment; no clock.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from monitor.config.faults import KeyPath
from monitor.config.model import Config
from monitor.config.secrets_file import (
    SecretError,
    check_private,
    check_readable,
    read_environment,
    read_secret,
    token_of,
)
from monitor.config.section import Finding, Section

_Named = TypeVar("_Named", Path, str)

_FILE_CHECKS: dict[str, Callable[[Path], object]] = {
    "ca_file": check_readable,
    "cert_file": check_readable,
    "key_file": check_private,
    "password_file": read_secret,
    "secret_file": read_secret,
    "token_file": lambda file: token_of(file, None),
    "users_file": read_secret,
}
_VARIABLE_CHECKS: dict[str, Callable[[str], object]] = {
    "password_env": read_environment,
    "secret_env": read_environment,
    "token_env": lambda variable: token_of(None, variable),
}


def file_faults(config: Config, faulty: frozenset[str]) -> Iterator[Finding]:
    """What is wrong with the files of every section that is not itself `faulty`."""
    for path, section in _sections(config):
        if path[0] in faulty:
            continue
        for key, check in _FILE_CHECKS.items():
            file: Path | None = getattr(section, key, None)
            if file is not None:
                yield from _told((*path, key), check, file)
        for key, check_variable in _VARIABLE_CHECKS.items():
            variable: str | None = getattr(section, key, None)
            if variable is not None:
                yield from _told((*path, key), check_variable, variable)


def _sections(config: Config) -> Iterator[tuple[KeyPath, Section]]:
    """Every section that can name a file."""
    for at, source in enumerate(config.sources):
        if source.mqtt is not None:
            yield ("sources", at, "mqtt"), source.mqtt
        if source.http is not None:
            yield ("sources", at, "http"), source.http
    for at, channel in enumerate(config.alerts.channels):
        if channel.alertmanager is not None:
            yield ("alerts", "channels", at, "alertmanager"), channel.alertmanager
        if channel.webhook is not None:
            yield ("alerts", "channels", at, "webhook"), channel.webhook
    yield ("http",), config.http


def _told(path: KeyPath, check: Callable[[_Named], object], named: _Named) -> Iterator[Finding]:
    try:
        check(named)
    except SecretError as error:
        yield path, str(error)
