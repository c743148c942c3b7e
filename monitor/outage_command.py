"""`callcenter-monitor outage`: what people say about outages, and what the ledger has of them.

`list` and `show` read the ledger of the database alone, so they work beside a daemon that runs and
while none does. `declare`, `note` and `restore` speak to the running daemon, which keeps what was
said before it answers.
"""

import asyncio
import getpass
import json
import os
import signal
import ssl
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NoReturn
from urllib.parse import urlsplit

import aiohttp
import msgspec
import typer

from monitor.config.faults import ConfigError
from monitor.config.load import load
from monitor.config.model import Config
from monitor.config.secrets_file import SecretError, secret_of
from monitor.core.outages.cause_words import cause_sentences
from monitor.core.outages.outage import Causes
from monitor.outage_history import OutageStory, find, stories
from monitor.replay import rfc3339
from monitor.store.errors import StoreError
from monitor.store.ledger import LedgerFilter
from monitor.store.ledger_file import LedgerFile
from monitor.terminal import opened, talk, write

_FAILED: Final = 1
_WRONG: Final = 2
_ANSWERED_WITHIN_S: Final = 30.0
_WRONG_STATUSES: Final = frozenset((400, 404, 413))
_DEFAULT_CONFIG: Final = Path("/etc/callcenter-monitor/config.yaml")
_EVERY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 (nothing listens here)
_LOOPBACK: Final = frozenset(("localhost", "127.0.0.1", "::1"))

outage_app = typer.Typer(
    help="Outages: what the ledger tells of them, and what people have to say.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ConfigOption = Annotated[
    Path,
    typer.Option(
        "--config",
        "-c",
        envvar="CALLCENTER_MONITOR_CONFIG",
        help="Take the store and the daemon's address from this file.",
    ),
]
StoreOption = Annotated[
    Path | None, typer.Option(help="The database; by default the one of the configuration.")
]
FormatOption = Annotated[
    Literal["text", "json"],
    typer.Option("--format", "-f", help="text for people; json: one object a line."),
]
UrlOption = Annotated[
    str | None,
    typer.Option(
        envvar="CALLCENTER_MONITOR_URL",
        help="The daemon, such as http://127.0.0.1:9108; by default that of the configuration.",
    ),
]
WhoOption = Annotated[
    str | None,
    typer.Option(
        help="Who says so, for the ledger; your login name by default. With --user it is the user."
    ),
]
UserOption = Annotated[
    str | None,
    typer.Option(
        envvar="CALLCENTER_MONITOR_USER",
        help="Sign in under this name; needed where the daemon has users. The password comes from "
        "--password-file or the variable CALLCENTER_MONITOR_PASSWORD.",
    ),
]
PasswordOption = Annotated[
    Path | None, typer.Option(help="File with the password; not readable for others.")
]
AuthorityOption = Annotated[
    Path | None, typer.Option("--ca-file", help="Trust this certificate of the daemon, PEM.")
]
OutageArgument = Annotated[
    str, typer.Argument(metavar="ID", help="Id of the outage, or of a contract with an open one.")
]


@outage_app.command("list")
def list_outages(
    *,
    config: ConfigOption = _DEFAULT_CONFIG,
    store: StoreOption = None,
    contract: Annotated[str | None, typer.Option(help="Only those of this contract.")] = None,
    is_open: Annotated[bool, typer.Option("--open", help="Only those that are not over.")] = False,
    format_name: FormatOption = "text",
) -> None:
    """Print every outage of the ledger, the oldest first: state, onset, deadline, id."""
    # Whoever reads may have seen enough: `list | head` is no failure.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    found = [
        story
        for story in _stories(config, store).values()
        if contract in {None, story.contract} and (story.is_open or not is_open)
    ]
    with opened(None) as output:
        if format_name == "json":
            write(output, (_record(story) for story in found))
        else:
            for story in found:
                output.write(f"{_line(story)}\n".encode())


