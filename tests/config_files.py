"""Configurations for tests: a short sound one, and ways to load text."""

from pathlib import Path

from monitor.config.faults import ConfigError
from monitor.config.load import load
from monitor.config.model import Config

SHORT = """\
organization: Example Health
contracts:
  - id: H0001
    name: Example Plan
    lines:
      - {name: members, kind: current-enrollee, queues: [member-en]}
sources:
  - {name: pbx1, format: normalized, mqtt: {url: mqtts://b.example}}
"""


def load_text(folder: Path, text: str) -> Config:
    """The configuration that `text` is, in a file of `folder`."""
    file = folder / "config.yaml"
    file.write_text(text, encoding="utf-8")
    return load(file)


def faults_of(file: Path) -> list[str]:
    """What is wrong with `file`, without its name; empty when nothing is."""
    try:
        load(file)
    except ConfigError as error:
        return [str(fault).removeprefix(f"{file}:") for fault in error.faults]
    return []


def faults_of_text(folder: Path, text: str | bytes) -> list[str]:
    """What is wrong with `text`."""
    file = folder / "config.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return faults_of(file)
