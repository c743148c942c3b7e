"""Faults that lie between parts of the file: claims on queues, aliases, rules that never fire.

Each check names the sections that it reads. A section that is faulty in itself is left out by
`load`, and with it the checks that need it: what they would say might be untrue.

Pure: no I/O, no clock.
"""

from collections.abc import Callable, Iterator
from typing import Final

from monitor.config.model import Config
from monitor.config.patterns import is_pattern, overlap
from monitor.config.queue_claims import claims_in, queue_misfits
from monitor.config.rule_reach import rule_misfits
from monitor.config.section import Finding


def _alias_misfits(config: Config) -> Iterator[Finding]:
    """An alias to a queue that nobody configured would make every call of it unknown."""
    known = [claim.queue for claim in claims_in(config)] + list(config.queues)
    names = frozenset(known)
    patterns = [queue for queue in known if is_pattern(queue)]
    for at, source in enumerate(config.sources):
        for theirs, ours in source.queues.items():
            if ours not in names and not any(overlap(pattern, ours) for pattern in patterns):
                yield (
                    ("sources", at, "queues", theirs),
                    (
                        f"names the queue {ours}, which no line and no queues list has, "
                        "add it there, or name one that is"
                    ),
                )


def _session_misfits(config: Config) -> Iterator[Finding]:
    """Two sessions of one name at one broker throw each other out for ever."""
    seen: dict[tuple[str, int, str], str] = {}
    for at, source in enumerate(config.sources):
        if source.mqtt is None:
            continue
        key = (source.mqtt.host, source.mqtt.port, source.mqtt.client_id)
        if key in seen:
            yield (
                ("sources", at, "mqtt", "client_id"),
                f"is the same as that of source {seen[key]} at this broker, another is needed",
            )
        seen.setdefault(key, source.name)


def _token_misfits(config: Config) -> Iterator[Finding]:
    """Who shares a token could speak for the other."""
    seen: dict[tuple[str, object], str] = {}
    for at, source in enumerate(config.sources):
        for key in ("token_file", "token_env"):
            named = getattr(source.http, key, None)
            if named is None:
                continue
            if (key, named) in seen:
                yield (
                    ("sources", at, "http", key),
                    f"is that of source {seen[key, named]}, a token of its own is needed",
                )
            seen.setdefault((key, named), source.name)


def _abandon_misfits(config: Config) -> Iterator[Finding]:
    """What is still watched cannot be given up; else a contract that comes back would be."""
    contracts = {contract.id for contract in config.contracts}
    for at, name in enumerate(config.continuity.abandon):
        if name in contracts:
            yield (
                ("continuity", "abandon", at),
                f"is {name}, which is one of contracts, only those that were removed are allowed",
            )


_CHECKS: Final[tuple[tuple[frozenset[str], Callable[[Config], Iterator[Finding]]], ...]] = (
    (frozenset({"standard", "contracts", "queues"}), queue_misfits),
    (frozenset({"contracts", "queues", "sources"}), _alias_misfits),
    (frozenset({"sources"}), _session_misfits),
    (frozenset({"sources"}), _token_misfits),
    (frozenset({"contracts", "continuity"}), _abandon_misfits),
    (frozenset({"standard", "windows", "contracts", "queues", "sites", "alerts"}), rule_misfits),
)


def contradictions(config: Config, faulty: frozenset[str]) -> Iterator[Finding]:
    """What contradicts something elsewhere; checks that read a `faulty` section are left out."""
    for needed, check in _CHECKS:
        if not needed & faulty:
            yield from check(config)
