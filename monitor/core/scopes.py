"""Rows of the arrays: which scope is which row, and how counts roll up.

Events add to *direct* rows only: sites and queues. The rows above them (organization, legal
entities, contracts, lines) are sums of queues, made when they are read:

    row:   0             ..upper           ..sites        ..queues
           organization  entity contract line | site     | (none) unconfigured  member-en ...
                                              '---- direct rows ----------------------->
Queues come last, so that one that a pattern admits at run time is a new row at the end and moves
no other. A queue that serves several contracts counts for each of them and once for what is above.
A call that reached no queue counts in the row of those, which only the organization adds up; if it
dialled a number of a line it counts in that line's row of such calls as well, below the line only.

Pure: no I/O, no clock.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final

import numpy as np

from monitor.core.hierarchy import Hierarchy
from monitor.core.levels import as_slice
from monitor.core.plan import ContractPlan, LinePlan, Plan
from monitor.core.snapshot import IntArray, Scope, ScopeKind
from monitor.core.standards import DEFAULT_THRESHOLD_MS, Measure, Standard

UNCONFIGURED: Final = "unconfigured"


def threshold_ms(standard: Standard) -> int:
    """Within how long the standard wants a call answered; 30 s when it does not say."""
    requirement = standard.requirement(Measure.SERVICE_LEVEL)
    if requirement is None or requirement.threshold_ms is None:
        return DEFAULT_THRESHOLD_MS
    return requirement.threshold_ms


class ScopeTable:
    """All scopes of a plan; grows when a pattern admits a queue.

    Attributes:
        scopes: One for each row, in row order.
        standards: What each row is held to, in row order.
        thresholds_ms: Service-level threshold of each direct row.
        upper: How many rows are sums of others.
        no_queue: Direct row of calls that reached no queue.
        unconfigured: Direct row of queues that the plan does not know.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._lines: list[tuple[ContractPlan, LinePlan]] = [
            (contract, line) for contract in plan.contracts for line in contract.lines
        ]
        self.scopes: list[Scope] = []
        self.standards: list[Standard] = []
        self.thresholds_ms: list[int] = []
        self._direct: dict[str, int] = {}
        self._members: list[list[int]] = []
        self._row_of: dict[str, int] = {}  # upper rows
        self._hierarchy: Hierarchy | None = None
        # Lines by the queues that they name, and by the patterns that they admit.
        self._naming: dict[str, list[int]] = {}
        self._admitting: list[tuple[str, int]] = []
        for index, (_, line) in enumerate(self._lines):
            for key in line.queues:
                if _is_pattern(key):
                    self._admitting.append((key, index))
                else:
                    self._naming.setdefault(key, []).append(index)
        self._add_upper()
        self.upper = len(self.scopes)
        self._sites: dict[str, int] = {}
        for site in plan.sites:
            self._sites[site] = self._add_row(
                ScopeKind.SITE, f"site/{site}", {"site": site}, plan.standard
            )
        self._dialled: dict[str, int] = {}
        for contract, line in self._lines:
            if line.dnis:
                self._add_unqueued(contract, line)
        self.no_queue = self._add_queue("")
        self.unconfigured = self._add_queue(UNCONFIGURED)
        self._admitted = 0
        for key in self._exact_keys():
            if key not in self._direct:
                self._add_queue(key)

    def queue_row(self, key: str) -> int:
        """Direct row of a queue; `unconfigured` for one that neither a key nor a pattern names."""
        row = self._direct.get(key)
        if row is None:
            row = self._admit(key)
        return row

    def site_row(self, site: str) -> int:
        """Direct row of a site; -1 for one that is not configured."""
        return self._sites.get(site, -1)

    def dialled_row(self, dnis: str | None) -> int:
        """Direct row of calls to a number that reach no queue; -1 for a number of no line."""
        return -1 if dnis is None else self._dialled.get(dnis, -1)

    @property
    def direct_count(self) -> int:
        """How many rows take events."""
        return len(self.scopes) - self.upper

    def rows_matching(self, patterns: Iterable[str]) -> list[int]:
        """Rows whose scope name matches any of the shell patterns, ascending."""
        wanted = tuple(patterns)
        return [
            scope.row
            for scope in self.scopes
            if any(fnmatchcase(scope.name, pattern) for pattern in wanted)
        ]

    def roll_up(self, direct: IntArray) -> IntArray:
        """Counts of all rows from the counts of the direct ones.

        Args:
            direct: Shape (..., direct rows, fields), int64. It may have spare rows at the end; and
                rows that have been added to the table since then count as zero.

        Returns:
            Shape (..., rows, fields), int64.
        """
        return self.hierarchy().roll_up(direct)

    def highest(self, direct: IntArray) -> IntArray:
        """The highest of the direct rows below every row; -1 for rows with none.

        Args:
            direct: Shape (direct rows,), int64, >= -1.

        Returns:
            Shape (rows,), int64.
        """
        return self.hierarchy().highest(direct)

    def hierarchy(self) -> Hierarchy:
        """The rows and their sums as they are now; the same object until a row is added.

        A row adds up rows of the level below where no queue would count twice, which spares most
        of the work, and else the queues themselves.
        """
        if self._hierarchy is None:
            self._hierarchy = Hierarchy(
                names=tuple(scope.name for scope in self.scopes),
                upper=self.upper,
                below=tuple(
                    (row, as_slice(np.array(self._parts(row), dtype=np.intp)))
                    for row in reversed(range(self.upper))
                ),
            )
        return self._hierarchy

    def _parts(self, row: int) -> list[int]:
        members = set(self._members[row])
        parts: list[int] = []
        below: set[int] = set()
        count = 0
        for child in self._children(row):
            parts.append(child)
            below.update(self._members[child])
            count += len(self._members[child])
        if count > len(below) or not below <= members:
            parts, below = [], set()
        return [*parts, *sorted(self.upper + direct for direct in members - below)]

    def _children(self, row: int) -> list[int]:
        """Rows of the next level down that has rows of its own, but for queues."""
        scope = self.scopes[row]
        if scope.kind is ScopeKind.LINE:
            return []
        level = ScopeKind.LINE if scope.kind is ScopeKind.CONTRACT else ScopeKind.CONTRACT
        return [
            other.row
            for other in self.scopes[: self.upper]
            if other.kind is level and scope.labels.items() <= other.labels.items()
        ]

    def _add_upper(self) -> None:
        plan = self._plan
        organization = {"organization": plan.organization}
        self._add_upper_row(ScopeKind.ORGANIZATION, "organization", organization, plan.standard)
        for entity in dict.fromkeys(contract.legal_entity for contract in plan.contracts):
            lines = [line for owner, line in self._lines if owner.legal_entity == entity]
            labels = {**organization, "legal_entity": entity}
            standard = self._common_standard(lines)
            self._add_upper_row(ScopeKind.LEGAL_ENTITY, f"legal_entity/{entity}", labels, standard)
        for contract in plan.contracts:
            labels = {
                **organization,
                "legal_entity": contract.legal_entity,
                "contract": contract.id,
            }
            standard = self._common_standard(contract.lines)
            self._add_upper_row(ScopeKind.CONTRACT, f"contract/{contract.id}", labels, standard)
        for contract, line in self._lines:
            labels = {
                **organization,
                "legal_entity": contract.legal_entity,
                "contract": contract.id,
                "line": line.name,
            }
            name = f"line/{contract.id}/{line.name}"
            self._add_upper_row(ScopeKind.LINE, name, labels, line.standard)

    def _common_standard(self, lines: Iterable[LinePlan]) -> Standard:
        """The standard that all the lines share, or the organization's when they differ."""
        found = {line.standard.id: line.standard for line in lines}
        return next(iter(found.values())) if len(found) == 1 else self._plan.standard

    def _add_upper_row(
        self, kind: ScopeKind, name: str, labels: dict[str, str], standard: Standard
    ) -> None:
        self._row_of[name] = len(self.scopes)
        self.scopes.append(Scope(len(self.scopes), kind, name, labels))
        self.standards.append(standard)
        self._members.append([])

    def _add_row(
        self,
        kind: ScopeKind,
        name: str,
        labels: dict[str, str],
        standard: Standard,
        lines: tuple[tuple[str, str], ...] = (),
    ) -> int:
        scope_labels = {"organization": self._plan.organization, **labels}
        self.scopes.append(Scope(len(self.scopes), kind, name, scope_labels, lines))
        self.standards.append(standard)
        self.thresholds_ms.append(threshold_ms(standard))
        return len(self.scopes) - 1 - self.upper

    def _add_queue(self, key: str) -> int:
        serving = self._serving(key)
        standard = serving[0][1].standard if serving else self._plan.standard
        labels = {"queue": key}
        if len({contract.id for contract, _ in serving}) == 1:
            contract, line = serving[0]
            labels |= {"legal_entity": contract.legal_entity, "contract": contract.id}
            if len(serving) == 1:
                labels["line"] = line.name
        pairs = tuple((contract.id, line.name) for contract, line in serving)
        self._hierarchy = None
        direct = self._add_row(ScopeKind.QUEUE, f"queue/{key}", labels, standard, pairs)
        self._direct[key] = direct
        above = {"organization"}
        for contract, line in serving:
            above.add(f"legal_entity/{contract.legal_entity}")
            above.add(f"contract/{contract.id}")
            above.add(f"line/{contract.id}/{line.name}")
        for name in above:
            self._members[self._row_of[name]].append(direct)
        return direct

    def _serving(self, key: str) -> list[tuple[ContractPlan, LinePlan]]:
        """The lines that a queue serves, in the order of the plan."""
        if key in ("", UNCONFIGURED):
            return []
        found = set(self._naming.get(key, ()))
        found.update(index for pattern, index in self._admitting if fnmatchcase(key, pattern))
        return [self._lines[index] for index in sorted(found)]

    def _add_unqueued(self, contract: ContractPlan, line: LinePlan) -> None:
        labels = {
            "legal_entity": contract.legal_entity,
            "contract": contract.id,
            "line": line.name,
        }
        direct = self._add_row(
            ScopeKind.UNQUEUED, f"unqueued/{contract.id}/{line.name}", labels, line.standard
        )
        for number in line.dnis:
            self._dialled.setdefault(number, direct)
        above = (
            f"legal_entity/{contract.legal_entity}",
            f"contract/{contract.id}",
            f"line/{contract.id}/{line.name}",
        )
        for name in above:
            self._members[self._row_of[name]].append(direct)

    def _exact_keys(self) -> Iterable[str]:
        named = [*self._plan.queues, *(key for _, line in self._lines for key in line.queues)]
        return [key for key in named if not _is_pattern(key)]

    def _admit(self, key: str) -> int:
        patterns = (*self._plan.queues, *(pattern for pattern, _ in self._admitting))
        known = key and any(fnmatchcase(key, pattern) for pattern in patterns)
        if not known or self._admitted >= self._plan.limits.queues:
            return self.unconfigured
        self._admitted += 1
        return self._add_queue(key)


def _is_pattern(key: str) -> bool:
    return any(character in key for character in "*?[")
