"""`fhelpers.cli`: what it prints, and one sentence with exit status 2 for whatever is wrong."""

import subprocess
import sys
from importlib.metadata import entry_points

import pytest
import torch
from safetensors.torch import save_file

from fhelpers import cli
from fhelpers.pages import notebooks
from fhelpers.runs import store
from fhelpers.runs.recipes import Recipe

# The command line is called as users do, with the words of sys.argv.
pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")

SLUG = "02_shuffled_labels"
RECIPE = Recipe(
    dataset="planted", data_options=(("classes", 4),), model="lenet", train_images=20,
    test_images=10, watch_images=5, batch_size=10, epochs=2, radii=(8,),
)  # fmt: skip


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """An empty store, no data and no network."""
    monkeypatch.setenv("FHELPERS_RESULTS", str(tmp_path / "results"))
    monkeypatch.setenv("FHELPERS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("FHELPERS_OFFLINE", "1")
    threads = torch.get_num_threads()
    yield tmp_path
    torch.set_num_threads(threads)


@pytest.fixture
def fhelpers(monkeypatch, capsys):
    """Run the command line in this process: (exit status, stdout, stderr)."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["fhelpers", *words])
        status = 0
        try:
            cli.main()
        except SystemExit as end:
            status = end.code or 0
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return call


def refused(result):
    """The sentence of a refused call, which is all that it printed."""
    status, out, err = result
    assert status == 2
    assert out == ""
    assert err.startswith("fhelpers: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


# --- wrong input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["rnu"], "rnu"),
        (["runs", "--colour"], "--colour"),
        (["runs", "all"], "all"),
        (["run"], "--run-id"),
        (["run", "nothing"], "no run is called 'nothing'; `fhelpers runs` lists"),
        (["run", "*"], "no run is called '*'"),
        (["run", "nothing", "--threads", "many"], "many"),
        (["run", "nothing", "--threads", "0"], "positive"),
        (["notebook"], "--slug"),
        (["notebook", "02"], "notebook '02' is not known; choose one of 00_scorecard"),
        (["notebook", "../README"], "notebook '../README' is not known"),
        (["notebook", SLUG, "--epochs", "5"], "--epochs"),
        (["notebook", SLUG, "-p", "epochs"], "-p"),
        (["notebook", SLUG, "-p", "radus", "[4]"], "'radus' is not known in 02_shuffled_labels"),
        (["notebook", SLUG, "-p", "epochs", "1e-3"], "'epochs' of 02_shuffled_labels must be int"),
        (["notebook", SLUG, "-p", "epochs", "many"], "'many' is str"),
        (["notebook", SLUG, "-p", "radii", "4"], "must be a list"),
        (["notebook", SLUG, "-p", "radii", "[0]"], "radii=0 is not possible"),
        (["notebook", SLUG, "-p", "radii", "[4,"], "must be a list"),
        (["notebook", SLUG, "-p", "radii", "[nan]"], "must be a list"),
        (["notebook", SLUG, "-p", "seeds", "[]"], "must not be empty"),
        (["notebook", SLUG, "-p", "scale", "huge"], "scale 'huge' is not known; choose one of"),
        (["notebook", SLUG, "-p", "dataset", "cifar"], "data set 'cifar' is not known"),
        (["data", "cifar"], "unknown data set 'cifar': choose one of cifar10, mnist"),
        (["data"], "name one or more data sets: cifar10"),
    ],
)
def test_wrong_input_is_one_sentence_and_status_2(fhelpers, monkeypatch, words, says):
    monkeypatch.setattr(notebooks.papermill, "execute_notebook", None)
    assert says in refused(fhelpers(*words))


def test_missing_data_without_a_network_name_the_ways_to_get_them(fhelpers, places):
    for name in ("cifar10", "imagenette", "tiny-imagenet"):
        sentence = refused(fhelpers("data", name))
        assert name.split("-")[-1] in sentence.lower()
        assert str(places / "data") in sentence


def test_a_damaged_file_is_named_with_both_digests(fhelpers, places):
    path = places / "data" / "mnist" / "train.safetensors"
    path.parent.mkdir(parents=True)
    images = torch.zeros(60_000, 1, 28, 28, dtype=torch.uint8)
    labels = torch.zeros(60_000, dtype=torch.uint8)
    save_file({"images": images, "labels": labels}, path)
    sentence = refused(fhelpers("data", "mnist"))
    assert str(path) in sentence
    assert "expected" in sentence
    path.write_bytes(b"no tensors")
    assert str(path) in refused(fhelpers("data", "mnist"))


def test_a_damaged_run_is_named(fhelpers):
    run = store.carry_out(RECIPE, "smoke")
    (run.path / "history.parquet").write_bytes(b"")
    sentence = refused(fhelpers("run", run.run_id))
    assert run.run_id in sentence
    assert "history.parquet" in sentence


def test_a_run_that_cannot_succeed_is_one_sentence(fhelpers):
    hopeless = Recipe(**{**RECIPE.__dict__, "learning_rate": 1e6, "optimiser": "sgd"})
    status, out, err = fhelpers("run", store.plan(hopeless, "smoke"))
    assert (status, out) == (2, "")
    lines = [line for line in err.splitlines() if "epoch/s" not in line and "?epoch" not in line]
    assert len(lines) == 1
    assert "the learning rate is too high" in lines[0]


def test_an_interruption_says_what_is_kept(fhelpers, monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "listing", interrupt)
    status, _, err = fhelpers("runs")
    assert (status, err) == (130, "fhelpers: stopped; finished epochs are kept\n")


# --- what works -----------------------------------------------------------------------------------


def test_help_names_every_command(fhelpers):
    status, out, err = fhelpers("--help")
    assert (status, err) == (0, "")
    for command in ("run", "runs", "notebook", "data"):
        assert f" {command} " in out


def test_an_empty_store_says_where_it_looked(fhelpers, places):
    assert fhelpers("runs") == (0, f"no runs yet in {places / 'results'}\n", "")


def test_a_planned_run_is_carried_out_listed_and_not_repeated(fhelpers, monkeypatch):
    run_id = store.plan(RECIPE, "smoke")
    status, out, _ = fhelpers("runs")
    assert status == 0
    assert f"{run_id} planned" in " ".join(out.split())
    status, out, _ = fhelpers("run", run_id)
    assert status == 0
    assert out.startswith(str(store.root() / "smoke" / run_id))
    assert store.Run(store.root() / "smoke" / run_id).record["threads"] == 1
    status, listed, err = fhelpers("runs")
    assert (status, err) == (0, "")
    assert f"{run_id} done 2" in " ".join(listed.split())

    monkeypatch.setattr(store, "train", None)
    status, again, _ = fhelpers("run", run_id)
    assert (status, again) == (0, out)


def test_a_notebook_is_executed_with_its_parameters(fhelpers, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(notebooks, "execute", lambda *given: calls.append(given) or given[2])
    words = ["-p", "epochs", "5", "-p", "radii", "[4, 8]", "-p", "dataset", "mnist"]
    to = tmp_path / "page.ipynb"
    assert fhelpers("notebook", SLUG, *words, "--to", str(to)) == (0, f"{to}\n", "")
    assert calls.pop() == (SLUG, {"epochs": 5, "radii": [4, 8], "dataset": "mnist"}, to)
    assert fhelpers("notebook", SLUG)[0] == 0
    assert calls[0][2] == notebooks.SOURCES.parent / "book" / "sections" / f"{SLUG}.ipynb"


def test_data_that_are_there_are_verified(fhelpers):
    assert fhelpers("data", "planted") == (0, "planted: there and verified\n", "")


def test_the_installed_command_and_the_module_are_this_one():
    (script,) = entry_points(group="console_scripts", name="fhelpers")
    assert script.load() is cli.main
    command = [sys.executable, "-m", "fhelpers", "notebook", SLUG, "-p", "radus", "[4]"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    sentence = refused((done.returncode, done.stdout, done.stderr))
    assert "'radus' is not known in 02_shuffled_labels: did you mean 'radii'?" in sentence
