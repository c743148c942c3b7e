"""The alert rules of a configuration that gives none: one for each measure that is limited.

Pure: no I/O, no clock.
"""

from typing import Final

from monitor.config.alerting import AlertRule
from monitor.config.durations import format_ms, parse
from monitor.config.model import Config
from monitor.core.presets import PRESETS
from monitor.core.standards import Measure

_NAMES: Final = {
    Measure.AVERAGE_HOLD: "hold-breached",
    Measure.SERVICE_LEVEL: "service-level-breached",
    Measure.DISCONNECT_RATIO: "disconnects-breached",
}
# Long enough for a verdict, short enough to act on; with other windows the nearest below holds.
_PREFERRED_WINDOW_MS: Final = parse("30m")


def with_default_rules(config: Config) -> Config:
    """`config`, with rules when it gives none."""
    used = {config.standard}
    for contract in config.contracts:
        used.update(line.standard for line in contract.lines if line.standard is not None)
    limited = {
        requirement.measure for standard in used for requirement in PRESETS[standard].requirements
    }
    window_ms = max(
        (window_ms for window_ms in config.windows_ms if window_ms <= _PREFERRED_WINDOW_MS),
        default=config.windows_ms[0],
    )
    rules = tuple(
        AlertRule.model_validate(
            {"name": _NAMES[measure], "measure": measure, "window": format_ms(window_ms)}
        )
        for measure in Measure
        if measure in limited
    )
    return config.model_copy(update={"alerts": config.alerts.with_rules(rules)})
