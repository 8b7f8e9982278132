"""`fhelpers.pages.notebooks` on a tiny notebook: checked parameters, execution, finished pages."""

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
import pytest

from fhelpers import sections
from fhelpers.pages import execution, notebooks
from fhelpers.runs import provenance, records, scales, store
from fhelpers.runs.recipes import Recipe

SLUG = "90_tiny"
SCRIPT = """
# %% [markdown]
# # A tiny page

# %% tags=["parameters"]
scale = "smoke"
dataset = "planted"
seeds = [0]
radii = [4, 8]
epochs = 0
rate = 0.5
shown = True
# %%
import os
import sys

from IPython.display import display

print(scale, dataset, seeds, radii, epochs, rate, shown)
print(os.getcwd())
print(sys.executable)
print("50 %", file=sys.stderr)
bar = {"application/vnd.jupyter.widget-view+json": {"model_id": "0"}, "text/plain": "a bar"}
display(bar, raw=True)
# %%
if epochs == 7:
    raise ValueError("planted failure")
# %%
figure = {"name": "tiny", "caption": "What it shows: $r$ & more."}
display({"text/plain": "a figure"}, raw=True, metadata={"fhelpers": figure})
"""
RECIPE = Recipe(
    dataset="planted", data_options=(("classes", 4),), model="lenet", train_images=20,
    test_images=10, monitored_images=5, batch_size=10, epochs=1, radii=(8,),
)  # fmt: skip


def plan(scale, dataset, seeds, *, radii=(4, 8)):
    """A section of one quick run; the recipes of other radii are only named."""
    changes = [scales.vanilla(scale, dataset, s, radii=tuple(radii)) for s in seeds]
    return {"natural": (RECIPE,), "vanilla": (RECIPE,)} if changes else {}


def make_book(folder, patch):
    """A book of one tiny notebook, and an empty run store."""
    (folder / "notebooks").mkdir()
    (folder / "notebooks" / f"{SLUG}.py").write_text(SCRIPT)
    for module in (notebooks, sections):
        patch.setattr(module, "NOTEBOOKS", folder / "notebooks")
    patch.setattr(sections, "PLANS", {"tiny": plan, "other": plan})
    patch.setenv("FHELPERS_RESULTS", str(folder / "results"))


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    make_book(tmp_path, monkeypatch)
    return tmp_path


@pytest.fixture
def executed(monkeypatch):
    """Calls that would have executed a notebook."""
    calls = []
    monkeypatch.setattr(
        execution.papermill, "execute_notebook", lambda *given, **options: calls.append(given)
    )
    return calls


# --- names and parameters -------------------------------------------------------------------------


def test_notebooks_are_found_by_their_numbers(tiny):
    (tiny / "notebooks" / "05_other.py").write_text(SCRIPT)
    (tiny / "notebooks" / "scratch.py").write_text(SCRIPT)
    assert notebooks.slugs() == ["05_other", SLUG]
    with pytest.raises(ValueError, match="'scratch' is not known; choose one of 05_other, 90_tiny"):
        notebooks.source("scratch")


def test_every_notebook_has_a_section_and_the_common_parameters():
    for slug in notebooks.slugs():
        assert sections.plan_of(slug)
        assert {"scale", "dataset", "seeds"} <= set(notebooks.defaults(slug))
        assert notebooks.plan(slug, {"scale": "smoke", "dataset": "planted"})


