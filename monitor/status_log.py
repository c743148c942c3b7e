"""Says in the log when a source comes and goes, once each.

The log is for whoever looks now; what the source missed meanwhile is in the ledger, to which every
status is handed on.
"""

import logging
from collections.abc import Callable

from monitor.sources.mqtt import SourceStatus

_LOG = logging.getLogger(__name__)


class StatusLog:
    """Of one source.

    Args:
        on_status: Told every status afterwards.
    """

    def __init__(self, on_status: Callable[[SourceStatus], None]) -> None:
        self._on_status = on_status
        self._said: tuple[bool, str | None] = (False, None)

    def __call__(self, status: SourceStatus) -> None:
        """Take the next status."""
        said = (status.connected, status.last_error)
        if said != self._said:
            self._said = said
            if status.connected:
                _LOG.info("source %s is connected", status.name)
            if status.last_error:
                _LOG.warning("source %s: %s", status.name, status.last_error)
        self._on_status(status)
