"""The standards that ship with the program, by the name that a configuration gives.

`cms-ma-partd` is the regulation that binds Medicare Advantage and Part D plans. The others are
contract terms and foreign rules, taken from published summaries: a person must verify each against
the text that binds him before a verdict under it means anything, and its `note` says so. A limit on
something that is no `Measure` (blocked or abandoned calls, a second tier, a period) is told in the
note and never judged; a rule without any figure is kept with no requirement, so that naming it
judges nothing instead of something else.

Invariant: at most one requirement for each measure. Averages and service levels here are judged in
rolling windows; the period that a contract names is in the note.

Pure: no I/O, no clock.
"""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Final

from monitor.core.standards import Measure, Requirement, Standard

_VERIFY: Final = "Archival summary: verify against the contract in force."
_SECOND: Final = 1_000


def _hold(seconds: int, clause: str) -> Requirement:
    """Average hold of at most `seconds`."""
    return Requirement(Measure.AVERAGE_HOLD, seconds * _SECOND, clause)


def _answer(percent: int, within_ms: int, clause: str) -> Requirement:
    """At least `percent` of calls answered within `within_ms`, strict formula."""
    return Requirement(Measure.SERVICE_LEVEL, percent * 10, clause, threshold_ms=within_ms)


def _disconnects(percent: int, clause: str) -> Requirement:
    """At most `percent` of calls unexpectedly dropped."""
    return Requirement(Measure.DISCONNECT_RATIO, percent * 10, clause)


_MEDICARE: Final = Standard(
    id="cms-ma-partd",
    title="Medicare Advantage (Part C) and Part D customer call centers",
    effective=date(2022, 1, 1),
    requirements=(
        _hold(120, "42 CFR 422.111(h)(1)(ii)(A), 423.128(d)(1)(ii)(A)"),
        _answer(80, 30 * _SECOND, "42 CFR 422.111(h)(1)(ii)(B), 423.128(d)(1)(ii)(B)"),
        _disconnects(5, "42 CFR 422.111(h)(1)(ii)(C), 423.128(d)(1)(ii)(C)"),
    ),
    note=(
        "For coverage beginning on and after January 1, 2022. The rule names no averaging period "
        "and does not say how abandoned calls count; the strict formula counts each as a miss. "
        "Interpreter (80 % within 8 min) and TTY (80 % within 7 min) are not judged."
    ),
)

_MEDICAID: Final = (
    Standard(
        id="mmp-ohio",
        title="Medicare-Medicaid plan, Ohio style",
        effective=None,
        requirements=(_answer(80, 30 * _SECOND, "three-way contract, call center performance"),),
        note=f"Counted after the IVR, before a live person. {_VERIFY}",
    ),
    Standard(
        id="mmp-90",
        title="Medicare-Medicaid plan, 90 percent style",
        effective=None,
        requirements=(
            _hold(120, "three-way contract, enrollee service telephone responsiveness"),
            _answer(
                90, 30 * _SECOND, "three-way contract, enrollee service telephone responsiveness"
            ),
            _disconnects(5, "three-way contract, enrollee service telephone responsiveness"),
        ),
        note=f"Open 8:00-20:00 on seven days. {_VERIFY}",
    ),
    Standard(
        id="medicaid-florida",
        title="Medicaid managed care, Florida (about 2013-2016)",
        effective=None,
        requirements=(_hold(180, "Florida Medicaid managed care contract, call standards"),),
        note=f"Not judged: 4 rings, blocked <= 1 %, abandoned <= 5 %. {_VERIFY}",
    ),
    Standard(
        id="medicaid-hawaii",
        title="Medicaid managed care, Hawaii (about 2013-2016)",
        effective=None,
        requirements=(_hold(120, "Hawaii Medicaid managed care contract, call standards"),),
        note=f"Not judged: 4 rings, blocked <= 1 %, abandoned <= 5 %. {_VERIFY}",
    ),
    Standard(
        id="medicaid-kansas",
        title="Medicaid managed care, Kansas (about 2013-2016)",
        effective=None,
        requirements=(
            _answer(95, 60 * _SECOND, "Kansas Medicaid managed care contract, call standards"),
        ),
        note=(
            "Judged: 95 % held at most 1 min. Not judged: 99 % answered by a person or device, "
            f"voicemail back within 2 business days, 90 % resolved at first contact. {_VERIFY}"
        ),
    ),
    Standard(
        id="medicaid-north-dakota-vendor",
        title="Medicaid vendor, North Dakota",
        effective=None,
        requirements=(_hold(30, "North Dakota Medicaid vendor solicitation, speed of answer"),),
        note=(
            "Judged: average speed of answer. The contract averages by quarter. Not judged: hold "
            "<= 3 min as a second tier, abandoned <= 5 %, 95 % resolved within 7 business days. "
            f"{_VERIFY}"
        ),
    ),
    Standard(
        id="nemt-broker",
        title="Non-emergency medical transportation broker",
        effective=None,
        requirements=(_hold(30, "broker statement of work, speed of answer"),),
        note=f"By month. Not judged: abandoned <= 3 %, before and after 60 s. {_VERIFY}",
    ),
    Standard(
        id="medicaid-unwinding",
        title="CMS Medicaid unwinding reporting",
        effective=None,
        requirements=(),
        note="Reporting only: monthly volume, average wait and abandonment have no limit.",
    ),
)

