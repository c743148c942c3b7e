"""What a signal has fired on, in plain numbers: what the ledger, the page and the pager say of it.

Pure: no I/O, no clock.
"""

from typing import Final

import numpy as np

from monitor.core import fields
from monitor.core.outages import facts as fx
from monitor.core.outages.facts import Facts, total
from monitor.core.outages.unanswered import Unanswered
from monitor.core.outages.workforce import Workforce

# What a signal points to, in the words of corrective action plans; None when to nothing alone.
CAUSES: Final = {
    "no_answer": "technology",
    "hold": None,
    "drops": "technology",
    "silence": "technology",
    "agents": "staffing",
}


def no_answer(unanswered: Unanswered, row: int, facts: Facts) -> dict[str, int]:
    """Callers wait and nobody is answered."""
    left = int(total(facts.lifetime, fx.UNANSWERED)[row] - unanswered.left_before[row])
    per_s = float(np.nan_to_num(unanswered.per_s[row]))
    return {
        "waiting": int(facts.waiting[row]),
        "left_unanswered": left,
        "without_answer_ms": int(unanswered.exposed_ms[row]),
        "answers_per_hour_before": round(3600 * per_s),
        "last_answered_ms": int(facts.last_answered_ms[row]),
    }


def hold(least: int, row: int, facts: Facts) -> dict[str, int]:
    """Answers come far too late. `least`: see `Facts.recent`."""
    recent = facts.recent(least)
    waited_ms, calls = (int(part[row]) for part in facts.hold_floor(recent))
    return {
        "hold_floor_ms": waited_ms // max(1, calls),
        "hold_limit_ms": int(facts.hold_limit_ms[row]),
        "calls": calls,
        "answered_within": int(recent[row, fields.ANSWERED_WITHIN]),
        "late": int(recent[row, fields.LATE]),
        "decided": int(recent[row, list(fx.DECIDED)].sum()),
        "waiting": int(facts.waiting[row]),
    }


def drops(burst: int, row: int, facts: Facts) -> dict[str, int]:
    """Calls are cut off. `burst`: so many gave up within one second."""
    minute = facts.last_minute[row]
    return {
        "cut_off": int(minute[list(fx.CUT_OFF)].sum()),
        "ended": int(minute[fields.ENDED]),
        "in_one_second": burst,
    }


def silence(expected: float, row: int, facts: Facts) -> dict[str, int]:
    """No call comes. `expected`: so many should have come meanwhile."""
    return {
        "expected": round(expected),
        "silent_ms": int(facts.at_ms - facts.last_offered_ms[row]),
        "last_offered_ms": int(facts.last_offered_ms[row]),
    }


def agents(workforce: Workforce, row: int, facts: Facts) -> dict[str, int]:
    """The agents have gone."""
    return {
        "agents": int(facts.staffed[row]),
        "agents_before": int(workforce.most[row]),
        "at_work_before": round(float(np.nan_to_num(workforce.work[row]))),
    }
