"""Refusals: one sentence that names the field, its value and what is allowed."""

import math
from collections.abc import Iterable


def refuse(name: str, value: object, allowed: str) -> None:
    """Raise ValueError for a field's value, saying what it must be."""
    raise ValueError(f"{name}={value!r} is not possible: it must be {allowed}")


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def check_choice(name: str, value: object, allowed: Iterable[str]) -> None:
    """Refuse a value that is none of the allowed words."""
    if value not in tuple(allowed):
        refuse(name, value, f"one of {', '.join(allowed)}")


def check_whole(name: str, value: object, least: int) -> None:
    """Refuse all but whole numbers of at least `least`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        refuse(name, value, f"a whole number of at least {least}")


def check_positive(name: str, value: object) -> None:
    """Refuse all but finite numbers above 0."""
    if not (is_number(value) and 0 < value < math.inf):
        refuse(name, value, "a number above 0")


def check_radius(name: str, radius: object) -> None:
    """Refuse all but finite radii above 0, in bins of the spectrum."""
    if not (is_number(radius) and 0 < radius < math.inf):
        refuse(name, radius, "a number above 0, in bins of the spectrum")


def check_switch(name: str, value: object) -> None:
    """Refuse all but True and False."""
    if not isinstance(value, bool):
        refuse(name, value, "True or False")
