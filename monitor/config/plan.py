"""The configuration as the core sees it.

Pure: no I/O, no clock.
"""

from dataclasses import replace

from monitor.calendars.local_quarter import local_quarter
from monitor.calendars.required_hours import calendar
from monitor.config.alerting import AlertRule
from monitor.config.contracts import Contract, Line
from monitor.config.expected import week_of
from monitor.config.line_hours import required_hours
from monitor.config.model import Config, Continuity
from monitor.core.outages.continuity import ContinuityPlan, ForecastThreshold
from monitor.core.plan import ContractPlan, Limits, LinePlan, Plan, RulePlan
from monitor.core.presets import PRESETS
from monitor.core.standards import Formula, Measure, Standard


def to_plan(config: Config) -> Plan:
    """What the engine has to know of `config`."""
    limits = config.limits
    return Plan(
        organization=config.organization,
        standard=_standard(config.standard, config.verdicts.formula),
        windows_ms=config.windows_ms,
        contracts=tuple(_contract(contract, config) for contract in config.contracts),
        queues=config.queues,
        sites=config.sites,
        rules=tuple(map(_rule, config.alerts.rules or ())),
        sources=tuple(source.name for source in config.sources),
        aliases={source.name: dict(source.queues) for source in config.sources if source.queues},
        min_calls=config.verdicts.min_calls,
        short_abandon_ms=config.verdicts.short_abandon_ms,
        limits=Limits(
            open_calls=limits.open_calls,
            ended_calls=limits.ended_calls,
            ended_for_ms=limits.ended_for_ms,
            call_age_ms=limits.call_age_ms,
            queues=limits.queues,
            agents=limits.agents,
            skew_ms=limits.skew_ms,
            past_ms=limits.past_ms,
        ),
        continuity=_continuity(config.continuity) if config.continuity.watch else None,
        local_quarter=local_quarter,
    )


def _contract(contract: Contract, config: Config) -> ContractPlan:
    return ContractPlan(
        id=contract.id,
        name=contract.name,
        legal_entity=contract.legal_entity,
        lines=tuple(_line(contract, line, config) for line in contract.lines),
        members=contract.members,
        service_areas=contract.service_areas,
    )


def _line(contract: Contract, line: Line, config: Config) -> LinePlan:
    standard = line.standard or config.standard
    return LinePlan(
        name=line.name,
        kind=line.kind,
        queues=line.queues,
        standard=_standard(standard, config.verdicts.formula),
        shared=line.shared,
        dnis=line.dnis,
        hours=calendar(required_hours(contract, line, standard)),
        expected_calls=week_of(line.expected),
    )


def _continuity(continuity: Continuity) -> ContinuityPlan:
    plan = ContinuityPlan(
        restore_within_ms=continuity.restore_within_ms,
        confirm_ms=continuity.confirm_ms,
        ladder_ms=continuity.ladder_ms,
        forecast_thresholds=tuple(
            ForecastThreshold(one.miss_ppm, one.severity) for one in continuity.forecast_thresholds
        ),
        abandon=continuity.abandon,
    )
    return continuity.signals.into(plan)


def _rule(rule: AlertRule) -> RulePlan:
    return RulePlan(
        name=rule.name,
        measure=rule.measure,
        window_ms=rule.window_ms,
        for_ms=rule.for_ms,
        clear_for_ms=rule.clear_for_ms,
        severity=rule.severity,
        scopes=rule.scopes,
        clear=rule.clear,
        no_data_for_ms=rule.no_data_for_ms,
    )


def _standard(name: str, formula: Formula | None) -> Standard:
    """The preset, with the service level counted by `formula` when one is chosen."""
    standard = PRESETS[name]
    if formula is None:
        return standard
    requirements = tuple(
        replace(requirement, formula=formula)
        if requirement.measure is Measure.SERVICE_LEVEL
        else requirement
        for requirement in standard.requirements
    )
    return replace(standard, requirements=requirements)
