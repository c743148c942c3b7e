"""Weeks of telephone lines in which one thing happens, or nothing, made for judging the watch.

Every line is a plan of its own: one contract, one line, one queue, two sites behind one source. Its
size, its profile, how well it is staffed, what happens and when all follow from its seed. Staff are
laid out for the demand as a planner would: always more than the work, by a margin that is better on
some lines than on others.
"""

import math
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.calendars.local_quarter import local_quarter
from monitor.core import events as ev
from monitor.core.events import Event
from monitor.core.outages.week_clock import QUARTER_MS
from monitor.simulation.course import Course
from monitor.simulation.scenario_model import ScenarioFile
from monitor.simulation.simulate import Simulated, simulate

# Mean calls a day, and which share of the lines has so many.
SIZES: Final = ((300, 0.45), (2_000, 0.45), (20_000, 0.10))
NORMAL: Final = "normal"
FEED_LOST: Final = "feed_lost"
STOP: Final = "stop_answering"
COLLAPSE: Final = "agents_times"
DEMAND: Final = "demand_times"
SILENT: Final = "acd_silent"
# What happens, and on which share of the lines.
KINDS: Final = (
    (NORMAL, 0.30),
    (STOP, 0.18),
    (COLLAPSE, 0.16),
    ("trunk_failure", 0.08),
    ("site_closed", 0.07),
    (DEMAND, 0.07),
    (SILENT, 0.06),
    (FEED_LOST, 0.08),
)
ZONE: Final = "America/New_York"
FIRST_DAY: Final = date(2025, 1, 27)  # a Monday
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
_OPENS_H, _CLOSES_H = 8, 20
_KEPT: Final = 8
_CONTAINED: Final = 0.15
# Parts of the day with a roster of their own: begin and end, h.
_PARTS: Final = ((7.8, 12.5), (12.5, 17.0), (17.0, 20.3))
_PROFILE: Final = {
    "mon-fri": {"06:00": 0.1, "08:00": 5.5, "09:30": 8, "16:30": 8, "17:30": 6, "20:00": 4,
                "22:00": 0.2},
    "sat-sun": {"06:00": 0.1, "08:00": 2, "10:00": 3, "17:00": 3, "20:00": 1.5, "22:00": 0.1},
}  # fmt: skip


class Line(NamedTuple):
    """One line and its time.

    Attributes:
        number: Unique in a run; names its contract, queue and source.
        seed: Of all its chance.
        calls: Mean calls a day.
        kind: What happens.
        tells_agents: Whether its source tells the states of agents.
        days: How long it is watched.
    """

    number: int
    seed: int
    calls: int
    kind: str
    tells_agents: bool
    days: int

    @property
    def contract(self) -> str:
        """Id of its contract."""
        return f"H{self.number:04d}"

    @property
    def source(self) -> str:
        """Name of its source."""
        return f"pbx{self.number}"


