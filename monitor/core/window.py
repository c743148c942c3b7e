"""The one spelling of a window's length, in metrics, API, page and reports.

Pure: no I/O, no clock.
"""

from monitor.core.plan import HOUR_MS, MINUTE_MS, SECOND_MS


def window_label(window_ms: int) -> str:
    """The length in the largest unit that divides it: `90s`, `15m`, `24h`.

    Args:
        window_ms: A whole number of seconds, > 0, in milliseconds.
    """
    for unit_ms, unit in ((HOUR_MS, "h"), (MINUTE_MS, "m")):
        if window_ms % unit_ms == 0:
            return f"{window_ms // unit_ms}{unit}"
    return f"{window_ms // SECOND_MS}s"
