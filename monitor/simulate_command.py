"""`callcenter-monitor simulate`: plays a written scenario into a file, with the truth beside it."""

import gzip
import secrets
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Final, NoReturn
from zoneinfo import ZoneInfo

import msgspec
import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from monitor.calendars.wall_clock import on_the_wall
from monitor.config.faults import ConfigError
from monitor.formats.writing import to_wire
from monitor.simulation.account import IN_ALL
from monitor.simulation.course import DAY_MS
from monitor.simulation.hearing import Delivery
from monitor.simulation.scenario_library import find_scenario, load_scenario, shipped
from monitor.simulation.scenario_model import ScenarioFile
from monitor.simulation.simulate import simulate
from monitor.simulation.truth import Truth
from monitor.terminal import opened, talk

_FAILED: Final = 1
_WRONG: Final = 2
_LINES_AT_ONCE: Final = 1_000
_BAR_AFTER_S: Final = 2.0
_SEEDS: Final = 1_000_000
_HOUR_MS: Final = 3_600_000
_MOST_DAYS: Final = 366


def simulate_scenario(
    scenario: Annotated[
        str | None,
        typer.Argument(help="One that comes with the program (see --list), or a file."),
    ] = None,
    *,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Repeat a run: the same seed gives the same bytes."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Write events here (.gz compresses); stdout by default."
        ),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(help="Write the truth here; beside --output as NAME.truth.json by default."),
    ] = None,
    days: Annotated[
        int | None,
        typer.Option(min=1, max=_MOST_DAYS, help="Play so many days, whatever the scenario says."),
    ] = None,
    listed: Annotated[
        bool, typer.Option("--list", help="Say what comes with the program, and leave.")
    ] = False,
) -> None:
    """Play a written scenario: days of events of a call center to which something happens.

    The events are normalized JSON lines in the order in which they are received; `replay` and
    `publish` read them. The truth beside them is what a monitor should find: each outage with its
    onset and restoration, when the sources are not heard or have nothing to tell, and how many
    calls are to be expected in each quarter-hour.

    A scenario is a YAML file. The shortest is like one that comes with the program, and says when
    something else happens: "{name: mine, title: Mine, like: normal_week, happenings: [{kind:
    stop_answering, at: 2025-01-29 10:00, until: 2025-01-29 12:00}]}". Every fault in a file is told
    with its line.
    """
    # Whoever reads the events may have enough of them: `simulate ... | head` is no failure.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if listed:
        _list()
        return
    loaded = scenario_named(scenario, "SCENARIO")
    if days is not None:
        loaded = loaded.model_copy(update={"duration": days * DAY_MS})
    chosen = secrets.randbelow(_SEEDS) if seed is None else seed
    talk.print(f"scenario {loaded.name}, seed {chosen}", markup=False)
    simulated = simulate(loaded, chosen)
    beside = truth if truth is not None or output is None else _beside(output)
    try:
        with ExitStack() as stack:
            progress = stack.enter_context(_bar(simulated.truth))
            file = stack.enter_context(opened(output))
            put: Callable[[bytes], object] = file.write
            if output is not None and output.suffix == ".gz":
                # Without a time and a name in it, the same seed gives the same file.
                packed = gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0)
                put = stack.enter_context(packed).write
            _write(put, simulated.deliveries, progress)
        if beside is not None:
            beside.write_bytes(msgspec.json.encode(simulated.truth) + b"\n")
    except OSError as error:
        talk.print(f"callcenter-monitor: {error}", markup=False)
        raise typer.Exit(_FAILED) from error
    for line in _summary(loaded, simulated.truth):
        talk.print(line, markup=False)


def scenario_named(named: str | None, hint: str) -> ScenarioFile:
    """The scenario of a name or file that was given on the command line.

    Args:
        named: What was given.
        hint: The argument or option, for the message.

    Raises:
        typer.BadParameter: There is none.
        typer.Exit: It is faulty; every fault has been told.
    """
    path = None if named is None else find_scenario(named)
    if path is None:
        raise typer.BadParameter(
            f"a file, or one of {', '.join(shipped())}, is needed", param_hint=hint
        )
    try:
        return load_scenario(path)
    except ConfigError as error:
        _refuse(error)


def _refuse(error: ConfigError) -> NoReturn:
    for fault in error.faults:
        typer.echo(str(fault), err=True)
    raise typer.Exit(_WRONG) from error


def _list() -> None:
    width = max(map(len, shipped()))
    for name, path in shipped().items():
        typer.echo(f"{name:<{width}}  {load_scenario(path).title}")


def _beside(output: Path) -> Path:
    """`week.truth.json` for `week.ndjson` and `week.ndjson.gz`."""
    plain = output.with_suffix("") if output.suffix == ".gz" else output
    return plain.with_suffix(".truth.json")


def _write(
    put: Callable[[bytes], object], deliveries: Iterator[Delivery], progress: Callable[[int], None]
) -> None:
    lines: list[bytes] = []
    received_ms = 0
    for received_ms, event in deliveries:
        lines.append(to_wire(event))
        if len(lines) >= _LINES_AT_ONCE:
            put(b"\n".join(lines) + b"\n")
            lines.clear()
            progress(received_ms)
    if lines:
        put(b"\n".join(lines) + b"\n")
        progress(received_ms)


@contextmanager
def _bar(truth: Truth) -> Iterator[Callable[[int], None]]:
    """A progress bar over the scenario's time, on a terminal, once it takes a while."""
    if not sys.stderr.isatty():
        yield lambda _received_ms: None
        return
    columns = (TextColumn("simulating"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=talk, transient=True) as progress:
        task = progress.add_task("", total=truth.end_ms - truth.start_ms, visible=False)

        def advance(received_ms: int) -> None:
            elapsed_s = progress.tasks[0].elapsed or 0.0
            progress.update(
                task,
                completed=received_ms - truth.start_ms,
                visible=elapsed_s > _BAR_AFTER_S,
            )

        yield advance


def _summary(scenario: ScenarioFile, truth: Truth) -> Iterator[str]:
    """What was played, for people, in local time."""
    zone = ZoneInfo(scenario.start.zone)

    def local(at_ms: int) -> str:
        return f"{on_the_wall(at_ms, zone):%a %Y-%m-%d %H:%M:%S}"

    counts = truth.counts[IN_ALL]
    yield (
        f"{counts['delivered']} events of {counts['calls_made']} calls, "
        f"{local(truth.start_ms)} to {local(truth.end_ms)} {scenario.start.zone}"
    )
    for outage in truth.outages:
        end = "and not restored"
        if outage.restored_ms is not None:
            hours = (outage.restored_ms - outage.onset_ms) / _HOUR_MS
            end = f"to {local(outage.restored_ms)} ({hours:.1f} h)"
        yield (
            f"{outage.contract} {outage.function} {outage.grade} ({', '.join(outage.causes)}): "
            f"{local(outage.onset_ms)} {end}"
        )
    for span in truth.blind:
        yield (
            f"{span.source} not heard, events {span.events}: "
            f"{local(span.from_ms)} to {local(span.until_ms)}"
        )
