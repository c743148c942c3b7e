"""The command line. Data goes to stdout, talk to stderr.

Exit codes: 0 fine, 1 the work failed, 2 wrong usage or configuration.
"""

import asyncio
import logging
import signal
import sys
from collections import Counter
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NoReturn, TypeVar

import typer

from monitor import __version__
from monitor.app import App
from monitor.calendar_command import calendar_app
from monitor.clock import Clock
from monitor.config.durations import parse as parse_duration
from monitor.config.explain import explain
from monitor.config.faults import ConfigError
from monitor.config.load import load
from monitor.config.plan import to_plan
from monitor.config.secrets_file import SecretError, secret_of
from monitor.core.engine import Engine
from monitor.core.plan import SECOND_MS
from monitor.demo import Demo
from monitor.formats.ordering import in_order
from monitor.formats.recordings import RecordingError, read_recording
from monitor.ledger_command import ledger_app
from monitor.outage_command import outage_app
from monitor.replay import Replay, default_plan
from monitor.simulate_command import scenario_named, simulate_scenario
from monitor.simulation.player import Destination, play
from monitor.simulation.rehearsal import Rehearsal
from monitor.sources.mqtt import TakenOverError
from monitor.store.errors import StoreError
from monitor.terminal import bar, opened, talk, write
from monitor.web.credentials import user_line

_Result = TypeVar("_Result")

_FAILED: Final = 1
_WRONG: Final = 2
_DEFAULT_CONFIG: Final = Path("/etc/callcenter-monitor/config.yaml")

# What is told in one line stays one line, however long a path is.
_app = typer.Typer(
    name="callcenter-monitor",
    help="Watches call centers in real time and judges them by the standards that bind the plan.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_app.add_typer(calendar_app, name="calendar")
_app.command("simulate")(simulate_scenario)
_app.add_typer(ledger_app, name="ledger")
_app.add_typer(outage_app, name="outage")

# The keys of `RECORDING_FORMATS`.
Format = Literal["anonymous-bank", "normalized"]
FormatOption = Annotated[
    Format, typer.Option("--format", "-f", help="How the recording is written.")
]
Inputs = Annotated[list[Path], typer.Argument(help="Recorded files, in order of time.")]


def main() -> None:
    """Run the command line and leave with its exit code."""
    _app()


def _print_version(wanted: bool | None) -> None:  # noqa: FBT001 (typer calls it so)
    if wanted:
        typer.echo(f"callcenter-monitor {__version__}")
        raise typer.Exit


@_app.callback()
def _options(
    _version: Annotated[
        bool | None,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = None,
) -> None:
    pass


@_app.command()
def run(
    config: Annotated[
        Path,
        typer.Option(
            "--config", "-c", envvar="CALLCENTER_MONITOR_CONFIG", help="The configuration file."
        ),
    ] = _DEFAULT_CONFIG,
    speed: Annotated[
        float,
        typer.Option(
            min=0.001,
            help="For rehearsals with a recording: how fast the clock runs. Give the same speed "
            "and start to publish.",
        ),
    ] = 1.0,
    start: Annotated[
        float | None,
        typer.Option(help="For rehearsals: epoch seconds at which the fast clock begins."),
    ] = None,
) -> None:
    """Run the daemon. SIGHUP or POST /-/reload reads the configuration again."""
    _set_up_logging()
    clock = _clock(speed, start)

    async def serve() -> None:
        app = App(config, clock)
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, app.stop)
        reloads: set[asyncio.Task[object]] = set()

        def reload() -> None:
            task: asyncio.Task[object] = loop.create_task(_as_task(app.reload()))
            reloads.add(task)
            task.add_done_callback(reloads.discard)

        loop.add_signal_handler(signal.SIGHUP, reload)
        await app.run(lambda url: logging.getLogger(__name__).info("serving %s", url))

    _run(serve())


@_app.command()
def demo(
    speed: Annotated[
        float, typer.Option(min=0.001, help="Seconds of the call center's time in one second.")
    ] = 60.0,
    listen: Annotated[
        str, typer.Option(help="HOST:PORT of the page; port 0 takes a free one.")
    ] = "127.0.0.1:9108",
    seed: Annotated[int, typer.Option(min=0, help="Another seed is another bad day.")] = 1,
    recording: Annotated[
        Path | None, typer.Option(help="Play this recording instead of a simulated day.")
    ] = None,
    format_name: FormatOption = "normalized",
    scenario: Annotated[
        str | None,
        typer.Option(
            help="Play this scenario (see simulate --list) from an hour before anything happens."
        ),
    ] = None,
) -> None:
    """Watch a call center fail: embedded MQTT broker, simulated bad day, daemon, status page."""
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    played = None if recording is None else (recording, format_name)
    if recording is not None and scenario is not None:
        raise typer.BadParameter("cannot be given with --recording", param_hint="--scenario")
    written = None if scenario is None else scenario_named(scenario, "--scenario")
    rehearsal = None if written is None else Rehearsal(written, seed)
    demonstration = Demo(
        speed=speed, listen=listen, seed=seed, recording=played, rehearsal=rehearsal
    )

    def started(url: str) -> None:
        what = "a simulated bad day" if recording is None else str(recording)
        if written is not None:
            what = f"the scenario {written.name}, seed {seed},"
        talk.print(f"\n  Playing {what} at {speed:g} times its speed.")
        talk.print(f"  Status page:  [bold]{url}[/bold]")
        talk.print(f"  Metrics:      {url}metrics")
        if written is not None:
            talk.print(f"  {written.title}.", markup=False)
        elif recording is None:
            minutes = 45 / speed
            talk.print(
                f"  All is well at first; after {minutes:.2g} min half of the agents leave.\n"
                "  Half an hour of trunk failure follows, and a recovery in the evening."
            )
        talk.print("  Ctrl-C ends it.\n")

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, demonstration.stop)
        await demonstration.run(started)

    _run(serve())
    talk.print("  The demo has ended.")


