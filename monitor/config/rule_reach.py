"""Alert rules that can never fire, or could never be resolved.

A rule that watches nothing looks like protection and is none. This module knows which scopes a
configuration has and what each is held to, and looks for rules that cannot reach any of them.

Pure: no I/O, no clock.
"""

from collections.abc import Iterator
from typing import Final

from monitor.config.alerting import DEFAULT_SCOPES, AlertRule, format_limit
from monitor.config.durations import format_ms
from monitor.config.model import Config
from monitor.config.patterns import is_pattern, matching, overlap
from monitor.config.queue_claims import claims_in
from monitor.config.section import Finding
from monitor.core.presets import PRESETS
from monitor.core.standards import Measure, Requirement

# Scope by name, and the ids of the standards that it may be held to.
Scopes = dict[str, frozenset[str]]

_SHOWN: Final = 8
_MOST_PATTERNS: Final = 500


def scopes_in(config: Config) -> Scopes:
    """Every scope of `config`; queues that patterns may add stand as their patterns.

    A contract or legal entity is held to the standard that all its lines share, or else to that of
    the organization, as in `monitor.core.scopes`.
    """
    organization = config.standard
    lines: dict[str, str] = {}
    above: dict[str, set[str]] = {}
    for contract in config.contracts:
        for line in contract.lines:
            standard = line.standard or organization
            lines[f"{contract.id}/{line.name}"] = standard
            for name in (f"contract/{contract.id}", f"legal_entity/{contract.legal_entity}"):
                above.setdefault(name, set()).add(standard)
    scopes: Scopes = {"organization": frozenset({organization})}
    for name, found in above.items():
        scopes[name] = frozenset(found if len(found) == 1 else {organization})
    for name, standard in lines.items():
        scopes[f"line/{name}"] = frozenset({standard})
    for claim in claims_in(config):
        name = f"queue/{claim.queue}"
        scopes[name] = scopes.get(name, frozenset()) | {lines[claim.line]}
    own = [f"queue/{queue}" for queue in (*config.queues, "", "unconfigured")]
    for name in (*own, *(f"site/{site}" for site in config.sites)):
        scopes.setdefault(name, frozenset({organization}))
    return scopes


def rule_misfits(config: Config) -> Iterator[Finding]:
    """What keeps each rule from ever firing or from ever being resolved."""
    rules = config.alerts.rules or ()
    scopes = scopes_in(config)
    patterns = dict.fromkeys(pattern for rule in rules for pattern in rule.scopes)
    if len(patterns) > _MOST_PATTERNS:
        yield ("alerts", "rules"), f"have too many scope patterns, {_MOST_PATTERNS} at most"
        return
    plain = [name for name in scopes if not is_pattern(name)]
    open_ended = [name for name in scopes if is_pattern(name)]
    reached = {
        pattern: matching(pattern, plain) + [name for name in open_ended if overlap(pattern, name)]
        for pattern in patterns
    }
    for at, rule in enumerate(rules):
        for path, message in _misfits(rule, config, scopes, reached):
            yield ("alerts", "rules", at, *path), message


def _misfits(
    rule: AlertRule, config: Config, scopes: Scopes, reached: dict[str, list[str]]
) -> Iterator[Finding]:
    if rule.window_ms not in config.windows_ms:
        allowed = ", ".join(map(format_ms, config.windows_ms))
        yield ("window",), f"is {format_ms(rule.window_ms)}; allowed, from windows: {allowed}"
    for at, pattern in enumerate(rule.scopes):
        if not reached[pattern] and pattern not in DEFAULT_SCOPES:
            yield ("scopes", at), f"{pattern} matches no scope; {_known(scopes)}"
    standards = {
        standard
        for pattern in rule.scopes
        for name in reached[pattern]
        for standard in scopes[name]
    }
    if not standards:
        return
    limits = {
        standard: requirement
        for standard in sorted(standards)
        if (requirement := PRESETS[standard].requirement(rule.measure)) is not None
    }
    if not limits:
        yield (
            ("measure",),
            (
                f"is {rule.measure}, which the standard of the watched scopes does not limit "
                f"({', '.join(sorted(standards))}), name a measure that it limits"
            ),
        )
    for standard, requirement in limits.items():
        if rule.clear is not None and not _is_met(rule.clear, requirement):
            yield (
                ("clear",),
                (
                    f"is {format_limit(rule.clear, rule.measure)}, on the wrong side of "
                    f"the limit of {standard}, {_side(rule.measure)} "
                    f"{format_limit(requirement.limit, rule.measure)} is needed"
                ),
            )


def _is_met(value: int, requirement: Requirement) -> bool:
    if requirement.measure is Measure.SERVICE_LEVEL:
        return value >= requirement.limit
    return value <= requirement.limit


def _side(measure: Measure) -> str:
    return "at least" if measure is Measure.SERVICE_LEVEL else "at most"


def _known(scopes: Scopes) -> str:
    shown = [name for name in scopes if name != "queue/"][:_SHOWN]
    more = ", ..." if len(scopes) > len(shown) + 1 else ""
    return f"there are {', '.join(shown)}{more}"