def test_defaults_are_those_of_the_parameters_cell(tiny):
    assert notebooks.defaults(SLUG) == {
        "scale": "smoke", "dataset": "planted", "seeds": [0], "radii": [4, 8], "epochs": 0,
        "rate": 0.5, "shown": True,
    }  # fmt: skip
    (tiny / "notebooks" / f"{SLUG}.py").write_text("# %%\nscale = 'smoke'\n")
    with pytest.raises(ValueError, match="no cell tagged parameters"):
        notebooks.defaults(SLUG)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5), ("[4, 8]", [4, 8]), ("1e-3", 0.001), ("True", True), ("cifar10", "cifar10"),
        ("None", None), ("nan", "nan"), ("", ""), ("'5'", "5"), ("{[]: 1}", "{[]: 1}"),
        ("__import__('os').getcwd()", "__import__('os').getcwd()"), ("[4,", "[4,"),
    ],
)  # fmt: skip
def test_typed_values_are_literals_or_text(text, value):
    parsed = notebooks.parse(text)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"radus": [4]}, "'radus' is not known in 90_tiny: did you mean 'radii'"),
        ({"Epochs": 4}, "'Epochs' is not known in 90_tiny: did you mean 'epochs'"),
        ({"colour": "red"}, "'colour' is not known in 90_tiny: it has scale, dataset, seeds,"),
        ({"epochs": "1e-3"}, "'epochs' of 90_tiny must be int, such as 0; '1e-3' is str"),
        ({"epochs": 1.0}, "'epochs' of 90_tiny must be int"),
        ({"epochs": True}, "'epochs' of 90_tiny must be int"),
        ({"epochs": None}, "'epochs' of 90_tiny must be int"),
        ({"rate": "1e-3"}, "'rate' of 90_tiny must be float, such as 0.5; '1e-3' is str"),
        ({"rate": False}, "'rate' of 90_tiny must be float"),
        ({"shown": 1}, "'shown' of 90_tiny must be bool"),
        ({"shown": "True"}, "'shown' of 90_tiny must be bool"),
        ({"scale": 3}, "'scale' of 90_tiny must be str"),
        ({"scale": "tiny"}, "scale 'tiny' is not known; choose one of smoke"),
        ({"dataset": "cifar"}, "unknown data set 'cifar': choose one of cifar10"),
        ({"seeds": 0}, r"'seeds' of 90_tiny must be a list such as \[0\]; 0 is int"),
        ({"seeds": []}, "'seeds' of 90_tiny must not be empty"),
        ({"seeds": [0, 0]}, r"seeds=\[0, 0\] is not possible"),
        ({"seeds": ["0"]}, "'seeds' of 90_tiny must be int"),
        ({"seeds": [0.5]}, "'seeds' of 90_tiny must be int"),
        ({"seeds": [-1]}, "seed=-1 is not possible"),
        ({"radii": 8}, "'radii' of 90_tiny must be a list"),
        ({"radii": "[4, 8]"}, "'radii' of 90_tiny must be a list"),
        ({"radii": []}, "'radii' of 90_tiny must not be empty"),
        ({"radii": ["eight"]}, "'radii' of 90_tiny must be"),
        ({"radii": [4, 0]}, "radii=0 is not possible"),
        ({"radii": [-1.5]}, "radii=-1.5 is not possible"),
        ({"radii": [math.nan]}, "radii=nan is not possible"),
        ({"radii": [math.inf]}, "radii=inf is not possible"),
        ({"epochs": -1}, "epochs=-1 is not possible"),
        ({"epochs": 2**70}, "epochs=1180591620717411303424 is not possible: .* 1,000,000,000"),
        ({"seeds": [2**64]}, "seeds=18446744073709551616 is not possible"),
        ({"radii": [10**400]}, "radii=10000.*… is not possible"),
        ({"rate": math.inf}, "rate=inf is not possible: it must be a number of at most"),
        ({"rate": math.nan}, "rate=nan is not possible"),
    ],
)
def test_wrong_parameters_are_refused_in_one_sentence_before_anything_runs(
    tiny, executed, given, says
):
    destination = tiny / "pages" / "tiny.ipynb"
    with pytest.raises(ValueError, match=says) as caught:
        execution.execute(SLUG, given, destination)
    assert "\n" not in str(caught.value)
    assert executed == []
    assert not destination.parent.exists()
    assert not records.root().exists()


def test_files_are_named_from_where_the_user_stands(tiny, monkeypatch):
    (tiny / "notebooks" / f"{SLUG}.py").write_text(SCRIPT.replace("rate = 0.5", 'weights = ""'))
    (tiny / "mine.pt").touch()
    monkeypatch.chdir(tiny / "notebooks")
    for given, meant in (("../mine.pt", "notebooks/../mine.pt"), ("~/mine.pt", "mine.pt")):
        monkeypatch.setenv("HOME", str(tiny))
        assert notebooks.check(SLUG, {"weights": given})["weights"] == str(tiny / meant)
    assert notebooks.check(SLUG, {"weights": "random"})["weights"] == "random"


