"""The whole effective configuration as YAML, every default included.

What is printed loads to an equal configuration. Secrets are in no configuration, only the names of
their files and variables, so none can be printed.

Pure: no I/O, no clock.
"""

from typing import Any

import yaml

from monitor.config.document import is_plain_text
from monitor.config.model import Config


class _Dumper(yaml.SafeDumper):
    """Writes each value out, and quotes whatever a reader of YAML might take for something else."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401, ARG002 (the library's signature)
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if is_plain_text(text) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _represent_list(dumper: yaml.SafeDumper, items: list[Any]) -> yaml.SequenceNode:
    """Lists of plain values take one line."""
    plain = not any(isinstance(item, dict | list) for item in items)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=plain)


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(list, _represent_list)


def explain(config: Config) -> str:
    """`config` as YAML with the keys of the file."""
    return yaml.dump(
        config.model_dump(mode="json", by_alias=True),
        Dumper=_Dumper,
        allow_unicode=True,
        sort_keys=False,
        width=100,
    )
