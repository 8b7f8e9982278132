"""What the notebooks keep to: short cells that show something, and a text for each figure."""

import importlib
import re
from collections import Counter
from pathlib import Path

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


ROOT = Path(__file__).parents[1]
PAGES = sorted(ROOT.glob("notebooks/*.py")) + sorted(ROOT.glob("book/*.md"))


def prose(path: Path) -> str:
    """The Markdown of a notebook, or of a page of the book."""
    if path.suffix == ".md":
        return path.read_text("utf-8")
    cells = jupytext.read(path).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_no_line_of_prose_is_a_comment(path):
    """A line that begins with % is left out of the page, and with it a part of a sentence."""
    assert re.findall(r"^\s*% .*", prose(path), re.MULTILINE) == []


@pytest.mark.parametrize("section", DRAWN)
def test_every_alt_text_is_used_and_once_unless_a_kind_of_figure_is_shown_twice(section):
    alt = importlib.import_module(f"fhelpers.sections.{section}.figures").ALT
    source = notebooks.source(sections.slug_of(section)).read_text("utf-8")
    used = Counter(re.findall(r'alt=figures\.ALT\["([\w-]+)"\]', source))
    assert used == Counter(alt.keys()) | Counter(TWICE.get(section, {}))