def test_right_parameters_take_the_place_of_the_defaults(tiny):
    given = {"radii": [4, 6.5], "rate": 1, "seeds": [3, 1], "shown": False, "epochs": 2}
    assert notebooks.check(SLUG, given) == notebooks.defaults(SLUG) | given
    assert notebooks.check(SLUG, {}) == notebooks.defaults(SLUG)


def test_parameters_for_the_whole_book_must_concern_some_notebook(tiny):
    (tiny / "notebooks" / "05_other.py").write_text(SCRIPT.replace("rate = 0.5", "ratio = 0.5"))
    both = [SLUG, "05_other"]
    book = notebooks.of_book({"rate": 0.1, "ratio": 0.2, "seeds": [1]}, both)
    assert {slug: asked for slug, (asked, _) in book.items()} == {
        SLUG: {"rate": 0.1, "seeds": [1]},
        "05_other": {"ratio": 0.2, "seeds": [1]},
    }
    assert [runs for _, runs in book.values()] == [plan("smoke", "planted", [1])] * 2
    with pytest.raises(ValueError, match="'radus' is not known in any notebook: did you mean"):
        notebooks.of_book({"radus": [4]}, both)
    with pytest.raises(ValueError, match="'ratio' of 05_other must be float"):
        notebooks.of_book({"ratio": "much"}, both)


def test_without_seeds_a_page_of_the_book_has_those_that_are_published(tiny, monkeypatch):
    monkeypatch.setattr(sections, "published_seeds", lambda slug, values: [0, 1, values["epochs"]])
    asked, _ = notebooks.of_book({"epochs": 2}, [SLUG])[SLUG]
    assert asked == {"epochs": 2, "seeds": [0, 1, 2]}


# --- execution ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The tiny notebook executed once with other parameters, and its run."""
    folder = tmp_path_factory.mktemp("book")
    with pytest.MonkeyPatch.context() as patch:
        make_book(folder, patch)
        run = store.carry_out(RECIPE)
        # A kernel of the machine that is not this interpreter, and a home that cannot be written.
        kernel = folder / "jupyter" / "kernels" / "python3"
        kernel.mkdir(parents=True)
        spec = {"argv": ["false"], "display_name": "other", "language": "python"}
        (kernel / "kernel.json").write_text(json.dumps(spec))
        patch.setenv("JUPYTER_PATH", str(folder / "jupyter"))
        patch.setenv("HOME", "/dev/null")
        destination = folder / "pages {rate}" / "{x}.ipynb"
        given = {"radii": [6], "seeds": [2, 1], "rate": 1e-3}
        written = execution.execute(SLUG, given, destination, progress=False)
        return written, nbformat.read(written, 4), run


def outputs(notebook):
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


def printed(notebook):
    return "".join(output.text for output in outputs(notebook) if output.get("name") == "stdout")


def test_parameters_reach_the_notebook_and_it_runs_beside_its_folder(page):
    path, notebook, _ = page
    book = path.parent.parent
    said = f"smoke planted [2, 1] [6] 0 0.001 True\n{book}\n{sys.executable}\n"
    assert printed(notebook) == said
    assert [str(file) for file in book.glob("pages*/*")] == [f"{book}/pages {{rate}}/{{x}}.ipynb"]
    nbformat.validate(notebook)


def test_progress_leaves_no_trace_on_the_page(page):
    _, notebook, _ = page
    assert [output.output_type for output in outputs(notebook)] == ["stream", "display_data"]
    text = json.dumps([*outputs(notebook), *(cell.metadata for cell in notebook.cells)])
    for trace in ("50 %", "widget", "a bar", '"papermill"', '"execution"'):
        assert trace not in text
    assert not {"papermill", "widgets"} & set(notebook.metadata)
    assert notebook.metadata.kernelspec.name == "python3"


def test_a_figures_caption_and_name_become_those_of_the_page(page):
    *_, last = (cell for cell in page[1].cells if cell.cell_type == "code")
    expected = {"figure": {"caption": "What it shows: $r$ & more.", "name": "fig-tiny"}}
    assert last.metadata["mystnb"] == expected
    assert sum("mystnb" in cell.metadata for cell in page[1].cells) == 1


