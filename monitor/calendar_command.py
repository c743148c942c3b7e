"""`callcenter-monitor calendar preview`: when lines have to be open, day by day, and why."""

import signal
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from monitor.calendar_preview import PreviewedLine, records, text
from monitor.config.contracts import Contract
from monitor.config.faults import ConfigError
from monitor.config.line_hours import required_hours
from monitor.config.load import load
from monitor.config.model import Config
from monitor.config.wording import choice
from monitor.core.calendar import FIRST_YEAR, LAST_YEAR
from monitor.terminal import opened, write

_WRONG: Final = 2
_DEFAULT_CONFIG: Final = Path("/etc/callcenter-monitor/config.yaml")
# A day on each side may belong to the contract's date in a zone far from UTC.
_FIRST: Final = date(FIRST_YEAR, 1, 2)
_LAST: Final = date(LAST_YEAR, 12, 30)
_MOST_DAYS: Final = 3_660
_DATE: Final = ["%Y-%m-%d"]

calendar_app = typer.Typer(
    help="Required hours: what the rules, holidays and closures make of them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@calendar_app.callback()
def _options() -> None:
    """Keeps `preview` a command of its own while there is no other."""


@calendar_app.command()
def preview(
    contract: Annotated[str, typer.Option(help="Its id, such as H0001.")],
    first: Annotated[
        datetime, typer.Option("--from", formats=_DATE, help="First day, of the first zone.")
    ],
    last: Annotated[datetime, typer.Option("--to", formats=_DATE, help="Last day, included.")],
    line: Annotated[
        str | None, typer.Option(help="One line of the contract; all by default.")
    ] = None,
    config: Annotated[
        Path,
        typer.Option(
            "--config", "-c", envvar="CALLCENTER_MONITOR_CONFIG", help="The configuration file."
        ),
    ] = _DEFAULT_CONFIG,
    format_name: Annotated[
        Literal["text", "json"],
        typer.Option("--format", "-f", help="text for people; json: one object a line."),
    ] = "text",
) -> None:
    """Print for each line and day when it has to be open, locally and in UTC, and why.

    "required": it has to be open. "permitted-alternative": it may be closed if it records messages
    and returns them within one business day. At all other times nothing is owed.
    """
    # Whoever reads may have seen enough: `preview ... | head` is no failure.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    first_day, last_day = _days(first.date(), last.date())
    try:
        loaded = load(config)
    except ConfigError as error:
        for fault in error.faults:
            typer.echo(str(fault), err=True)
        raise typer.Exit(_WRONG) from error
    lines = _lines(loaded, contract, line)
    with opened(None) as file:
        if format_name == "json":
            write(file, records(lines, first_day, last_day))
        else:
            for told in text(lines, first_day, last_day):
                file.write(told.encode() + b"\n")


def _days(first: date, last: date) -> tuple[date, date]:
    for day, option in ((first, "--from"), (last, "--to")):
        if not _FIRST <= day <= _LAST:
            raise typer.BadParameter(f"a day from {_FIRST} to {_LAST} is needed", param_hint=option)
    if last < first:
        raise typer.BadParameter(f"is before --from {first}", param_hint="--to")
    if (last - first).days >= _MOST_DAYS:
        raise typer.BadParameter(f"{_MOST_DAYS} days at most", param_hint="--to")
    return first, last


def _lines(config: Config, contract_id: str, name: str | None) -> list[PreviewedLine]:
    """The lines that are asked for.

    Raises:
        typer.BadParameter: There is no such contract or line.
    """
    contracts = {contract.id: contract for contract in config.contracts}
    found = contracts.get(contract_id)
    if found is None:
        raise typer.BadParameter(choice(contract_id, contracts), param_hint="--contract")
    names = [line.name for line in found.lines]
    if name is not None and name not in names:
        raise typer.BadParameter(choice(name, names), param_hint="--line")
    return [previewed for previewed in _previewed(config, found) if name in {None, previewed.name}]


def _previewed(config: Config, contract: Contract) -> list[PreviewedLine]:
    return [
        PreviewedLine(
            contract.id,
            line.name,
            required_hours(contract, line, line.standard or config.standard),
        )
        for line in contract.lines
    ]
