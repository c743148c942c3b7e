"""Scenario files: those that come with the program, and everybody's own.

A file is either right or every fault in it is told with its line, like the configuration's.

Reads files; no clock.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pydantic import ValidationError

from monitor.config.document import Document
from monitor.config.faults import ConfigError, Fault, key_path
from monitor.config.findings import findings_in
from monitor.config.load import document_in
from monitor.config.section import Finding
from monitor.config.wording import choice, told
from monitor.simulation.scenario_model import ScenarioFile
from monitor.simulation.scenario_references import contradictions

_SHIPPED: Final = Path(__file__).parent / "scenarios"
_NEEDED: Final = "a mapping with the keys of a scenario is needed"
# What a scenario that is `like` another says itself.
_OWN: Final = frozenset(("name", "title", "like", "happenings"))


@cache
def shipped() -> Mapping[str, Path]:
    """The scenarios that come with the program, by name."""
    return MappingProxyType({path.stem: path for path in sorted(_SHIPPED.glob("*.yaml"))})


def find_scenario(named: str) -> Path | None:
    """The file of a scenario, given by the name of one that comes with the program or as a file.

    In names dashes may stand for underscores.

    Returns:
        None when there is neither a scenario of that name nor a file.
    """
    found = shipped().get(named.replace("-", "_"))
    if found is not None:
        return found
    path = Path(named)
    return path if path.exists() else None


def load_scenario(path: Path) -> ScenarioFile:
    """Read a scenario file.

    Raises:
        ConfigError: It cannot be read or is faulty; `faults` has every fault.
    """
    document = document_in(path, _NEEDED)
    if not isinstance(document.data, dict):
        raise ConfigError.of_file(path, f"is {told(document.data)}, {_NEEDED}", document.line(()))
    findings: list[Finding] = []
    data = _with_likeness(document.data, findings)
    at_fault = frozenset(where for where, _, _ in document.faults)
    try:
        scenario = ScenarioFile.model_validate(data)
    except ValidationError as error:
        scenario = None
        findings += findings_in(error)
    findings += contradictions(data)
    findings = [
        one for one in findings if not any(one[0][:n] in at_fault for n in range(len(one[0]) + 1))
    ]
    if document.faults or findings or scenario is None:
        raise ConfigError(_faults(path, document, findings))
    return scenario


def _with_likeness(data: dict[str, Any], findings: list[Finding]) -> dict[str, Any]:
    """`data` with what it leaves to the scenario that it is like."""
    like = data.get("like")
    if not isinstance(like, str):
        return data
    base = shipped().get(like.replace("-", "_"))
    if base is None:
        findings.append((("like",), choice(like, shipped())))
        return data
    model = document_in(base, _NEEDED).data
    assert isinstance(model, dict)
    if "like" in model:
        findings.append((("like",), f"is {like}, which is like {model['like']} itself: name that"))
        return data
    return {**{key: value for key, value in model.items() if key not in _OWN}, **data}


def _faults(path: Path, document: Document, findings: list[Finding]) -> Iterator[Fault]:
    for where, line, message in document.faults:
        yield Fault(str(path), line, key_path(where), message)
    for where, message in findings:
        yield Fault(str(path), document.line(where), key_path(where), message)
