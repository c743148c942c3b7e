"""The base of every part of a scenario file: closed, strict, and telling all its faults at once.

The configuration's own sections look up the keys that are allowed in the configuration's model,
which a scenario is not. So these find unknown keys themselves, and hand them on together with
whatever else is wrong in the same mapping.

Pure: no I/O, no clock.
"""

from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)

from monitor.config.findings import findings_in
from monitor.config.section import Finding, Misfit, Section
from monitor.config.wording import choice, nearest


class ScenarioSection(Section):
    """A mapping in a scenario file. Keys that it does not know are faults."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", strict=True, use_attribute_docstrings=True
    )

    @model_validator(mode="wrap")
    @classmethod
    def _closed(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:  # noqa: ANN401
        findings = list(cls._unknown_keys(data))
        try:
            section = handler(data)
        except ValidationError as error:
            raise Misfit([*findings, *findings_in(error)]) from error
        if findings:
            raise Misfit(findings)
        return section

    @classmethod
    def _unknown_keys(cls, data: object) -> list[Finding]:
        if not isinstance(data, dict):
            return []
        allowed = list(cls.model_fields)
        return [
            (
                (key,),
                f"is an unknown key{nearest(key, allowed)}; allowed: {', '.join(allowed)}",
            )
            for key in data
            if key not in cls.model_fields
        ]


def one_of(*words: str) -> AfterValidator:
    """Refuses a word that is none of these."""

    def check(word: str) -> str:
        if word not in words:
            raise ValueError(choice(word, words))
        return word

    return AfterValidator(check)


def _share(value: float) -> float:
    if not 0 <= value <= 1:
        raise ValueError(f"is {value:g}, a share from 0 to 1 is needed")
    return value


Share = Annotated[float, AfterValidator(_share)]
