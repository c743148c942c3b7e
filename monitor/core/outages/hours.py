"""When the watched scopes have to be open: each line by its calendar, what is above while any has.

Pure: no I/O, no clock.
"""

from collections.abc import Mapping

import numpy as np

from monitor.core.outages.facts import BoolArray
from monitor.core.plan import Plan


class OpeningHours:
    """The required hours of all watched scopes.

    Args:
        plan: Has the lines' calendars.
        row_of: Row of each watched scope, by name; that of the organization is 0.
        rows_of: Rows of each contract and its lines, the contract's first.
    """

    def __init__(
        self, plan: Plan, row_of: Mapping[str, int], rows_of: Mapping[str, tuple[int, ...]]
    ) -> None:
        self._rows_of = rows_of
        self._calendars = {
            row_of[f"line/{contract.id}/{line.name}"]: line.hours
            for contract in plan.contracts
            for line in contract.lines
        }
        self._is_open: BoolArray = np.zeros(len(row_of), dtype=np.bool_)
        self._until_ms = -1

    def opened(self, at_ms: int) -> BoolArray:
        """Which rows have to be open at an instant. Shape (rows,); not to be written to."""
        if at_ms >= self._until_ms:
            is_open: BoolArray = np.zeros_like(self._is_open)
            changes_ms = []
            for row, calendar in self._calendars.items():
                is_open[row] = calendar.is_required(at_ms)
                change_ms = calendar.next_change(at_ms)
                if change_ms is not None:
                    changes_ms.append(change_ms)
            for rows in self._rows_of.values():
                is_open[rows[0]] = is_open[list(rows[1:])].any()
            is_open[0] = is_open.any()
            self._is_open = is_open
            self._until_ms = min(changes_ms, default=2**62)
        return self._is_open

    def last_open_ms(self, contract: str, deadline_ms: int) -> int | None:
        """End of the last time before a deadline at which the contract has to be open."""
        found = [
            self._calendars[row].last_open_before(deadline_ms)
            for row in self._rows_of[contract][1:]
        ]
        return max((end_ms for end_ms in found if end_ms is not None), default=None)

    def spans(self, contract: str, from_ms: int, to_ms: int) -> tuple[tuple[int, int], ...]:
        """When any line of a contract has to be open: [start, end) within [from, to)."""
        spans = sorted(
            span
            for row in self._rows_of[contract][1:]
            for span in self._calendars[row].required_spans(from_ms, to_ms)
        )
        merged: list[tuple[int, int]] = []
        for start_ms, end_ms in spans:
            if merged and start_ms <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end_ms, merged[-1][1]))
            else:
                merged.append((start_ms, end_ms))
        return tuple(merged)
