"""How well outages are found: hundreds of simulated line-weeks, with one thing happening in most.

Every line has its own seed, size, staff and happening (`outage_weeks.py`); hundreds are watched at
once, with a memory of eight ordinary weeks of each. What was said is held against the truth of the
simulation. A line on which the truth knows no outage although something happens (enough agents were
left) is counted as neither right nor wrong.

Lines that lose their feed are watched by the engine (`outage_run.py`), the others by the signals
and the book alone (`outage_facts.py`), which says the same at a hundredth of the time; `--engine`
leaves everything to the engine. Conversations are counted where the watch of the engine counts them
(`Facts.talking`), or with `--talks`.

Delays are told three times: since the true onset, since the first call after it entered a queue,
and since the outage could first be known (`outage_known.py`): since the first caller who fared
otherwise than with the same seed on an ordinary day. On a line with five calls an hour that is
minutes after the onset, and nothing can tell it sooner. So is the onset: off the truth, and off
what could be known, that is off the time between the true onset and the first such caller.

What cannot be reached, and why. One caller who waits for a minute is no news on a line that does
not tell which agents are free: it happens every day. How long it takes until chance would feign it
less than once in a year depends on how many callers there are; the figures are given with and
without agents. Silence is known by calls that do not come, and takes a dozen of them.

    PYTHONPATH=.:tests python tests/benchmarks/bench_outages.py [--quick] [--engine] [--weeks N]
        [--days N] [--seed S] [--cases] [--talks]
"""

import math
import sys
from collections.abc import Iterable
from time import process_time
from typing import Final, NamedTuple

from figures import JSON_OPTION, SEED, Figure, percentile, present
from outage_facts import watched
from outage_known import known_ms
from outage_run import Judged, Said, counts_talks, run
from outage_weeks import COLLAPSE, FEED_LOST, HOUR_MS, KINDS, SIZES, STOP, Line, Week, lines

_WEEKS: Final = 500
_QUICK: Final = 20
_DAYS: Final = 7
# So many lines are watched at once, by the engine and without it.
_BY_ENGINE: Final = 60
_ALONE: Final = 250
_WITHIN_MS: Final = 60_000
_COLLAPSE_MS: Final = 600_000
# What was caused is found at the latest so long after it was over.
_AFTER_MS: Final = HOUR_MS


class Case(NamedTuple):
    """One line and its time, judged. Times in ms; None where there is nothing to measure."""

    seed: int
    size: int
    kind: str
    tells_agents: bool
    days: int
    is_outage: bool
    is_found: bool
    delay_ms: int | None
    after_call_ms: int | None
    after_known_ms: int | None
    onset_off_ms: int | None
    onset_off_known_ms: int | None
    restored_off_ms: int | None
    false: int
    blind: int
    signals: tuple[str, ...]


def judge(week: Week, said: list[Said]) -> Case:
    """Hold what was said against the truth."""
    line, truth = week.line, week.simulated.truth
    true = truth.outages[0] if truth.outages else None
    caused = [
        one
        for one in said
        if line.kind != FEED_LOST and week.from_ms <= one.opened_ms <= week.until_ms + _AFTER_MS
    ]
    first = caused[0] if caused and true is not None else None
    delay_ms = after_call_ms = after_known_ms = None
    onset_off_ms = onset_off_known_ms = restored_off_ms = None
    known = known_ms(week)
    if first is not None and true is not None:
        delay_ms = first.opened_ms - true.onset_ms
        after_call_ms = first.opened_ms - week.first_ms if week.first_ms else None
        onset_off_ms = first.onset_ms - true.onset_ms
        if known is not None:
            after_known_ms = first.opened_ms - known
            latest_ms = max(true.onset_ms, known)
            nearest_ms = min(max(first.onset_ms, true.onset_ms), latest_ms)
            onset_off_known_ms = first.onset_ms - nearest_ms
        # Of what was found to relapse, the last end counts.
        if caused[-1].restored_ms is not None and true.restored_ms is not None:
            restored_off_ms = caused[-1].restored_ms - true.restored_ms
    return Case(
        seed=line.seed,
        size=min((size for size, _ in SIZES), key=lambda size: abs(size - line.calls)),
        kind=line.kind,
        tells_agents=line.tells_agents,
        days=line.days,
        is_outage=true is not None,
        is_found=first is not None,
        delay_ms=delay_ms,
        after_call_ms=after_call_ms,
        after_known_ms=after_known_ms,
        onset_off_ms=onset_off_ms,
        onset_off_known_ms=onset_off_known_ms,
        restored_off_ms=restored_off_ms,
        false=len(said) - len(caused),
        blind=sum(
            span.from_ms <= one.opened_ms < span.until_ms for one in said for span in truth.blind
        ),
        signals=tuple(sorted({name for one in said for name in one.signals})),
    )


