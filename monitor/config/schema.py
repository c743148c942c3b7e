"""JSON Schema of the configuration, for editors: completion, descriptions, first checks.

The file `config/callcenter-monitor.schema.json` is this text; a test keeps the two in step.

Pure: no I/O, no clock.
"""

import json
from typing import Any

from monitor.config.model import Config
from monitor.config.section import Section


def schema_text() -> str:
    """The schema as JSON."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Config.model_json_schema(by_alias=True),
    }
    sections = {section.__name__: section for section in Section.__subclasses__()}
    for name, definition in schema["$defs"].items():
        if name in sections:
            _write_defaults(definition, sections[name])
    _write_defaults(schema, Config)
    schema["title"] = "callcenter-monitor configuration"
    return json.dumps(schema, indent=2) + "\n"


def _write_defaults(definition: dict[str, Any], section: type[Section]) -> None:
    """Gives defaults as they are written in the file; pydantic gives those of the model."""
    defaults = section.model_construct().model_dump(mode="json", by_alias=True)
    for key, described in definition["properties"].items():
        described.pop("default", None)
        default = defaults.get(key)
        # A section shows its defaults key by key, and an empty text or list is derived or nothing.
        if isinstance(default, bool) or (default and not isinstance(default, dict)):
            described["default"] = default
        if "description" in described:
            described["description"] = " ".join(described["description"].split())