@_app.command("check-config")
def check_config(
    file: Annotated[Path, typer.Argument(help="The configuration file.")],
    *,
    explained: Annotated[
        bool, typer.Option("--explain", help="Print the configuration with every default.")
    ] = False,
) -> None:
    """Say everything that is wrong with a configuration, one line for each fault."""
    try:
        config = load(file)
    except ConfigError as error:
        _refuse(error)
    if explained:
        typer.echo(explain(config), nl=False)
    else:
        lines = [line for contract in config.contracts for line in contract.lines]
        rules = config.alerts.rules or ()
        counts = ", ".join(
            f"{len(found)} {word}{'' if len(found) == 1 else 's'}"
            for found, word in (
                (config.contracts, "contract"),
                (lines, "line"),
                (config.sources, "source"),
                (rules, "alert rule"),
            )
        )
        talk.print(f"{file} is fine: {counts}", markup=False)


@_app.command()
def replay(
    inputs: Inputs,
    format_name: FormatOption,
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="Judge by this configuration; else every queue."),
    ] = None,
    every: Annotated[str, typer.Option(help="Distance of the steps: 1m, 15m, 1h.")] = "15m",
    lateness: Annotated[str, typer.Option(help="How far out of order the input may be.")] = "60s",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write here instead of stdout.")
    ] = None,
) -> None:
    """Run a recording through the engine; windows, alerts and a summary as JSON lines."""
    # Whoever reads the records may have enough of them: `replay ... | head` is no failure.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    every_ms, lateness_ms = _duration("--every", every), _duration("--lateness", lateness)
    if every_ms <= 0:
        raise typer.BadParameter("a step has to be longer than 0", param_hint="--every")
    plan, source = default_plan(), None
    if config is not None:
        try:
            loaded = load(config)
        except ConfigError as error:
            _refuse(error)
        plan = to_plan(loaded)
        if format_name != "normalized" and len(plan.sources) == 1:
            source = plan.sources[0]
    discards: Counter[str] = Counter()
    play_back = Replay(Engine(plan), every_ms)
    with _failing(RecordingError, OSError), bar(inputs) as progress:
        events = in_order(
            read_recording(format_name, inputs, progress, discards=discards, source=source),
            lateness_ms,
        )
        with opened(output) as file:
            write(file, play_back.run(events))
            write(file, [play_back.summary(discards, events.late)])


