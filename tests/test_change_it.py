"""The section "Change it", made from the parameters cell, and the form of the notebooks' code."""

import ast
import shlex

import nbformat
import pytest

from fhelpers import data
from fhelpers.pages import execution, notebooks
from fhelpers.runs import scales

SLUGS = notebooks.slugs()
CELL = """
scale = "smoke"
dataset = (
    "planted"  # of the "scenes"
)
seeds = [0]
radii = [
    4,
    8,
]  # where images are split
# No explanation of what follows.
colour = "#0072B2"
rho = 1.0  # how strong; at least 0
"""


def table(slug: str) -> dict[str, list[str]]:
    """The rows of a page's table by the name of the parameter."""
    lines = [line for line in execution.change_it(slug).splitlines() if line.startswith("| `")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {name.strip("`"): cells for name, *cells in rows}


@pytest.mark.parametrize("slug", SLUGS)
def test_every_own_parameter_is_explained_behind_its_default(slug):
    explained = execution.explanations(slug)
    assert list(explained) == list(notebooks.defaults(slug))
    assert [name for name, text in explained.items() if len(text) < 5] == []


@pytest.mark.parametrize("slug", SLUGS)
def test_the_table_has_a_row_for_each_parameter_with_its_default(slug):
    known, rows = notebooks.defaults(slug), table(slug)
    assert list(rows) == list(known)
    for name, (default, text) in rows.items():
        assert ast.literal_eval(default.strip("`")) == known[name]
        assert text == execution.explanations(slug)[name]


@pytest.mark.parametrize("slug", SLUGS)
def test_the_command_gives_the_page_other_parameters_that_it_takes(slug):
    command = execution.change_it(slug).split("```bash\n")[1].splitlines()[0]
    program, verb, name, *options = shlex.split(command)
    assert [program, verb, name] == ["fhelpers", "notebook", slug]
    flags, names, values = options[::3], options[1::3], map(notebooks.parse, options[2::3])
    given = dict(zip(names, values, strict=True))
    assert set(flags) == {"-p"}
    notebooks.check(slug, given)
    known = notebooks.defaults(slug)
    assert all(value != known[name] for name, value in given.items())


def test_scales_and_data_sets_are_those_that_there_are():
    assert all(f"`{name}`" in execution.SHARED["scale"] for name in scales.SCALES)
    assert all(f"`{name}`" in execution.SHARED["dataset"] for name in data.NAMES)
    for slug in SLUGS:
        explained = execution.explanations(slug)
        assert all(explained[name].startswith(text) for name, text in execution.SHARED.items())


def test_an_explanation_is_the_comment_behind_the_assignment(monkeypatch):
    monkeypatch.setattr(notebooks, "parameters_cell", lambda slug: CELL)
    assert execution.explanations("90_tiny") == {
        "scale": execution.SHARED["scale"],
        "dataset": execution.SHARED["dataset"] + '. Here: of the "scenes"',
        "seeds": execution.SHARED["seeds"],
        "radii": "where images are split",
        "colour": "",
        "rho": "how strong; at least 0",
    }


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({"scale": "standard", "seeds": [0]}, {}),
        ({"weights": "", "epochs": 0}, {}),
        ({"epochs": 0, "radii": [4, 8, 12], "rho": 1.0}, {"radii": [4, 8]}),
        ({"radius": 12}, {"radius": 6}),
        ({"rho": 1.0}, {"rho": 0.5}),
    ],
)
def test_the_example_halves_the_first_parameter_that_can_be(known, expected):
    assert execution.example(known) == {"scale": "quick"} | expected


@pytest.mark.parametrize("provenance", [True, False])
def test_it_stands_before_the_provenance(monkeypatch, provenance):
    monkeypatch.setattr(execution, "provenance_of", lambda slug, values: "where it comes from")
    notebook = execution.read("02_shuffled_labels")
    before = len(notebook.cells)
    execution.finish(notebook, "02_shuffled_labels", {}, provenance)
    added = [cell.source for cell in notebook.cells[before:]]
    last = ["where it comes from"] if provenance else []
    assert added == [execution.change_it("02_shuffled_labels"), *last]
    nbformat.validate(notebook)


def code_cells(slug: str) -> list:
    """The code cells of a notebook behind its parameters."""
    first, *rest = [cell for cell in execution.read(slug).cells if cell.cell_type == "code"]
    assert "parameters" in first.metadata["tags"]
    return rest


@pytest.mark.parametrize("slug", SLUGS)
def test_imports_stand_at_the_top_of_the_first_cell_of_code(slug):
    first, *rest = [ast.parse(cell.source) for cell in code_cells(slug)]
    kinds = [isinstance(node, ast.Import | ast.ImportFrom) for node in first.body]
    assert kinds == sorted(kinds, reverse=True)
    assert kinds[0]
    later = [node for tree in rest for node in ast.walk(tree)]
    assert not [node for node in later if isinstance(node, ast.Import | ast.ImportFrom)]


@pytest.mark.parametrize("slug", SLUGS)
def test_notebooks_define_nothing_longer_than_a_lambda(slug):
    longer = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    for cell in code_cells(slug):
        assert not [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, longer)]


@pytest.mark.parametrize("slug", SLUGS)
def test_no_notebook_keeps_the_section_by_hand(slug):
    assert "Change it" not in notebooks.source(slug).read_text("utf-8")
