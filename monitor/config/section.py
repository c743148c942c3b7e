"""The base of every part of the configuration: frozen, strict, closed.

pydantic reports the first thing that a validator of a whole model raises. `Misfit` carries several,
each with the key that it is about, so that one run of check-config tells everything.

Pure: no I/O, no clock.
"""

from collections.abc import Iterable, Iterator
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from monitor.config.faults import KeyPath

Finding = tuple[KeyPath, str]


class Misfit(ValueError):  # noqa: N818 (a list of findings, which `load` turns into the error)
    """Findings about a value; their paths are relative to it."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("; ".join(message for _, message in self.findings))


class Section(BaseModel):
    """A mapping in the file. Keys that it does not know are faults."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
    )

    def misfits(self) -> Iterator[Finding]:
        """What is wrong between the keys of this section, each of which is right by itself."""
        yield from ()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        findings = tuple(self.misfits())
        if findings:
            raise Misfit(findings)
        return self
