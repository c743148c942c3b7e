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
    "base": 1.6072,
    "base_soon": -0.9911,
    "base_mid": 0.0196,
    "base_far": -1.1066,
    "age": -0.1497,
    "age_mid": -0.6944,
    "lead": 0.3255,
    "lead_short": -0.9652,
    "held_back": -0.2882,
    "hold_mid": 0.0000,
    "hold_far": 0.3562,
    "hold_change": 0.0000,
    "throughput_mid": 0.1915,
    "throughput_far": 0.0082,
    "silence": -0.0153,
    "silence_mid": -0.5834,
    "demand_trend": -0.2787,
    "share_recent": 0.9461,
    "lines": 0.0000,
    "lines_far": 0.1139,
    "lines_trend": 0.1097,
    "lines_unknown": 0.0798,
    "relapses": 0.4237,
    "relapses_mid": 0.4481,
    "well_soon": 0.4772,
    "staffing": 0.5731,
    "staffing_mid": 0.3046,
    "staffing_far": -0.9014,
    "staffing_lead": 0.1272,
    "staffing_age": 0.0486,
    "staffing_meets": 0.0000,
    "staffing_meets_far": 1.1041,
    "staffing_margin": 0.0000,
    "staffing_margin_far": 1.2803,
    "demand": 0.0036,
    "demand_mid": 0.4201,
    "demand_far": -0.1844,
    "demand_lead": 0.4254,
    "demand_age": -0.0544,
    "demand_meets": 0.7982,
    "demand_meets_far": 0.5794,
    "demand_margin": 0.0000,
    "demand_margin_far": 0.6101,
    "technology": 0.4326,
    "technology_mid": -0.9511,
    "technology_far": 0.6185,
    "technology_lead": -0.3087,
    "technology_age": -0.1293,
    "technology_meets": 0.0000,
    "technology_meets_far": 0.0000,
    "technology_margin": 0.8965,
    "technology_margin_far": 0.1786,
    "untold": 0.5979,
    "untold_mid": 0.2460,
    "untold_far": -0.6394,
    "untold_lead": 0.0815,
    "untold_age": -0.0146,
    "untold_meets": 0.2042,
    "untold_meets_far": 0.4945,
    "untold_margin": 0.0067,
    "untold_margin_far": 0.0344,
}
# Of the odds that a good period lasts until it is confirmed.
LASTING: Final[dict[str, float]] = {
    "base": -0.6919,
    "well": 2.0030,
    "hold": 0.0000,
    "meets": 0.5889,
    "lines": 0.7718,
    "relapses": 0.1503,
}
