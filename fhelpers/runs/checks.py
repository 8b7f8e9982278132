"""Refusals: one sentence that names the field, its value and what is allowed."""

from collections.abc import Iterable

from fhelpers.data.files import quoted

MOST = 1_000_000_000  # of any number: far beyond use, and far below where arithmetic overflows


class DamagedRun(ValueError):
    """A file of a run that is not what was written, named with the way out."""


def refuse(name: str, value: object, allowed: str) -> None:
    """Raise ValueError for a field's value, saying what it must be."""
    raise ValueError(f"{name}={quoted(value)} is not possible: it must be {allowed}")


def is_number(value: object) -> bool:
    """Whether a value is a whole or real number that is finite and not beyond use."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MOST


def check_choice(name: str, value: object, allowed: Iterable[str]) -> None:
    """Refuse a value that is none of the allowed words."""
    if value not in tuple(allowed):
        refuse(name, value, f"one of {', '.join(allowed)}")


def check_whole(name: str, value: object, least: int) -> None:
    """Refuse all but whole numbers from `least` to MOST."""
    if not isinstance(value, int) or not is_number(value) or value < least:
        refuse(name, value, f"a whole number of at least {least} and at most {MOST:,}")


def check_positive(name: str, value: object) -> None:
    """Refuse all but numbers above 0 and up to MOST."""
    if not (is_number(value) and value > 0):
        refuse(name, value, f"a number above 0 and at most {MOST:,}")


def check_not_negative(name: str, value: object) -> None:
    """Refuse all but numbers from 0 to MOST."""
    if not (is_number(value) and value >= 0):
        refuse(name, value, f"a number from 0 to {MOST:,}")


def check_radius(name: str, radius: object) -> None:
    """Refuse all but radii above 0 and up to MOST, in bins of the spectrum."""
    if not (is_number(radius) and radius > 0):
        refuse(name, radius, f"a number above 0 and at most {MOST:,}, in bins of the spectrum")


def check_switch(name: str, value: object) -> None:
    """Refuse all but True and False."""
    if not isinstance(value, bool):
        refuse(name, value, "True or False")
