"""A fault in a configuration, and the error that carries all of them.

Pure: no I/O, no clock.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from monitor.config.wording import quoted

KeyPath = tuple[str | int, ...]

# A hostile file could have one fault for each of its items; nobody reads more than this.
_MOST_FAULTS: Final = 200
_SIMPLE_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


def key_path(path: KeyPath) -> str:
    """`("contracts", 0, "id")` as `contracts[0].id`; the top is `(file)`.

    A key with anything but letters, digits, dashes and underscores stands in brackets and quotes.
    """
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _SIMPLE_KEY.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{quoted(step)}]"
    return text or "(file)"


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        file: The file, as the operator named it.
        line: From 1.
        where: Key path, such as `contracts[0].lines[1].kind`; `(file)` for the file as a whole.
        message: What is wrong, and what is allowed.
    """

    file: str
    line: int
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.where}: {self.message}"


class ConfigError(Exception):
    """A configuration that cannot be used.

    Attributes:
        faults: Every fault, in the order of the file's lines; never empty.
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        found = sorted(set(faults))
        assert found
        if len(found) > _MOST_FAULTS:
            more = len(found) - _MOST_FAULTS
            last = Fault(found[0].file, found[_MOST_FAULTS].line, "(file)", f"{more} more faults")
            found = [*found[:_MOST_FAULTS], last]
        self.faults = tuple(found)
        super().__init__("\n".join(map(str, found)))

    @classmethod
    def of_file(cls, file: Path, message: str, line: int = 1) -> "ConfigError":
        """The one fault of a file that could not be read as a whole."""
        return cls([Fault(str(file), line, "(file)", message)])
