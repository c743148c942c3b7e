"""pydantic's errors as findings: the key path of the file, what is wrong, what is allowed.

Pure: no I/O, no clock.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from monitor.config.faults import KeyPath
from monitor.config.model import Config
from monitor.config.section import Finding, Misfit, Section
from monitor.config.wording import choice, nearest, told
from monitor.core.standards import Formula, Measure

_WANTED: Final[Mapping[str, str]] = {
    "string_type": "text is needed",
    "bool_type": "true or false is needed",
    "int_type": "a whole number is needed",
    "path_type": "the path of a file is needed",
    "tuple_type": "a list such as [a, b] is needed",
    "dict_type": "a mapping of keys to values is needed",
    "model_type": "a mapping of keys to values is needed",
    "model_attributes_type": "a mapping of keys to values is needed",
}


def findings_in(error: ValidationError) -> Iterator[Finding]:
    """Every finding that `error` carries."""
    for detail in error.errors(include_url=False):
        path: KeyPath = detail["loc"]
        context = detail.get("ctx", {})
        if detail["type"] == "too_short" and len(detail["input"]) >= context["min_length"]:
            continue  # Only its sound entries are too few; the others are told by themselves.
        cause = context.get("error")
        if isinstance(cause, Misfit):
            for below, message in cause.findings:
                yield (*path, *below), message
        else:
            yield path, _message(detail, path)


def _message(detail: ErrorDetails, path: KeyPath) -> str:
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind in _WANTED:
        remedy = ""
        if kind == "string_type" and isinstance(value, bool | int | float):
            remedy = ": put it in quotes"
        return f"is {told(value)}, {_WANTED[kind]}{remedy}"
    special = _SPECIAL.get(kind)
    if special is not None:
        return special(value, context, path)
    return detail["msg"][:1].lower() + detail["msg"][1:]


def _unknown_key(_value: object, _context: Mapping[str, Any], path: KeyPath) -> str:
    allowed = _keys_of(path[:-1])
    return f"is an unknown key{nearest(str(path[-1]), allowed)}; allowed: {', '.join(allowed)}"


def _no_choice(value: object, _context: Mapping[str, Any], path: KeyPath) -> str:
    allowed = _choices_of(path)
    if isinstance(value, str):
        return choice(value, allowed)
    remedy = ": put it in quotes" if str(value) in allowed else ""
    return f"is {told(value)}; allowed: {', '.join(allowed)}{remedy}"


_SPECIAL: Final[Mapping[str, Callable[[object, Mapping[str, Any], KeyPath], str]]] = {
    "value_error": lambda _value, context, _path: str(context["error"]),
    "missing": lambda _value, _context, _path: "is missing, it is required",
    "extra_forbidden": _unknown_key,
    "literal_error": _no_choice,
    "enum": _no_choice,
    "greater_than_equal": lambda value, context, _path: (
        f"is {value}, at least {context['ge']} is needed"
    ),
    "less_than_equal": lambda value, context, _path: f"is {value}, at most {context['le']} allowed",
    "too_short": lambda _value, context, _path: (
        f"has {context['actual_length']} entries, at least {context['min_length']} is needed"
    ),
    "too_long": lambda _value, context, _path: (
        f"has too many entries, {context['max_length']} at most"
    ),
}


def _keys_of(path: KeyPath) -> list[str]:
    """The keys that the section at `path` may have."""
    section: type[Section] | None = Config
    for step in path:
        if isinstance(step, str) and section is not None:
            section = _section_in(_annotations(section).get(step))
    return list(_annotations(section)) if section is not None else []


def _choices_of(path: KeyPath) -> list[str]:
    """The words that may stand at `path`."""
    named = [step for step in path if isinstance(step, str)]
    if named[-1] == "measure":
        return list(Measure)
    if named[-1] == "formula":
        return list(Formula)
    section: type[Section] | None = Config
    for step in named[:-1]:
        assert section is not None
        section = _section_in(_annotations(section).get(step))
    assert section is not None
    return [str(word) for word in get_args(_annotations(section)[named[-1]])]


def _annotations(section: type[Section]) -> dict[str, Any]:
    """The types of a section's values by the keys of the file."""
    return {field.alias or name: field.annotation for name, field in section.model_fields.items()}


def _section_in(annotation: object) -> type[Section] | None:
    """The section that a value of this type is or holds."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    for inner in get_args(annotation):
        found = _section_in(inner)
        if found is not None:
            return found
    return None
