"""Made-up outages as the forecast gets to see them: their course up to some age."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from outage_courses import CONFIRM, DEADLINE, HOUR, MINUTE_MS, MINUTES, QUARTER, Made

from monitor.core.outages.forecast_course import Course, Ordinary, Samples

AGES: Final = tuple(hours * HOUR for hours in (1, 4, 12, 24, 36, 48, 60, 66))


def course_at(made: Made, age: int, past_ms: Sequence[int]) -> Course:
    """The course at so many minutes since the onset; it has to be unconfirmed then."""
    assert age <= made.well_since.size
    seen = {name: values[:age] for name, values in made.minutes.items()}
    since = int(made.well_since[age - 1])
    open_minutes = np.zeros(age, np.bool_)
    for start, end in made.spans:
        open_minutes[max(start, 0) : min(end, age)] = True
    first_ms = made.onset_ms // (QUARTER * MINUTE_MS) * QUARTER * MINUTE_MS
    return Course(
        at_ms=made.onset_ms + age * MINUTE_MS,
        onset_ms=made.onset_ms,
        deadline_ms=made.onset_ms + DEADLINE * MINUTE_MS,
        samples=Samples(at_ms=made.onset_ms + np.arange(1, age + 1) * MINUTE_MS, **seen),
        ordinary=Ordinary(
            start_ms=first_ms,
            calls=made.expected,
            spread=np.full(made.expected.size, made.spread),
            agents=made.staff,
        ),
        handle_ms=made.handle_s * 1000,
        patience_ms=made.patience_s * 1000,
        open_spans=tuple(
            (made.onset_ms + start * MINUTE_MS, made.onset_ms + end * MINUTE_MS)
            for start, end in made.spans
        ),
        past_ms=tuple(past_ms),
        confirm_ms=CONFIRM * MINUTE_MS,
        well_since_ms=-1 if since < 0 else made.onset_ms + since * MINUTE_MS,
        well_ms=0 if since < 0 else int(open_minutes[since:].sum()) * MINUTE_MS,
        relapses=int(made.relapses[age - 1]),
    )


def duration_ms(made: Made) -> int:
    """How long it took; what was not over in ten days counts as ten days."""
    return (MINUTES if made.restored is None else made.restored) * MINUTE_MS