_COMMERCIAL: Final = (
    Standard(
        id="commercial-guarantee",
        title="Commercial performance guarantee",
        effective=None,
        requirements=(_answer(90, 20 * _SECOND, "performance guarantee, call center performance"),),
        note=f"From entering the queue, by quarter, with a penalty for each point. {_VERIFY}",
    ),
    Standard(
        id="covered-california",
        title="Covered California service center",
        effective=None,
        requirements=(_answer(80, 30 * _SECOND, "service center performance standard"),),
        note=f"Not judged: abandoned <= 3 % for issuers. {_VERIFY}",
    ),
    Standard(
        id="federal-exchange",
        title="Exchange call center, 45 CFR 155.205(a)",
        effective=None,
        requirements=(),
        note="A toll-free call center is required; the section has no numeric standard.",
    ),
)

_EMERGENCY: Final = (
    Standard(
        id="nena-911",
        title="911, NENA-STA-020 (2020)",
        effective=None,
        requirements=(_answer(90, 15 * _SECOND, "NENA-STA-020"),),
        note="Judged: 90 % within 15 s. Not judged: the second tier, 95 % within 20 s. Verify.",
    ),
    Standard(
        id="nfpa-911",
        title="911, NFPA 1225 (2022)",
        effective=None,
        requirements=(_answer(90, 10 * _SECOND, "NFPA 1225"),),
        note="Judged: 90 % answered within 10 s. Not judged: 90 % processed within 60 s. Verify.",
    ),
    Standard(
        id="nhs-111",
        title="NHS 111, England",
        effective=None,
        requirements=(_answer(95, 60 * _SECOND, "NHS 111 service standard"),),
        note="Not judged: abandoned after 30 s < 3 % (2021; 5 % earlier). Verify.",
    ),
    Standard(
        id="ofcom-emergency",
        title="Emergency call handling, United Kingdom",
        effective=None,
        # Less than five seconds, not at most: in whole milliseconds that is 4,999.
        requirements=(_answer(95, 4_999, "Ofcom, emergency call handling"),),
        note="In any 24 hours, 95 % wait less than 5 s. Not judged: availability 99.999 %. Verify.",
    ),
)

_TELECOMS: Final = (
    Standard(
        id="fcc-cable",
        title="Cable operators, 47 CFR 76.309 and local codes",
        effective=None,
        requirements=(_answer(90, 30 * _SECOND, "47 CFR 76.309"),),
        note=(
            "By quarter, under normal operating conditions only. Not judged: transfer within 30 s, "
            "busy < 3 %. Verify."
        ),
    ),
    Standard(
        id="illinois-lec-operator",
        title="Illinois local exchange carriers, operator",
        effective=None,
        requirements=(_hold(10, "83 Ill. Adm. Code 730.510, operator"),),
        note="By month. Not judged: the corrective-action report. Verify.",
    ),
    Standard(
        id="illinois-lec-business",
        title="Illinois local exchange carriers, business and repair offices",
        effective=None,
        requirements=(_hold(60, "83 Ill. Adm. Code 730.510, business and repair"),),
        note="By month. Not judged: the corrective-action report. Verify.",
    ),
    Standard(
        id="ofcom-telecoms",
        title="Telecoms providers, United Kingdom",
        effective=None,
        requirements=(),
        note="Averages are reported; no numeric answer standard is known.",
    ),
    Standard(
        id="fcc-trs",
        title="Telecommunications relay services, 47 CFR 64.604",
        effective=None,
        requirements=(_answer(85, 10 * _SECOND, "47 CFR 64.604"),),
        note="By day. Verify.",
    ),
    Standard(
        id="fcc-vrs",
        title="Video relay services, 47 CFR 64.604",
        effective=None,
        requirements=(_answer(80, 120 * _SECOND, "47 CFR 64.604"),),
        note="By month. Verify.",
    ),
)

PRESETS: Final[Mapping[str, Standard]] = MappingProxyType(
    {
        standard.id: standard
        for standard in (_MEDICARE, *_MEDICAID, *_COMMERCIAL, *_EMERGENCY, *_TELECOMS)
    }
)
