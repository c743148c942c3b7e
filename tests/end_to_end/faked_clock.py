"""A machine's clock that a test sets, for one process and whatever it starts: libfaketime's.

The process reads an offset from a file once a second, so the clock can be set under
it. The steady clocks go on as they do on a machine whose wall clock is set.
"""

import os
from pathlib import Path
from typing import Final

import pytest
from daemon import Daemon

_LIBRARIES: Final = "/usr/lib"
_LIBRARY: Final = "*/faketime/libfaketime.so.1"


class FakedClock:
    """The wall clock of one daemon; skips the test (in CI: fails it) without libfaketime.

    Args:
        daemon: It is started with this clock from now on.
        zone: Its local time zone.
    """

    def __init__(self, daemon: Daemon, *, zone: str = "UTC") -> None:
        self._file = daemon.home / "clock"
        self.set(0)
        settings = {
            "LD_PRELOAD": str(_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "TZ": zone,
        }
        daemon._command[1:1] = [f"{name}={value}" for name, value in settings.items()]

    def set(self, ahead_s: float) -> None:
        """Have it ahead of the true time; negative for behind."""
        written = self._file.with_suffix(".new")
        written.write_text(f"{ahead_s:+.3f}\n", encoding="ascii")
        # The daemon reads it at any instant, and must not read half of it.
        written.replace(self._file)


def _library() -> Path:
    found = next(Path(_LIBRARIES).glob(_LIBRARY), None)
    if found is not None:
        return found
    reason = "libfaketime is not installed (Debian's package `faketime`), so no clock can be set"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
