"""The file to a configuration, or to everything that is wrong with it.

In this order: the bytes, the YAML, each value and section, what contradicts what, the files that it
names. The first two end the matter when they fail; of the rest every fault is told in one go. A
section that is faulty is replaced by its default for the later checks, so that a slip in `alerts`
does not hide one in `contracts`.

Reads the configuration file and those that it names; no clock.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from monitor.config.consistency import contradictions
from monitor.config.default_rules import with_default_rules
from monitor.config.document import NEEDED, Document, DocumentError, read
from monitor.config.faults import ConfigError, Fault, KeyPath, key_path
from monitor.config.files import file_faults
from monitor.config.findings import findings_in
from monitor.config.model import Config
from monitor.config.secrets_file import read_regular
from monitor.config.section import Finding
from monitor.config.wording import quoted, told

MAX_BYTES: Final = 1_000_000
# Pairs of patterns could contradict each other millions of times.
_MOST_CONTRADICTIONS: Final = 1_000
# Lists whose entries must differ in one key.
_UNIQUE: Final = (
    (("contracts",), "id"),
    (("contracts", "*", "lines"), "name"),
    (("sources",), "name"),
    (("alerts", "rules"), "name"),
    (("alerts", "channels"), "name"),
)
# Stand-ins for required sections that are faulty; the checks that read them are left out.
_STAND_INS: Final[Mapping[str, Any]] = {
    "organization": "stand-in",
    "contracts": (
        {
            "id": "stand-in",
            "name": "stand-in",
            "lines": ({"name": "stand-in", "kind": "current-enrollee", "queues": ("stand-in",)},),
        },
    ),
    "sources": ({"name": "stand-in", "format": "normalized", "mqtt": {"url": "mqtt://127.0.0.1"}},),
}


def load(path: Path) -> Config:
    """The configuration in `path`, complete with defaults.

    Relative paths in it are resolved against its directory.

    Raises:
        ConfigError: It cannot be read or is faulty; `faults` has every fault.
    """
    document = document_in(path)
    if not isinstance(document.data, dict):
        raise ConfigError.of_file(
            path,
            f"is {told(document.data)}, a mapping with the key organization is needed",
            document.line(()),
        )
    directory = path.absolute().parent
    faults = frozenset(where for where, _, _ in document.faults)
    findings = list(_repeated(document.data))
    config, invalid = _validate(document.data, directory)
    findings += [finding for finding in invalid if not _is_below(finding[0], faults)]
    faulty = frozenset(str(where[0]) for where in (*faults, *(at for at, _ in findings)) if where)
    if config is None:
        config, _ = _validate(_without(document.data, faulty), directory)
    if config is not None:
        findings += islice(contradictions(config, faulty), _MOST_CONTRADICTIONS)
        findings += file_faults(config, faulty)
        config = with_default_rules(config)
    if faults or findings or config is None:
        raise ConfigError(_faults(path, document, findings))
    return config


def line_of(path: Path, where: KeyPath) -> int:
    """Line of a key in a configuration file, from 1; 1 when the file cannot be read any more."""
    try:
        return document_in(path).line(where)
    except ConfigError:
        return 1


def document_in(path: Path, needed: str = NEEDED) -> Document:
    """What a file says, as YAML.

    Args:
        path: The file.
        needed: What an empty one is told to hold.

    Raises:
        ConfigError: It cannot be read or parsed.
    """
    try:
        content, _ = read_regular(path, MAX_BYTES)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise ConfigError.of_file(
            path,
            f"cannot be read ({reason}), a readable file of at most {MAX_BYTES} bytes is needed",
        ) from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError.of_file(path, "is no UTF-8 text, save it as UTF-8", line) from error
    try:
        return read(text, needed)
    except DocumentError as error:
        raise ConfigError.of_file(path, error.message, error.line) from error


def _validate(data: Mapping[str, Any], directory: Path) -> tuple[Config | None, list[Finding]]:
    """The configuration, or None and what is wrong with `data`."""
    try:
        return Config.model_validate(data, context={"directory": directory}), []
    except ValidationError as error:
        return None, list(findings_in(error))


def _without(data: Mapping[str, Any], faulty: frozenset[str]) -> dict[str, Any]:
    """`data` with its faulty sections left to their defaults or stand-ins."""
    sound = {key: value for key, value in data.items() if key not in faulty}
    return {**{key: _STAND_INS[key] for key in _STAND_INS if key in faulty}, **sound}


def _repeated(data: object) -> Iterator[Finding]:
    """Entries that bear the name of an earlier one in their list."""
    for steps, key in _UNIQUE:
        for where, entries in _lists_at(data, steps, ()):
            first: dict[str, int] = {}
            for at, entry in enumerate(entries):
                name = entry.get(key) if isinstance(entry, dict) else None
                if not isinstance(name, str):
                    continue
                if name in first:
                    other = key_path((*where, first[name]))
                    yield (
                        (*where, at, key),
                        f"is {quoted(name)}, as in {other}: another {key} is needed",
                    )
                first.setdefault(name, at)


def _lists_at(
    data: object, steps: tuple[str, ...], where: KeyPath
) -> Iterator[tuple[KeyPath, tuple[object, ...]]]:
    """The lists at `steps`, in which `*` is every entry of a list."""
    if not steps:
        if isinstance(data, tuple):
            yield where, data
    elif steps[0] == "*":
        for at, entry in enumerate(data if isinstance(data, tuple) else ()):
            yield from _lists_at(entry, steps[1:], (*where, at))
    elif isinstance(data, dict):
        yield from _lists_at(data.get(steps[0]), steps[1:], (*where, steps[0]))


def _is_below(path: KeyPath, faults: frozenset[KeyPath]) -> bool:
    """Whether the YAML at `path` or above it is faulty already."""
    return any(path[:end] in faults for end in range(len(path) + 1))


def _faults(path: Path, document: Document, findings: list[Finding]) -> Iterator[Fault]:
    for where, line, message in document.faults:
        yield Fault(str(path), line, key_path(where), message)
    for where, message in findings:
        yield Fault(str(path), document.line(where), key_path(where), message)
