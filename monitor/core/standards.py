"""The standards that a line can be held to, as data: limit, clause, effective date, formula.

Nothing here is judged; `verdict.py` does that. A standard is a list of requirements, and each says
in integers what passes, so that exactly 80 %, 5 % and 120 s pass and no rounding decides.

Pure: no I/O, no clock.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final


class Measure(StrEnum):
    """What is measured. The value is the word in configuration, metrics and reports."""

    AVERAGE_HOLD = "average_hold"
    SERVICE_LEVEL = "service_level"
    DISCONNECT_RATIO = "disconnect_ratio"


class Formula(StrEnum):
    """Variants of the service level; `measures.py` says what each counts."""

    F1 = "F1"
    F2 = "F2"
    F3 = "F3"
    F4 = "F4"
    F5 = "F5"
    F6 = "F6"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One limit.

    Attributes:
        measure: What is limited.
        limit: Average hold: the most that passes, ms. Service level: the least that passes, in
            thousandths. Disconnect ratio: the most that passes, in thousandths.
        clause: Where it stands, such as `42 CFR 422.111(h)(1)(ii)(A)`.
        threshold_ms: Service level only: within how long a call has to be answered.
        formula: Service level only: which variant is meant.
    """

    measure: Measure
    limit: int
    clause: str
    threshold_ms: int | None = None
    formula: Formula = Formula.F3


@dataclass(frozen=True, slots=True)
class Standard:
    """A set of requirements under one name.

    Attributes:
        id: The name in the configuration.
        title: For people.
        effective: From when it holds; None when the source does not say.
        requirements: At most one for each measure is judged: the first.
        note: What the reader must know: archival source, period, tiers that are not judged.
    """

    id: str
    title: str
    effective: date | None
    requirements: tuple[Requirement, ...]
    note: str = ""

    def requirement(self, measure: Measure) -> Requirement | None:
        """The first requirement on `measure`; None when the standard has none."""
        for requirement in self.requirements:
            if requirement.measure is measure:
                return requirement
        return None


# Where a standard names no threshold, a call counts as late after this.
DEFAULT_THRESHOLD_MS: Final = 30_000
