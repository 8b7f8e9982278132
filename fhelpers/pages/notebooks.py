"""The book's notebooks, scripts notebooks/NN_slug.py: their parameters, runs and dependencies."""

import ast
import difflib
import os
import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import jupytext

from fhelpers import places, sections
from fhelpers.data.files import quoted
from fhelpers.runs.checks import MOST, refuse
from fhelpers.runs.provenance import followed
from fhelpers.sections import NOTEBOOKS, slugs

TAGGED = re.compile(
    r'.*?^# %%[^\n]*tags=\[[^]\n]*"parameters".*?(?=^# %%(?:\s|$))', re.DOTALL | re.MULTILINE
)
FILES = {"coco_root", "model", "weights"}  # parameters that may name one of the user's own


def source(slug: str) -> Path:
    """The script of a notebook. Raises ValueError for a name that the book does not have."""
    if slug not in (known := slugs()):
        raise ValueError(f"notebook {quoted(slug)} is not known; choose one of {', '.join(known)}")
    return NOTEBOOKS / f"{slug}.py"


def parameters_cell(slug: str) -> str:
    """The source of the cell tagged `parameters`. Raises ValueError where there is none."""
    if (found := tagged_parameters(source(slug).read_text("utf-8"))) is None:
        raise ValueError(f"notebook {slug!r} has no cell tagged parameters")
    return found


@cache  # by its text: a book is planned in several passes, and reading a script takes longest
def tagged_parameters(script: str) -> str | None:
    tagged = TAGGED.match(script)  # the cells behind it need not be read
    cells = jupytext.reads(tagged[0] if tagged else script, "py:percent").cells
    return next((c.source for c in cells if "parameters" in c.metadata.get("tags", ())), None)


def defaults(slug: str) -> dict:
    """Names and values of the cell tagged `parameters`."""
    assignments = ast.parse(parameters_cell(slug)).body
    return {node.targets[0].id: ast.literal_eval(node.value) for node in assignments}


def parse(text: str) -> object:
    """A value typed on the command line: a Python literal, else the text itself."""
    try:
        return ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError):
        return text


def check(slug: str, given: dict) -> dict:
    """The notebook's parameters with the given ones in place of the defaults.

    Raises ValueError for a name that the notebook does not have, a value of another type than
    the default's, and a value that no recipe can be made from.
    """
    values = with_defaults(slug, given)
    sections.of_section(slug, values)
    return values


def with_defaults(slug: str, given: dict) -> dict:
    """As `check`, but without a look at recipes."""
    known = defaults(slug)
    for name, value in given.items():
        if name not in known:
            refuse_unknown(name, known, slug, "it has")
        check_type(slug, name, value, known[name])
    values = known | given
    for name in FILES & set(values):  # now, from where the user stands: kernels run elsewhere
        if values[name] and os.path.exists(path := places.absolute(values[name])):
            values[name] = str(path)
    return values


def of_book(given: dict, chosen: Sequence[str]) -> dict[str, tuple[dict, sections.Plan]]:
    """{notebook: what it is asked for, its runs} with parameters that are meant for the whole book.

    Each of the chosen notebooks takes those it has; without seeds, those that are published.
    Raises ValueError for a parameter that no notebook has, and as `check` does.
    """
    taken = sorted({name for slug in slugs() for name in defaults(slug)})
    for name in given:
        if name not in taken:
            refuse_unknown(name, taken, "any notebook", "they have")
    found = {}
    for slug in chosen:
        asked = {name: given[name] for name in defaults(slug) if name in given}
        values = with_defaults(slug, asked)
        if "seeds" not in asked and slug != sections.SCORECARD:
            asked["seeds"] = sections.published_seeds(slug, values)
        found[slug] = asked, sections.of_section(slug, values | asked)
    return found


def refuse_unknown(name: str, known: Iterable[str], where: str, has: str) -> None:
    close = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {close[0]!r}?" if close else f"{has} {', '.join(known)}"
    raise ValueError(f"parameter {quoted(name)} is not known in {where}: {hint}")


def check_type(slug: str, name: str, value: object, default: object) -> None:
    """Raise ValueError unless a value has the default's type; lists go by their elements."""
    if isinstance(default, list):
        if not isinstance(value, list | tuple):
            wrong_type(slug, name, value, "a list such as " + repr(default))
        if default and not value:
            raise ValueError(f"parameter {name!r} of {slug} must not be empty: try {default!r}")
        for element in value:
            check_type(slug, name, element, default[0] if default else 0)
        return
    allowed = {bool: bool, int: int, float: int | float, str: str}[type(default)]
    if isinstance(default, int) and not isinstance(default, bool) and name in ("radii", "radius"):
        allowed = int | float
    if not isinstance(value, allowed) or isinstance(value, bool) != isinstance(default, bool):
        wrong_type(slug, name, value, f"{type(default).__name__}, such as {default!r}")
    if isinstance(value, int | float) and not abs(value) <= MOST:
        refuse(name, value, f"a number of at most {MOST:,}")


def wrong_type(slug: str, name: str, value: object, wanted: str) -> None:
    raise ValueError(
        f"parameter {name!r} of {slug} must be {wanted}; {quoted(value)} is {type(value).__name__}"
    )


def plan(slug: str, given: dict) -> sections.Plan:
    """The runs that the notebook needs with these parameters."""
    return sections.of_section(slug, with_defaults(slug, given))


def dependencies(slug: str) -> list[Path]:
    """Files whose change makes the page out of date: the script and all it imports from here.

    Imports are followed through the package, so that a page is rebuilt when its own plots change
    and left alone when another section's do.
    """
    folder = "*" if slug == sections.SCORECARD else slug.partition("_")[2]
    own = Path(sections.__file__).parent.glob(f"{folder}/*.py")  # registered, not imported
    found = followed([source(slug), Path(__file__).with_name("execution.py"), *own])
    styles = [style for path in found for style in path.parent.glob("*.mplstyle")]
    return sorted({*found, *styles})
