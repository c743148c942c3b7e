"""What the commands say and write: talk to stderr, records to a file or stdout, a progress bar."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from monitor.replay import Record

# A progress bar is for work that somebody waits for.
_BAR_AFTER_S: Final = 2.0
_LINES_AT_ONCE: Final = 1_000

talk = Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def opened(output: Path | None) -> Iterator[BinaryIO]:
    """The file to write to; stdout for None."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    else:
        with output.open("wb") as file:
            yield file


def write(file: BinaryIO, records: Iterable[Record]) -> None:
    """Write records as JSON lines."""
    encode = msgspec.json.Encoder().encode
    lines: list[bytes] = []
    for record in records:
        lines.append(encode(record))
        if len(lines) >= _LINES_AT_ONCE:
            file.write(b"\n".join(lines) + b"\n")
            lines.clear()
    if lines:
        file.write(b"\n".join(lines) + b"\n")


@contextmanager
def bar(inputs: list[Path]) -> Iterator[Callable[[int], None] | None]:
    """A progress bar over the bytes of the inputs, on a terminal, once it takes a while."""
    total = sum(path.stat().st_size for path in inputs if path.is_file())
    with _bar("reading", DownloadColumn(), total) as advance:
        yield advance


@contextmanager
def count_bar(what: str, total: int) -> Iterator[Callable[[int], None] | None]:
    """A progress bar over so many things, on a terminal, once it takes a while."""
    with _bar(what, MofNCompleteColumn(), total) as advance:
        yield advance


@contextmanager
def _bar(what: str, done: ProgressColumn, total: int) -> Iterator[Callable[[int], None] | None]:
    if not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn(what), BarColumn(), done, TimeRemainingColumn())
    with Progress(*columns, console=talk, transient=True) as progress:
        task = progress.add_task("", total=total, visible=False)

        def advance(size: int) -> None:
            elapsed_s = progress.tasks[0].elapsed or 0.0
            progress.update(task, advance=size, visible=elapsed_s > _BAR_AFTER_S)

        yield advance