def watch(some: list[Line], *, by_engine: bool) -> list[Case]:
    """Play, watch and judge lines that are watched for equally long."""
    if by_engine:
        found: list[Judged] = run(some)
    else:
        found = watched(
            [Week(line) for line in some], counts_talks="--talks" in sys.argv or counts_talks()
        )
    return [judge(one.week, one.said) for one in found]


def measure(quick: bool) -> list[Figure]:  # noqa: FBT001 (the one argument of every benchmark)
    """Watch all lines, print what each size and kind came to, and give the figures."""
    count = _option("--weeks", _QUICK if quick else _WEEKS)
    first = _option("--seed", SEED)
    days = _option("--days", 1 if quick else _DAYS)
    begun = process_time()
    cases: list[Case] = []
    every = lines(first, count, days)
    for by_engine, size in ((True, _BY_ENGINE), (False, _ALONE)):
        some = [
            line
            for line in every
            if by_engine == ("--engine" in sys.argv or line.kind == FEED_LOST)
        ]
        for at in range(0, len(some), size):
            cases += watch(some[at : at + size], by_engine=by_engine)
    if JSON_OPTION not in sys.argv:
        sys.stdout.write(
            f"{count} lines of {days} days, seeds {first} to {first + count - 1}, "
            f"{process_time() - begun:.0f} s of CPU\n\n{overview(cases)}\n\n"
        )
    if "--cases" in sys.argv:
        sys.stdout.write("\n".join(map(str, sorted(cases))) + "\n\n")
    return _figures(cases, f"{count} lines of {days} days, seeds from {first}")


def overview(cases: list[Case]) -> str:
    """Found and missed by kind, size and whether agents are told of, as a table in Markdown."""
    rows: list[tuple[str, ...]] = [
        (
            "what happens", "calls a day", "agents told", "lines", "outages", "missed", "false",
            "found after s: p50", "p95", "max", "after its first call s: p50", "p95",
            "after it could be known s: p50", "p95",
            "onset off s: p50", "p95", "within 60 s", "of what could be known",
            "restored off s: p50", "p95",
        )
    ]  # fmt: skip
    rows.append(("---",) * len(rows[0]))
    for kind, _ in KINDS:
        for size, _ in SIZES:
            for tells in (True, False):
                some = [
                    case
                    for case in cases
                    if (case.kind, case.size, case.tells_agents) == (kind, size, tells)
                ]
                if some:
                    rows.append((kind, f"{size:,}", "yes" if tells else "no", *_cells(some)))
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    )


def _cells(cases: list[Case]) -> tuple[str, ...]:
    outages = [case for case in cases if case.is_outage]
    found = [case for case in outages if case.is_found]
    delays = [case.delay_ms for case in found if case.delay_ms is not None]
    calls = [case.after_call_ms for case in found if case.after_call_ms is not None]
    knowns = [case.after_known_ms for case in found if case.after_known_ms is not None]
    onsets = [abs(case.onset_off_ms) for case in found if case.onset_off_ms is not None]
    nearest = [
        abs(case.onset_off_known_ms) for case in found if case.onset_off_known_ms is not None
    ]
    restored = [abs(case.restored_off_ms) for case in found if case.restored_off_ms is not None]
    return (
        str(len(cases)),
        str(len(outages)),
        str(len(outages) - len(found)),
        str(sum(case.false for case in cases)),
        *(_seconds(delays, percent) for percent in (50, 95, 100)),
        *(_seconds(calls, percent) for percent in (50, 95)),
        *(_seconds(knowns, percent) for percent in (50, 95)),
        *(_seconds(onsets, percent) for percent in (50, 95)),
        *(
            f"{_share(one <= _WITHIN_MS for one in some):.0%}" if some else ""
            for some in (onsets, nearest)
        ),
        *(_seconds(restored, percent) for percent in (50, 95)),
    )


def _seconds(values_ms: list[int], percent: float) -> str:
    return f"{percentile(values_ms, percent) / 1000:,.0f}" if values_ms else ""


