"""How often Python looks for garbage in cycles.

Calls and events hold no references that could close a cycle, and are not looked at. What is left
to look at is made by the thousand each second and gone within a few; with the interpreter's own
thresholds it would be gone through a hundred times a second for nothing (a tenth of the engine's
time, and pauses of milliseconds).
"""

import gc
from typing import Final

_YOUNG: Final = 50_000
_MIDDLE: Final = 20
_OLD: Final = 50


def calm_collector() -> None:
    """Leave all that lives now out of account, and look at the rest rarely.

    To be called once by a long-running command, when it has been built up.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
