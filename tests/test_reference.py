"""The executed smoke notebooks that nbval runs again: they exist, hold outputs, and can fail."""

from pathlib import Path

import nbformat
import pytest

from fhelpers.pages import execution, notebooks

REFERENCE = Path(__file__).parent / "reference"
EXEMPT = {"parameters", "injected-parameters", "nbval-ignore-output"}


def code_cells(slug: str) -> list:
    notebook = nbformat.read(REFERENCE / f"{slug}.ipynb", as_version=4)
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.parametrize("slug", notebooks.slugs())
def test_every_section_has_a_reference_of_the_notebook_as_it_stands(slug):
    stored = [cell.source for cell in code_cells(slug) if "injected" not in str(cell.metadata)]
    current = execution.read(slug)
    assert stored == [cell.source for cell in current.cells if cell.cell_type == "code"], (
        f"notebooks/{slug}.py changed: run `make reference` and look at what else changed"
    )


@pytest.mark.parametrize("slug", notebooks.slugs())
def test_every_compared_cell_has_output_to_compare(slug):
    compared = [c for c in code_cells(slug) if not EXEMPT & set(c.metadata.get("tags", ()))]
    assert len(compared) >= 3
    for cell in compared:
        plain = [
            output
            for output in cell.outputs
            if output.get("text") or "text/plain" in output.get("data", {})
        ]
        assert plain, f"nothing to compare in this cell of {slug}:\n{cell.source}"


@pytest.mark.parametrize("slug", notebooks.slugs())
def test_references_hold_no_errors_and_are_small(slug):
    for cell in code_cells(slug):
        assert all(output.output_type != "error" for output in cell.outputs)
    assert (REFERENCE / f"{slug}.ipynb").stat().st_size < 1_000_000