def _dated(offs_ms: Iterable[int | None]) -> float:
    """How many in a hundred of the onsets that were dated are near enough."""
    return 100 * _share(abs(one) <= _WITHIN_MS for one in offs_ms if one is not None)


def _figures(cases: list[Case], note: str) -> list[Figure]:
    stopped = [case for case in cases if case.kind == STOP and case.is_outage]
    gone = [case for case in cases if case.kind == COLLAPSE and case.is_outage]
    large = min(size for size, _ in SIZES if size > SIZES[0][0])
    found = [case for case in cases if case.is_found]

    def within(some: list[Case], limit_ms: int) -> float:
        return 100 * _share(
            case.delay_ms is not None and case.delay_ms <= limit_ms for case in some
        )

    def known(some: list[Case], limit_ms: int) -> float:
        return 100 * _share(
            case.after_known_ms is not None and case.after_known_ms <= limit_ms for case in some
        )

    def told(some: list[Case]) -> list[Case]:
        return [case for case in some if case.tells_agents]

    def untold(some: list[Case]) -> list[Case]:
        return [case for case in some if not case.tells_agents]

    missed = [case for case in cases if case.is_outage and not case.is_found]
    minute, ten = _WITHIN_MS, _COLLAPSE_MS
    figures: list[tuple[str, float, str, float | None, list[Case]]] = []
    for name, limit_ms, wanted, some in (
        ("nobody answered: found in 60 s", minute, 100.0, stopped),
        ("agents gone: found in 10 min", ten, 95.0, gone),
    ):
        for who, these in (
            ("all", some),
            ("agents told", told(some)),
            ("agents told, from 2,000 calls a day", [c for c in told(some) if c.size >= large]),
            ("agents not told", untold(some)),
            (
                "agents not told, from 2,000 calls a day",
                [c for c in untold(some) if c.size >= large],
            ),
        ):
            figures += [
                (f"{name} of the onset, {who}", within(these, limit_ms), "%", wanted, these),
                (f"{name} of when known, {who}", known(these, limit_ms), "%", wanted, these),
            ]
    for who, these in (
        ("all that was found", found),
        ("nobody answered", stopped),
        ("agents gone", gone),
    ):
        figures += [
            (
                f"onset dated within 60 s, {who}",
                _dated(case.onset_off_ms for case in these),
                "%",
                95.0,
                these,
            ),
            (
                f"onset within 60 s of what could be known, {who}",
                _dated(case.onset_off_known_ms for case in these),
                "%",
                95.0,
                these,
            ),
        ]
    figures.append(("outages missed", float(len(missed)), "", None, missed))
    rows = [
        Figure("outages", name, value, unit, target=target, note=f"{len(some)} outages; {note}")
        for name, value, unit, target, some in figures
    ]
    return [*rows, *_false_alarms(cases)]


def _false_alarms(cases: list[Case]) -> list[Figure]:
    """Outages that were none, and those declared of what could not be seen."""
    years = sum(case.days for case in cases) / 365
    false = sum(case.false for case in cases)
    blind = sum(case.blind for case in cases)
    unheard = sum(case.kind == FEED_LOST for case in cases)
    return [
        Figure(
            "outages",
            "false, for each line and year",
            false / years,
            "",
            target=1.0,
            at_least=False,
            note=f"{false} in {years:.1f} line-years; less than {_most(false) / years:.2f} (95 %)",
        ),
        Figure(
            "outages",
            "declared while blind",
            float(blind),
            "",
            target=0.0,
            at_least=False,
            note=f"{unheard} lines that lost their feed",
        ),
    ]


def _most(count: int) -> float:
    """Upper 95 % bound of the mean of a Poisson count, found by halving."""
    low, high = float(count), 3.0 * count + 10

    def at_most(mean: float) -> float:
        return sum(
            math.exp(-mean + n * math.log(mean) - math.lgamma(n + 1)) for n in range(count + 1)
        )

    while high - low > 1e-6 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if at_most(middle) > 0.05 else (low, middle)
    return high


def _share(of: Iterable[bool]) -> float:
    each = list(of)
    return sum(each) / len(each) if each else math.nan


def _option(name: str, default: int) -> int:
    return int(sys.argv[sys.argv.index(name) + 1]) if name in sys.argv else default


if __name__ == "__main__":
    present(measure)
