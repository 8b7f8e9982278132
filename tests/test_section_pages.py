"""What the notebooks keep to: short cells that show something, and a text for each figure."""

import importlib
import re
from collections import Counter

import jupytext
import pytest

from fhelpers import sections
from fhelpers.pages import notebooks

DRAWN = [name for name in sections.FOLDERS if name != "report_card"]  # it uses the report's figures
TWICE = {"smooth_kernels": {"kernels": 2}, "fourier_masks": {"masks": 2}}  # the same kind of figure


def code_cells(slug: str) -> list:
    return [
        cell for cell in jupytext.read(notebooks.source(slug)).cells if cell.cell_type == "code"
    ]


def lines_of_code(source: str) -> list[str]:
    """Lines besides imports and those that are nothing but words, such as a caption's."""
    others = re.compile(r'\s*(from .* import .*|import .*|f?"[^"]*",?|)')
    return [line for line in source.splitlines() if not others.fullmatch(line)]


@pytest.mark.parametrize("slug", sections.slugs())
def test_cells_are_short_define_nothing_and_show_something(slug):
    for cell in code_cells(slug):
        assert len(lines_of_code(cell.source)) <= 10, cell.source
        assert not re.search(r"^\s*(def|class) ", cell.source, re.MULTILINE), cell.source
        if "parameters" not in cell.metadata.get("tags", ()):
            shows = r"print\(|(style|opening|scorecard_figures)\.(show|table|setup|card|finding)"
            assert re.search(shows, cell.source), cell.source


@pytest.mark.parametrize("section", DRAWN)
def test_every_alt_text_is_used_and_once_unless_a_kind_of_figure_is_shown_twice(section):
    alt = importlib.import_module(f"fhelpers.sections.{section}.figures").ALT
    source = notebooks.source(sections.slug_of(section)).read_text("utf-8")
    used = Counter(re.findall(r'alt=figures\.ALT\["([\w-]+)"\]', source))
    assert used == Counter(alt.keys()) | Counter(TWICE.get(section, {}))