@outage_app.command()
def show(
    outage: OutageArgument,
    *,
    config: ConfigOption = _DEFAULT_CONFIG,
    store: StoreOption = None,
    format_name: FormatOption = "text",
) -> None:
    """Print the whole story of one outage, as the ledger has it."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    story = find(_stories(config, store), outage)
    if story is None:
        raise typer.BadParameter(
            f"{outage!r} is not in the ledger; `outage list` names all", param_hint="ID"
        )
    with opened(None) as output:
        if format_name == "json":
            write(output, [{**_record(story), "happenings": story.happenings}])
        else:
            output.write(f"{_line(story)}\n".encode())
            for told in story.happenings:
                output.write(f"  {_told(told)}\n".encode())
                for line in _cause_lines(told):
                    output.write(f"    {line}\n".encode())


@outage_app.command()
def declare(
    contract: Annotated[str, typer.Argument(help="Id of the contract, such as H0001.")],
    *,
    why: Annotated[str, typer.Option(help="What has happened, in one line; no caller's data.")],
    onset: Annotated[
        str | None,
        typer.Option(
            help="When it ceased to work: RFC 3339 with offset, such as 2026-03-02T15:00:00-05:00; "
            "now by default. The clock runs from it."
        ),
    ] = None,
    who: WhoOption = None,
    config: ConfigOption = _DEFAULT_CONFIG,
    url: UrlOption = None,
    user: UserOption = None,
    password_file: PasswordOption = None,
    ca_file: AuthorityOption = None,
    format_name: FormatOption = "text",
) -> None:
    """Say that a contract's call center does not work; that starts the restoration clock.

    Where an outage is open already, what you say is kept with it, and its clock runs on unchanged.
    An outage that nothing but people have seen ends when people say so: `outage restore`.
    """
    said = {"action": "declare", "contract": contract, "why": why, "onset": onset}
    _say(said, _Daemon(config, url, user, password_file, ca_file), who, format_name)


@outage_app.command()
def note(
    outage: OutageArgument,
    text: Annotated[str, typer.Argument(help="What there is to say, in one line.")],
    *,
    who: WhoOption = None,
    config: ConfigOption = _DEFAULT_CONFIG,
    url: UrlOption = None,
    user: UserOption = None,
    password_file: PasswordOption = None,
    ca_file: AuthorityOption = None,
    format_name: FormatOption = "text",
) -> None:
    """Have something kept with an outage for good: what was done, who was called, a ticket."""
    said = {"action": "note", "outage": outage, "text": text}
    _say(said, _Daemon(config, url, user, password_file, ca_file), who, format_name)


@outage_app.command()
def restore(
    outage: OutageArgument,
    *,
    why: Annotated[str, typer.Option(help="How you know, in one line.")],
    at: Annotated[
        str | None,
        typer.Option(help="Since when it has worked: RFC 3339 with offset; now by default."),
    ] = None,
    who: WhoOption = None,
    config: ConfigOption = _DEFAULT_CONFIG,
    url: UrlOption = None,
    user: UserOption = None,
    password_file: PasswordOption = None,
    ca_file: AuthorityOption = None,
    format_name: FormatOption = "text",
) -> None:
    """Say that an outage is over; the ledger keeps that you said so."""
    said = {"action": "restore", "outage": outage, "why": why, "restored_at": at}
    _say(said, _Daemon(config, url, user, password_file, ca_file), who, format_name)


# -- what was told ----------------------------------------------------------------------------


def _stories(config: Path, store: Path | None) -> dict[str, OutageStory]:
    path = _load(config).store.path if store is None else store
    try:
        with LedgerFile(path) as file:
            return stories(file.rows(LedgerFilter(subject="contract/")))
    except StoreError as fault:
        _fail(str(fault))


def _load(path: Path) -> Config:
    try:
        return load(path)
    except ConfigError as error:
        for fault in error.faults:
            typer.echo(str(fault), err=True)
        raise typer.Exit(_WRONG) from error


def _record(story: OutageStory) -> dict[str, Any]:
    record = asdict(story)
    del record["happenings"]
    return record


def _line(story: OutageStory) -> str:
    parts = [f"{story.contract}  {story.state:<10}", f"since {_instant(story.onset_ms)}"]
    if story.restored_ms is not None:
        parts.append(f"until {_instant(story.restored_ms)}")
    elif story.is_open:
        parts.append(f"deadline {_instant(story.deadline_ms)}")
    if story.is_missed:
        parts.append("MISSED")
    return _printable("  ".join((*parts, story.id)))


def _told(told: dict[str, Any]) -> str:
    unsaid = {"at_ms", "what", "causes"} if _cause_lines(told) else {"at_ms", "what"}
    figures = {name: value for name, value in told.items() if name not in unsaid}
    text = json.dumps(figures, ensure_ascii=False) if figures else ""
    return _printable(f"{_instant(told['at_ms'])}  {told['what']:<10}  {text}")


def _cause_lines(told: dict[str, Any]) -> list[str]:
    """What spoke for which cause then, a line each; none when the row does not have it."""
    try:
        causes = msgspec.convert(told.get("causes"), Causes)
        return [
            _printable(f"{name:<10}  {words}") for name, words in cause_sentences(causes).items()
        ]
    except (msgspec.ValidationError, KeyError):
        return []  # of another version, or of a damaged row: it is shown as it is


def _instant(at_ms: object) -> str:
    try:
        return rfc3339(at_ms) if isinstance(at_ms, int) else "unknown"
    except (OverflowError, ValueError, OSError):
        return f"{at_ms} ms"  # of a damaged row


def _printable(text: str) -> str:
    """Text from a file that others may have written must not steer the terminal."""
    return "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in text)


# -- speaking to the daemon -------------------------------------------------------------------


class _Daemon:
    """Where the daemon is, and how to sign in."""

    def __init__(
        self,
        config: Path,
        url: str | None,
        user: str | None,
        password_file: Path | None,
        ca_file: Path | None,
    ) -> None:
        self.url = (_address(_load(config)) if url is None else url).rstrip("/")
        self.user = user
        self.authorization: str | None = None
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise typer.BadParameter("http://HOST:PORT or https:// is needed", param_hint="--url")
        if user is not None:
            if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
                raise typer.BadParameter(
                    "a password does not cross a network in the clear: https:// is needed",
                    param_hint="--url",
                )
            self.authorization = aiohttp.BasicAuth(user, _password(password_file), "utf-8").encode()
        try:
            self.tls = None if ca_file is None else ssl.create_default_context(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            raise typer.BadParameter(
                f"{ca_file} is no certificate ({error})", param_hint="--ca-file"
            ) from error

    async def say(self, said: dict[str, str]) -> tuple[int, str]:
        """Status and body of the answer.

        Raises:
            aiohttp.ClientError: Nobody answers.
            TimeoutError: Not in time.
        """
        headers = {} if self.authorization is None else {"Authorization": self.authorization}
        timeout = aiohttp.ClientTimeout(total=_ANSWERED_WITHIN_S)
        async with (
            aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
            session.post(
                f"{self.url}/api/v1/outages", json=said, ssl=self.tls or True, allow_redirects=False
            ) as answer,
        ):
            return answer.status, await answer.text(errors="replace")


def _address(config: Config) -> str:
    http = config.http
    scheme = "http" if http.cert_file is None else "https"
    host = f"[{http.host}]" if ":" in http.host and http.host != "::" else http.host
    return f"{scheme}://{_EVERY_ADDRESS.get(http.host, host)}:{http.port}"


def _password(file: Path | None) -> str:
    name = "CALLCENTER_MONITOR_PASSWORD"
    try:
        password = secret_of(file, name if file is None and name in os.environ else None)
    except SecretError as error:
        raise typer.BadParameter(str(error), param_hint="--password-file") from error
    if password is None:
        raise typer.BadParameter(f"give --password-file or set {name}", param_hint="--user")
    return password


def _say(
    said: Mapping[str, str | None], daemon: _Daemon, who: str | None, format_name: str
) -> None:
    if who is None and daemon.user is None:
        who = getpass.getuser()
    given = {name: value for name, value in {**said, "who": who}.items() if value is not None}
    try:
        status, text = asyncio.run(daemon.say(given))
    except TimeoutError:
        _fail(f"{daemon.url} does not answer in time: look before you say it again")
    except aiohttp.ClientError as fault:
        _fail(f"{daemon.url}: {fault}")
    answer = _parsed(text)
    if status != 200:  # noqa: PLR2004 (a status of HTTP)
        reason = str(answer.get("error", text.strip()[:200]))
        _fail(f"{daemon.url}: {reason}", _WRONG if status in _WRONG_STATUSES else _FAILED)
    if format_name == "json":
        typer.echo(json.dumps(answer))
        return
    told = {name: _instant(answer.get(f"{name}_ms")) for name in ("onset", "deadline", "restored")}
    until = (
        f"restored {told['restored']}"
        if answer.get("restored_ms") is not None
        else (f"to be restored by {told['deadline']}")
    )
    line = f"{answer.get('contract')}: outage {answer.get('id')} since {told['onset']}, {until}"
    typer.echo(_printable(line))


def _parsed(text: str) -> dict[str, Any]:
    try:
        answer = json.loads(text)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _fail(text: str, code: int = _FAILED) -> NoReturn:
    talk.print(f"callcenter-monitor: {_printable(text)}", markup=False)
    raise typer.Exit(code)