@_app.command()
def publish(
    inputs: Inputs,
    format_name: FormatOption,
    broker: Annotated[str, typer.Option(help="mqtt://HOST[:PORT] or mqtts://HOST[:PORT].")],
    speed: Annotated[float, typer.Option(min=0.001, help="How fast to play.")] = 1.0,
    start: Annotated[
        float | None,
        typer.Option(help="Epoch seconds at which the recording begins; now by default."),
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="Name the source so; the recording's own by default.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Events in one message at most.")] = 1,
    username: Annotated[str | None, typer.Option(help="User name at the broker.")] = None,
    password_file: Annotated[
        Path | None, typer.Option(help="File with the password; not readable for others.")
    ] = None,
) -> None:
    """Play a recording into an MQTT broker, its times shifted to now."""
    _set_up_logging(logging.WARNING)
    try:
        destination = Destination.parse(broker, password=secret_of(password_file, None))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--broker") from error
    except SecretError as error:
        raise typer.BadParameter(str(error), param_hint="--password-file") from error
    if username is not None:
        destination = replace(destination, username=username)
    discards: Counter[str] = Counter()
    clock = _clock(speed, start)
    with _failing(RecordingError), bar(inputs) as progress:
        events = in_order(
            _named(read_recording(format_name, inputs, progress, discards=discards), source),
            60 * SECOND_MS,
        )
        published = _run(play(events, destination=destination, clock=clock, batch=batch))
    talk.print(f"{published} events published", markup=False)
    for reason, number in sorted(discards.items()):
        talk.print(f"{number} lines refused: {reason}", markup=False)


@_app.command()
def user(name: Annotated[str, typer.Argument(help="Without a colon.")]) -> None:
    """Print a line for http.users_file; asks for the password, or reads it from stdin."""
    if ":" in name or not name.isprintable() or not name:
        raise typer.BadParameter("a name has no colon and can be printed", param_hint="NAME")
    if sys.stdin.isatty():
        password = str(
            typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        )
    else:
        password = sys.stdin.readline().rstrip("\n")
    if not password:
        raise typer.BadParameter("a password is needed on stdin", param_hint="NAME")
    typer.echo(user_line(name, password))


# -- what the commands share ------------------------------------------------------------------


def _run(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run to the end; what may go wrong becomes one line and an exit code."""
    with _failing(
        OSError,
        PermissionError,
        RecordingError,
        RuntimeError,
        SecretError,
        StoreError,
        TakenOverError,
    ):
        try:
            return asyncio.run(work)
        except ConfigError as error:
            _refuse(error)


@contextmanager
def _failing(*kinds: type[Exception]) -> Iterator[None]:
    try:
        yield
    except typer.Exit:
        raise  # a kind of RuntimeError, with an exit code of its own
    except kinds as error:
        talk.print(f"callcenter-monitor: {error}", markup=False)
        raise typer.Exit(_FAILED) from error


def _refuse(error: ConfigError) -> NoReturn:
    for fault in error.faults:
        typer.echo(str(fault), err=True)
    raise typer.Exit(_WRONG) from error


async def _as_task(work: Coroutine[Any, Any, object]) -> object:
    return await work


def _named(events: Iterable[Any], source: str | None) -> Iterator[Any]:
    for event in events:
        if source is not None:
            event.source = source
        yield event


def _clock(speed: float, start: float | None) -> Clock:
    return Clock(speed, None if start is None else int(start * SECOND_MS))


def _duration(option: str, text: str) -> int:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def _set_up_logging(level: int = logging.INFO) -> None:
    logging.basicConfig(
        level=level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
