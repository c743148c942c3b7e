"""The effects of the restoration forecast: figures fitted to made-up outages.

`tests/benchmarks/fit_forecast.py` prints them (seed 7310001) and says how they were estimated;
`forecast_model.py` says what the features mean. An effect is a logarithm: 0.7 doubles the chance of
a restoration in a quarter-hour for a feature of 1.

Pure: constants.
"""

from typing import Final

VERSION: Final = "1"
# Of the hazard of each open quarter-hour.
EFFECTS: Final[dict[str, float]] = {
    "base": 1.4068,
    "base_soon": -0.8503,
    "base_mid": 0.1423,
    "base_far": -0.9692,
    "age": -0.3110,
    "age_mid": -0.7505,
    "lead": -0.8637,
    "held_back": -0.2964,
    "hold_soon": 0.0000,
    "hold_mid": 0.0000,
    "hold_far": 0.3447,
    "hold_change": 0.0000,
    "throughput_mid": 0.0563,
    "throughput_far": 0.0000,
    "silence": -0.0017,
    "silence_mid": -0.8268,
    "demand": 0.0480,
    "demand_far": 0.6358,
    "demand_trend": -0.5524,
    "margin": 0.0000,
    "meets": 0.1754,
    "meets_mid": 0.0000,
    "meets_far": 2.0089,
    "share": 0.0000,
    "share_far": 0.0000,
    "share_trend": 0.0215,
    "share_recent": 0.2677,
    "untold": 0.2173,
    "lines": 0.0000,
    "lines_far": 0.1756,
    "lines_trend": 0.0000,
    "lines_unknown": -0.0561,
    "relapses": 0.4104,
    "relapses_mid": 0.5438,
    "well_soon": -0.0825,
}
# Of the odds that a good period lasts until it is confirmed.
LASTING: Final[dict[str, float]] = {
    "base": -1.0174,
    "well": 1.9142,
    "hold": 0.2486,
    "meets": 0.8078,
    "lines": 0.8630,
    "relapses": 0.2678,
}