def test_a_page_ends_with_where_its_numbers_come_from(page):
    _, notebook, run = page
    block = notebook.cells[-1].source
    rows = dict(re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", block))
    assert rows["Notebook"] == f"notebooks/{SLUG}.py"
    assert rows["Runs"] == run.run_id  # once, though it has two labels
    assert rows["Training"].startswith("1 runs, ")
    assert "&quot;radii&quot;: [6]" in rows["Parameters"]
    assert rows["Precision"] == run.record["precision"]
    assert run.record["versions"]["torch"] in rows["Versions"]
    assert str(run.path.parent.parent) not in block


def test_the_command_executes_a_page_in_a_fork_of_its_own_process(tmp_path):
    page = tmp_path / "page.ipynb"
    command = [sys.executable, "-m", "fhelpers", "notebook", "01_decomposition", "--to", str(page)]
    command += ["-p", "scale", "smoke", "-p", "dataset", "planted"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{page}\n"
    cells = [cell for cell in nbformat.read(page, 4).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert any("fhelpers" in output.get("metadata", {}) for c in cells for output in c.outputs)


def test_a_failing_cell_is_one_sentence_and_leaves_no_page(tiny):
    destination = tiny / "pages" / "tiny.ipynb"
    destination.parent.mkdir()
    destination.write_text("an earlier page")
    with pytest.raises(RuntimeError) as caught:
        execution.execute(SLUG, {"epochs": 7}, destination, provenance=False, progress=False)
    assert re.fullmatch(
        rf"{SLUG} stopped in cell \d+: ValueError: planted failure", str(caught.value)
    )
    assert [file.name for file in destination.parent.iterdir()] == ["tiny.ipynb"]
    assert destination.read_text() == "an earlier page"


def finished(*cells):
    notebook = nbformat.v4.new_notebook(
        cells=list(cells), metadata={"papermill": {}, "widgets": {}}
    )
    execution.finish(notebook, SLUG, {}, provenance=False)
    return notebook


def figure(name):
    return nbformat.v4.new_output(
        "display_data", {"text/plain": name}, metadata={"fhelpers": {"name": name, "caption": "x"}}
    )


def test_two_figures_in_a_cell_are_refused():
    cell = nbformat.v4.new_code_cell(outputs=[figure("first"), figure("second")])
    with pytest.raises(ValueError, match="a cell shows 2 figures; give each its own cell"):
        finished(cell)


def test_what_has_a_title_is_folded_and_keeps_its_caption():
    cell = nbformat.v4.new_code_cell(outputs=[figure("first")], metadata={"folded": "A table"})
    metadata = finished(cell).cells[0].metadata
    assert {"remove-input", "hide-output"} <= set(metadata.tags)
    assert metadata.mystnb["code_prompt_show"] == metadata.mystnb["code_prompt_hide"] == "A table"
    assert metadata.mystnb["figure"]["name"] == "fig-first"


def test_only_progress_is_dropped():
    kept = [
        nbformat.v4.new_output("stream", name="stdout", text="kept"),
        nbformat.v4.new_output("display_data", {"text/html": "<b>kept</b>"}),
        nbformat.v4.new_output("execute_result", {"text/plain": "kept"}, execution_count=1),
    ]
    dropped = [
        nbformat.v4.new_output("stream", name="stderr", text="dropped"),
        nbformat.v4.new_output("display_data", {execution.WIDGET: {}, "text/plain": "dropped"}),
    ]
    cell = nbformat.v4.new_code_cell(outputs=[dropped[0], *kept, dropped[1]])
    notebook = finished(cell, nbformat.v4.new_markdown_cell("text"))
    assert notebook.cells[0].outputs == kept
    assert len(notebook.cells) == 2
    assert dict(notebook.metadata) == {}


# --- what a page depends on -----------------------------------------------------------------------


def names(slug):
    root = provenance.PACKAGE.parent
    return {str(path.relative_to(root)) for path in notebooks.dependencies(slug)}


def test_a_page_depends_on_its_own_section_and_not_on_another():
    first, second = names("01_decomposition"), names("02_shuffled_labels")
    for module in ("plan", "figures", "claims"):
        own = f"fhelpers/sections/decomposition/{module}.py"
        other = f"fhelpers/sections/shuffled_labels/{module}.py"
        assert own in first - second
        assert other in second - first
    common = {
        "fhelpers/drawing/style.py", "fhelpers/drawing/fhelpers.mplstyle",
        "fhelpers/runs/store.py", "fhelpers/runs/scales.py", "fhelpers/runs/recipes.py",
        "fhelpers/sections/__init__.py", "fhelpers/claims/__init__.py", "fhelpers/intervals.py",
        "fhelpers/data/__init__.py", "fhelpers/pages/execution.py",
    }  # fmt: skip
    assert common <= first & second
    assert "notebooks/01_decomposition.py" in first - second
    assert not {"fhelpers/cli.py", "fhelpers/__main__.py"} & (first | second)


def test_the_scorecard_depends_on_the_claims_and_plans_of_all_sections():
    folders = {claim.section for claim in sections.all_claims().values()}
    modules = [f"fhelpers/sections/{each}/{m}.py" for each in folders for m in ("claims", "plan")]
    assert set(modules) <= names(sections.SCORECARD)


def test_a_page_depends_on_every_module_that_its_imports_load():
    """Compared with what Python itself loads, which registers the other sections as well."""
    code = """
import ast, json, sys
from pathlib import Path
tree = ast.parse(Path(sys.argv[1]).read_text())
lines = [ast.unparse(node) for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
exec("\\n".join(lines))
print(json.dumps({name: m.__file__ for name, m in sys.modules.items() if "fhelpers." in name}))
"""
    command = [sys.executable, "-c", code, str(notebooks.source("01_decomposition"))]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = {str(path) for path in notebooks.dependencies("01_decomposition")}
    loaded = {file for name, file in json.loads(printed).items() if name != "fhelpers.sections"}
    others = [Path(file) for file in loaded if "/sections/" in file and "decomposition" not in file]
    followed = provenance.followed(others)
    registered = {str(file) for each in followed for file in (each, each.with_name("__init__.py"))}
    assert len(loaded & found) > 20
    assert loaded - found <= registered
    assert not [file for file in loaded - found if "decomposition" in file]


def test_imports_are_followed_through_the_package_in_every_form(tiny, monkeypatch):
    package = tiny / "fhelpers"
    for name, text in {
        "pages/execution": "import ast",
        "first": "from fhelpers import (\n    third,  # (a comment)\n    second,\n)\n",
        "second": "def lazily():\n    import fhelpers.third as third\n    return third",
        "third": "from fhelpers import first",
        "unused": "from fhelpers import third",
        "drawing/__init__": "",
        "drawing/own": "from fhelpers.drawing.style import show",
        "drawing/style": "import numpy",
        "drawing/other": "",
    }.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / f"{name}.py").write_text(text)
    (package / "drawing" / "style.mplstyle").write_text("")
    monkeypatch.setattr(provenance, "PACKAGE", package)
    monkeypatch.setattr(notebooks, "__file__", str(package / "pages" / "notebooks.py"))
    script = (
        "# %%\nimport os\nfrom fhelpers import first\nfrom fhelpers.drawing import own as plots\n"
    )
    (tiny / "notebooks" / f"{SLUG}.py").write_text(script)
    found = notebooks.dependencies(SLUG)
    assert [str(path.relative_to(tiny)) for path in found] == [
        "fhelpers/drawing/__init__.py", "fhelpers/drawing/own.py",
        "fhelpers/drawing/style.mplstyle", "fhelpers/drawing/style.py", "fhelpers/first.py",
        "fhelpers/pages/execution.py", "fhelpers/second.py", "fhelpers/third.py",
        "notebooks/90_tiny.py",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "script",
    [
        '# %% [markdown]\n# # A\n\n# %% tags=["parameters", "hide-cell"]\na = 1\n\n# %%\nb = 2\n',
        '# %% folded="parameters"\nb = 2\n\n# %% tags=["hide-cell", "parameters"]\na = 1\n\n# %%\n',
        "# %%\nb = 'parameters'\n\n# %% tags=['parameters']\na = 1\n\n# %%\nc = 3\n",
        '# %%\nb = 2\n\n# %% tags=["parameters"]\na = 1\n',
        '# %% tags=["parameters"]\n# %%time\na = 1\n\n# %%\nb = 2\n',
        "# %%\nb = 'tags=[\"parameters\"]'\n",
    ],
)
def test_the_parameters_cell_is_found_as_a_whole_reading_finds_it(script):
    cells = jupytext.reads(script, "py:percent").cells
    found = [cell.source for cell in cells if "parameters" in cell.metadata.get("tags", ())]
    assert notebooks.tagged_parameters(script) == (found[0] if found else None)
