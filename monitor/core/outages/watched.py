"""What is watched together: a contract with its lines.

Pure: no I/O, no clock.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Watched:
    """The rows of one contract.

    Attributes:
        contract: Its id.
        row: Its own row.
        rows: Its row and those of its lines.
    """

    contract: str
    row: int
    rows: tuple[int, ...]
