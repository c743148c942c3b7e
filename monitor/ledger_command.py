"""`callcenter-monitor ledger`: what is written for good, and whether it is still as it was written.

Both read the database alone, so they work beside a daemon that runs, on a copy, and on a file that
was set aside.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from monitor.config.faults import ConfigError
from monitor.config.load import load
from monitor.core.ledger import GENESIS, LedgerKind, LedgerRow
from monitor.core.ledger_check import BadRow, check
from monitor.formats.instants import rfc3339_ms
from monitor.store.errors import StoreError
from monitor.store.ledger import LedgerFilter
from monitor.store.ledger_file import LedgerFile
from monitor.terminal import count_bar, opened, talk, write

_FAILED: Final = 1
_WRONG: Final = 2
_HASH_DIGITS: Final = 64
_DEFAULT_CONFIG: Final = Path("/etc/callcenter-monitor/config.yaml")

ledger_app = typer.Typer(
    help="The append-only record of outages, actions, gaps and configurations.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ConfigOption = Annotated[
    Path,
    typer.Option(
        "--config", "-c", envvar="CALLCENTER_MONITOR_CONFIG", help="Take the store from this file."
    ),
]
StoreOption = Annotated[
    Path | None, typer.Option(help="The database; by default the one of the configuration.")
]


@ledger_app.command()
def verify(
    *,
    config: ConfigOption = _DEFAULT_CONFIG,
    store: StoreOption = None,
    head: Annotated[
        str | None,
        typer.Option(help="A hash that was noted elsewhere: the ledger still has to hold it."),
    ] = None,
) -> None:
    """Check that no row of the ledger was changed, removed, inserted or moved.

    Prints how many rows there are and the hash of the last one; note that hash elsewhere. The exit
    code is 1 when a row is bad (the first one is named), or when the hash of --head is not there.
    """
    noted = None if head is None else _hash(head)
    with _reading(_database(config, store)) as file, count_bar("rows", file.head.n) as progress:
        seen_n, has_noted = 0, noted in {None, GENESIS}

        def rows() -> Iterator[LedgerRow]:
            nonlocal seen_n, has_noted
            for row in file.rows():
                yield row
                seen_n = row.n
                has_noted = has_noted or row.hash == noted
                if progress is not None:
                    progress(1)

        try:
            checked = check(rows(), file.head)
        except StoreError as fault:
            talk.print(f"ledger row {seen_n + 1}: {fault}", markup=False)
            raise typer.Exit(_FAILED) from fault
    if checked.bad is not None:
        talk.print(_described(checked.bad), markup=False)
        raise typer.Exit(_FAILED)
    if not has_noted:
        talk.print(
            f"the ledger is whole, but {noted} is none of its hashes: it was shortened or written"
            " anew since that was noted, or it is another ledger",
            markup=False,
        )
        raise typer.Exit(_FAILED)
    rows_told = "1 row" if checked.head.n == 1 else f"{checked.head.n} rows"
    typer.echo(f"{rows_told}, head {checked.head.hash}")


@ledger_app.command("list")
def list_rows(
    *,
    config: ConfigOption = _DEFAULT_CONFIG,
    store: StoreOption = None,
    kind: Annotated[LedgerKind | None, typer.Option(help="Only rows of this kind.")] = None,
    subject: Annotated[
        str | None,
        typer.Option(help="Only rows about this, such as contract/H0001; source/ for all sources."),
    ] = None,
    first: Annotated[
        str | None,
        typer.Option("--from", help="From this instant on: RFC 3339, or a date for its 00:00 UTC."),
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", help="Up to, and without, this instant.")
    ] = None,
    format_name: Annotated[
        Literal["text", "json"],
        typer.Option("--format", "-f", help="text for people; json: one object a line."),
    ] = "text",
) -> None:
    """Print rows of the ledger in their order. It does not check them: that is `ledger verify`."""
    # Whoever reads may have seen enough: `list | head` is no failure.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    wanted = LedgerFilter(
        kind=None if kind is None else str(kind),
        subject=subject,
        from_ms=_instant_ms("--from", first),
        to_ms=_instant_ms("--to", last),
    )
    with _reading(_database(config, store)) as file, opened(None) as output:
        if format_name == "json":
            write(output, (_record(row) for row in file.rows(wanted)))
        else:
            for row in file.rows(wanted):
                output.write(_line(row).encode() + b"\n")


def _database(config: Path, store: Path | None) -> Path:
    if store is not None:
        return store
    try:
        return load(config).store.path
    except ConfigError as error:
        for fault in error.faults:
            typer.echo(str(fault), err=True)
        raise typer.Exit(_WRONG) from error


@contextmanager
def _reading(path: Path) -> Iterator[LedgerFile]:
    try:
        with LedgerFile(path) as file:
            yield file
    except StoreError as fault:
        talk.print(f"callcenter-monitor: {fault}", markup=False)
        raise typer.Exit(_FAILED) from fault


def _described(bad: BadRow) -> str:
    row = bad.row
    if row is None:
        return f"ledger row {bad.n}: missing"
    if row.n != bad.n:
        return f"ledger row {bad.n}: {bad.flaw} (row {row.n} follows)"
    stands = f"{row.kind}, {row.subject}, {_instant(row.at_ms)}"
    return f"ledger row {bad.n} ({_printable(stands)}): {bad.flaw}"


def _record(row: LedgerRow) -> dict[str, object]:
    try:
        body = row.content
    except ValueError:
        body = row.body
    return {
        "n": row.n,
        "at_ms": row.at_ms,
        "recorded_ms": row.recorded_ms,
        "kind": row.kind,
        "subject": row.subject,
        "key": row.key,
        "body": body,
        "hash": row.hash,
    }


def _line(row: LedgerRow) -> str:
    told = f"{row.n:>6}  {_instant(row.at_ms)}  {row.kind:<10}  {row.subject}  {row.body}"
    return _printable(told)


def _printable(text: str) -> str:
    """Text from a file that others may have written must not steer the terminal."""
    return "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in text)


def _instant(at_ms: int) -> str:
    try:
        at = datetime.fromtimestamp(at_ms / 1_000, UTC)
    except (OverflowError, ValueError, OSError):
        return f"{at_ms} ms"  # of a damaged row
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at_ms % 1_000:03}Z"


def _instant_ms(option: str, text: str | None) -> int | None:
    """An instant of the command line in epoch ms; a date is its beginning in UTC."""
    if text is None:
        return None
    at_ms = rfc3339_ms(text)
    if at_ms is not None:
        return at_ms
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is neither a date nor RFC 3339 with an offset", param_hint=option
        ) from error
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000


def _hash(text: str) -> str:
    given = text.lower()
    if len(given) != _HASH_DIGITS or set(given) - set("0123456789abcdef"):
        raise typer.BadParameter(
            "64 hexadecimal digits are needed, as /api/v1/ledger/head gives them",
            param_hint="--head",
        )
    return given
