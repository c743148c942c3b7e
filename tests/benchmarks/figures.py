"""Measured figures: how they are taken, compared with their targets, and printed.

A shared machine is noisy, so what counts is CPU time, and a ratio to a baseline that took turns
with the thing measured in the same run. Wall times stand beside them.
"""

import gc
import sys
from collections.abc import Callable, Iterable, Mapping
from statistics import median
from time import perf_counter, process_time
from typing import Final, NamedTuple

import msgspec

SEED: Final = 20_260_423
JSON_OPTION: Final = "--json"
QUICK_OPTION: Final = "--quick"


class Spent(NamedTuple):
    """Seconds that a piece of work took, on the wall and of this process's CPU time."""

    wall_s: float
    cpu_s: float


class Figure(msgspec.Struct, omit_defaults=True):
    """One measured figure.

    Attributes:
        stage: Which part of the program.
        name: What was measured.
        value: The figure (rates are per second of CPU where `cpu` is None).
        unit: Its unit.
        target: What is to be reached, in the same unit; None for a figure for information.
        at_least: Whether more is better.
        baseline_name: What took turns with it.
        baseline: The baseline's figure, in the same unit.
        ratio_target: How many times better than the baseline it has to be; None for no bound.
        wall: The same figure by the wall clock, where `value` is by CPU time.
        note: A remark.
    """

    stage: str
    name: str
    value: float
    unit: str
    target: float | None = None
    at_least: bool = True
    baseline_name: str = ""
    baseline: float | None = None
    ratio_target: float | None = None
    wall: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times better than the baseline; None without one."""
        if not self.baseline or not self.value:
            return None
        return self.value / self.baseline if self.at_least else self.baseline / self.value

    @property
    def is_met(self) -> bool | None:
        """Whether the targets are reached; None when there is none."""
        met: list[bool] = []
        if self.target is not None:
            met.append(self.value >= self.target if self.at_least else self.value <= self.target)
        if self.ratio_target is not None and self.ratio is not None:
            met.append(self.ratio >= self.ratio_target)
        return all(met) if met else None

    def cells(self) -> tuple[str, ...]:
        """The row of a table; the columns are `COLUMNS`."""
        targets = []
        if self.target is not None:
            targets.append(f"{'>=' if self.at_least else '<='} {number(self.target)}")
        if self.ratio_target is not None:
            targets.append(f">= {number(self.ratio_target)} x")
        base = "" if self.baseline is None else f"{self.baseline_name}: {number(self.baseline)}"
        return (
            self.stage,
            self.name,
            f"{number(self.value)} {self.unit}",
            "" if self.wall is None else number(self.wall),
            base,
            "" if self.ratio is None else f"{self.ratio:.2f}",
            ", ".join(targets),
            {True: "yes", False: "**no**", None: ""}[self.is_met],
            self.note,
        )


COLUMNS: Final = (
    "stage", "what", "figure", "by the wall", "baseline", "x", "to reach", "met", "remark",
)  # fmt: skip


def number(value: float) -> str:
    """A number with three significant digits or so, thousands grouped."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def timed(work: Callable[[], object]) -> Spent:
    """Do the work once and say what it took."""
    wall_s, cpu_s = perf_counter(), process_time()
    work()
    return Spent(perf_counter() - wall_s, process_time() - cpu_s)


def in_turns(works: Mapping[str, Callable[[], Spent]], rounds: int) -> dict[str, Spent]:
    """Let the works take turns, so that a slow spell of the machine meets them all alike.

    Args:
        works: Each does its work and says what the part that counts took.
        rounds: How often.

    Returns:
        The medians of each.
    """
    spent: dict[str, list[Spent]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            gc.collect()
            spent[name].append(work())
    return {
        name: Spent(median(one.wall_s for one in all_of), median(one.cpu_s for one in all_of))
        for name, all_of in spent.items()
    }


def percentile(values: Iterable[float], percent: float) -> float:
    """The smallest of the values that at least so many percent of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-len(ordered) * percent // 100) - 1)]


def table(figures: Iterable[Figure]) -> str:
    """The figures as a table in Markdown that can be read as it is."""
    rows = [COLUMNS, tuple("-" * 3 for _ in COLUMNS), *(figure.cells() for figure in figures)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(COLUMNS))]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    )


def present(measure: Callable[[bool], list[Figure]]) -> None:
    """Measure and print: a table, or with `--json` one line for `run_all.py`.

    Args:
        measure: Told whether a short run is wanted (`--quick`).
    """
    figures = measure(QUICK_OPTION in sys.argv)
    if JSON_OPTION in sys.argv:
        sys.stdout.write(msgspec.json.encode(figures).decode() + "\n")
    else:
        sys.stdout.write(f"seed {SEED}\n{table(figures)}\n")
