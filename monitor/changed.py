"""What a change of the configuration makes, for the loop to go on with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from monitor.core.engine import Engine
from monitor.core.snapshot import Alert
from monitor.formats.normalized import NormalizedDecoder
from monitor.keeping import Keeping


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change of the configuration makes.

    Attributes:
        engine: Goes on where the one before was.
        decoders: One for each source.
        config_hash: Of the configuration.
        keeping: How long things are kept.
        alerts: Changes of alerts that this brings, with their instants.
    """

    engine: Engine
    decoders: Mapping[str, NormalizedDecoder]
    config_hash: str
    keeping: Keeping
    alerts: list[tuple[int, Alert]]


Change = Callable[[Engine], Changed]
