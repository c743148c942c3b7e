"""The JSON Schema for editors is that of the models, and describes every key as it is written."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from monitor.config import durations
from monitor.config.schema import schema_text
from monitor.config.section import Section

FILE = Path(__file__).parents[2] / "config" / "callcenter-monitor.schema.json"
REMEDY = (
    'python -c "from monitor.config.schema import schema_text as s; print(s(), end=str())" '
    f"> config/{FILE.name}"
)


def _objects() -> Iterator[dict[str, Any]]:
    schema = json.loads(schema_text())
    yield schema
    yield from (one for one in schema["$defs"].values() if one["type"] == "object")


def test_the_committed_schema_is_in_step_with_the_models() -> None:
    assert json.loads(FILE.read_text()) == json.loads(schema_text()), f"run {REMEDY}"


def test_unknown_keys_are_marked_and_every_key_is_described() -> None:
    sections = list(_objects())
    # A scenario of a simulation is written in sections, too.
    models = [
        one for one in Section.__subclasses__() if one.__module__.startswith("monitor.config.")
    ]
    assert len(sections) == len(models)
    for section in sections:
        assert section["additionalProperties"] is False
        for key, described in section["properties"].items():
            assert "description" in described or "$ref" in described, key


def test_defaults_are_shown_as_they_are_written() -> None:
    for section in _objects():
        for described in section["properties"].values():
            if described.get("pattern") == durations.PATTERN and "default" in described:
                assert (
                    durations.format_ms(durations.parse(described["default"]))
                    == (described["default"])
                )