def lines(first_seed: int, count: int, days: int) -> list[Line]:
    """So many lines with the seeds from `first_seed` on, of every size and kind in turn."""
    found = []
    sizes, kinds = _dealt([share for _, share in SIZES]), _dealt([share for _, share in KINDS])
    for number in range(count):
        seed = first_seed + number
        rng = np.random.default_rng((seed, 1))
        size, kind = sizes[number % len(sizes)], kinds[(number * 7 + number // 100) % len(kinds)]
        calls = round(SIZES[size][0] * float(rng.uniform(0.8, 1.25)))
        # Two thirds tell the states of their agents.
        tells = bool(rng.random() < 2 / 3)
        found.append(Line(number, seed, calls, KINDS[kind][0], tells, days))
    return found


def _dealt(shares: list[float]) -> list[int]:
    """A hundred cards with each number in its share, well mixed and always the same."""
    cards = np.repeat(np.arange(len(shares)), [round(100 * share) for share in shares])
    mixed: list[int] = np.random.default_rng(0).permutation(cards).tolist()
    return mixed


class Week:
    """A line's time, laid out and played.

    Args:
        line: Which.

    Attributes:
        scenario: It, as a file would say it.
        open: When the line has to be open.
        simulated: It, played.
        from_ms, until_ms: When something happens, epoch ms; both 0 on a normal line.
        first_ms: When the first call after the true onset entered the queue; 0 before it has.
        last_ms: The last answer before it.
    """

    def __init__(self, line: Line) -> None:
        self.line = line
        self._rng = np.random.default_rng((line.seed, 2))
        self.scenario = ScenarioFile.model_validate(_frozen(self._scenario()))
        course = Course.of(self.scenario)
        self.open = course.lines[0].open
        self.simulated: Simulated = simulate(course, line.seed)
        spans = [span for effect in course.effects for span in effect.spans]
        self.from_ms = min((span[0] for span in spans), default=0)
        self.until_ms = max((span[1] for span in spans), default=0)
        self.first_ms = self.last_ms = 0

    @cached_property
    def onset_ms(self) -> int | None:
        """The true onset; None without an outage."""
        outages = self.simulated.truth.outages
        return outages[0].onset_ms if outages else None

    def events(self) -> Iterator[tuple[int, Event]]:
        """Yield what is received, and when."""
        onset_ms = self.onset_ms
        queued, answered, state = ev.CALL_QUEUED, ev.CALL_ANSWERED, ev.AGENT_STATE
        tells = self.line.tells_agents
        for received_ms, event in self.simulated.deliveries:
            kind = event.type
            if kind == state and not tells:
                continue
            if onset_ms is not None and not self.first_ms:
                if kind == queued and event.at_ms >= onset_ms:
                    self.first_ms = event.at_ms
                elif kind == answered and event.at_ms < onset_ms:
                    self.last_ms = event.at_ms
            yield received_ms, event

    def weeks_before(self) -> NDArray[np.int32]:
        """What eight ordinary weeks would have taught, in the form of `Expectation.kept` of a row.

        Shape (slots, 8), int32.
        """
        found = np.full((7 * 96, _KEPT), -1, np.int32)
        (expected,) = self.simulated.truth.expected.values()
        starts_ms = np.array(expected.starts_ms)
        usual = np.array(expected.usual)
        quarters = starts_ms // QUARTER_MS
        for quarter in np.unique(quarters).tolist():
            at_ms = quarter * QUARTER_MS
            if any(from_ms <= at_ms < until_ms for from_ms, until_ms in self.open):
                mean = usual[quarters == quarter].sum() * (1 - _CONTAINED)
                found[local_quarter(ZONE, at_ms)[0]] = self._rng.poisson(mean, _KEPT)
        return found

    # -- the scenario -------------------------------------------------------------------------

    def _scenario(self) -> dict[str, Any]:
        line, rng = self.line, self._rng
        talk_s = int(rng.uniform(210, 420))
        wrap_s = int(rng.uniform(15, 60))
        patience_s = int(rng.uniform(300, 900))
        queue = f"q{line.number}"
        staffed = float(rng.uniform(0.9, 1.8))
        return {
            "name": "week",
            "title": "Week",
            "start": {"date": FIRST_DAY.isoformat(), "zone": ZONE},
            "duration": f"{line.days}d",
            "contracts": [
                {
                    "id": line.contract,
                    "name": "Example",
                    "service_areas": [ZONE],
                    "lines": [
                        {"name": "m", "kind": "current-enrollee", "queues": [queue], "hours": "cms"}
                    ],
                }
            ],
            "profiles": {"members": _PROFILE},
            "queues": [
                {
                    "key": queue,
                    "dnis": "8005550101",
                    "calls_per_day": float(line.calls),
                    "profile": "members",
                    "contained": _CONTAINED,
                    "talk": f"{talk_s}s",
                    "wrap_up": f"{wrap_s}s",
                    "patience": f"{patience_s}s",
                }
            ],
            "sites": [
                {
                    "name": site,
                    "source": line.source,
                    "calls": share,
                    "staff": self._staff(queue, share, talk_s + wrap_s, staffed),
                }
                for site, share in (("harbor", 0.6), ("mesa", 0.4))
            ],
            "happenings": [] if line.kind == NORMAL else [self._happening()],
        }

    def _staff(self, queue: str, share: float, handle_s: int, margin: float) -> list[Any]:
        """A site's rosters: those who stay all day, and more for the fuller parts of it."""
        found = []
        for days, is_weekend in (("mon-fri", False), ("sat-sun", True)):
            needed = [
                self._agents(handle_s, margin, part, is_weekend=is_weekend) for part in _PARTS
            ]
            counts = [max(1, math.ceil(share * count)) for count in needed]
            stay = min(counts)
            spans = [(_PARTS[0][0], _PARTS[-1][1], stay)]
            spans += [
                (from_h, until_h, count - stay)
                for (from_h, until_h), count in zip(_PARTS, counts, strict=True)
                if count > stay
            ]
            found += [
                {"queue": queue, "agents": count, "shift": {days: f"{_wall(a)}-{_wall(b)}"}}
                for a, b, count in spans
            ]
        return found

    def _agents(
        self, handle_s: int, margin: float, part: tuple[float, float], *, is_weekend: bool
    ) -> int:
        """Agents for the fullest quarter of a part of the day: the work, and a margin (root)."""
        week = {key: _weights(points) for key, points in _PROFILE.items()}
        total = 5 * week["mon-fri"].sum() + 2 * week["sat-sun"].sum()
        weights = week["sat-sun" if is_weekend else "mon-fri"] * 7 / total
        begin, end = (int(hour * 4) for hour in part)
        calls = self.line.calls * (1 - _CONTAINED) * float(weights[begin : end + 1].max())
        work = calls / 900 * handle_s
        return math.ceil(work + margin * math.sqrt(work) + 0.5)

    def _happening(self) -> dict[str, Any]:
        rng, line = self._rng, self.line
        day = FIRST_DAY + timedelta(days=int(rng.integers(min(1, line.days - 1), line.days)))
        second = int(rng.uniform(_OPENS_H + 0.75, _CLOSES_H - 3) * 3600)
        minutes = float(np.exp(rng.uniform(math.log(30), math.log(300))))
        end = min(second + int(minutes * 60), int((_CLOSES_H - 1.25) * 3600))
        at, until = (f"{day.isoformat()} {_clock(one)}" for one in (second, end))
        found: dict[str, Any] = {"kind": line.kind, "at": at, "until": until}
        match line.kind:
            case "agents_times":
                found["share"] = round(float(rng.uniform(0.10, 0.40)), 3)
            case "trunk_failure":
                found["new_calls"] = round(float(rng.uniform(0.4, 1.0)), 3)
                found["at_once"] = round(float(rng.uniform(0, 0.9)), 3)
                found["after"] = f"{int(rng.uniform(5, 30))}s"
                found["told_as"] = str(rng.choice(["disconnected", "abandoned"]))
            case "site_closed":
                found["site"] = "harbor"
            case "demand_times":
                found["times"] = round(float(rng.uniform(2, 5)), 2)
            case "feed_lost":
                end = min(end, second + int(np.exp(rng.uniform(math.log(60), math.log(7200)))))
                found["until"] = f"{day.isoformat()} {_clock(end)}"
                found["events"] = str(rng.choice(["never", "late"]))
        return found


def _frozen(value: Any) -> Any:  # noqa: ANN401 (whatever is in a scenario)
    """The same with tuples for lists, as a file is read."""
    if isinstance(value, dict):
        return {key: _frozen(one) for key, one in value.items()}
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _weights(points: dict[str, float]) -> NDArray[np.float64]:
    hours = [int(time[:2]) + int(time[3:]) / 60 for time in points]
    return np.interp((np.arange(96) + 0.5) / 4, hours, list(points.values()), left=0, right=0)


def _wall(hour: float) -> str:
    return f"{int(hour):02d}:{round(hour % 1 * 60):02d}"


def _clock(second: int) -> str:
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
