"""`fhelpers.cli`: what it prints, and one sentence with exit status 2 for whatever is wrong."""

import dataclasses
import os
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from fhelpers import cli
from fhelpers.networks.compute import choose_compute
from fhelpers.pages import execution, notebooks
from fhelpers.runs import provenance, records, scales, store, verify
from fhelpers.runs.recipes import Recipe
from fhelpers.sections.noise_or_signal.measure import Cases

# The command line is called as users do, with the words of sys.argv.
pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")

SLUG = "02_shuffled_labels"
PLANTED = ("-p", "scale", "smoke", "-p", "dataset", "planted")
RECIPE = Recipe(
    dataset="planted", data_options=(("classes", 4),), model="lenet", train_images=20,
    test_images=10, monitored_images=5, batch_size=10, epochs=2, radii=(8,),
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
        (["run", "nothing"], "no run is called 'nothing'; see `fhelpers runs`"),
        (["run", "*"], "no run is called '*'"),
        (["run", "nothing", "--threads", "many"], "many"),
        (["run", "nothing", "--threads", "0"], "threads must be from 1 to 1024, not 0"),
        (["run", "nothing", "--threads", "9" * 30], "threads must be from 1 to 1024"),
        (["run", "nothing", "--threads", "1e3"], "1e3"),
        (["run", "xy" * 2_500], "…"),
        (["run", "/"], "no run is called '/'"),
        (["run", ".."], "no run is called '..'"),
        (["run", ".unfinished"], "no run is called '.unfinished'"),
        (["publish", "--seeds", "[1]"], "seeds=[1] is not possible: it must be a list that begins"),
        (["publish", "--seeds", "one"], "seeds must be whole numbers such as 0 1 2, not 'one'"),
        (["claims", "--seeds", "0 0"], "seeds=[0, 0] is not possible"),
        (["claims", "--seeds", "-1"], "seed=-1 is not possible"),
        (["claims", "--seeds", "1e1"], "seeds must be whole numbers"),
        (["claims", "--seeds", "0-3"], "seeds must be whole numbers"),
        (["claims", "--seeds", str(2**64)], "at most 1,000,000,000"),
        (["claims", "--scale", "SMOKE"], "scale 'SMOKE' is not known; choose one of smoke, quick"),
        (["claims", "--dataset", "cifar-10"], "unknown data set 'cifar-10'"),
        (["claims", "--to", ""], "/ is no file: name another one"),
        (["claims", "--to", "xy" * 125], "cannot be written: File name too long"),
        (["notebook", SLUG, *PLANTED, "--to", "xy" * 125], "cannot be written: File name too long"),
        (["notebook", SLUG, *PLANTED, "-p", "seeds", "[True]"], "True is bool"),
        (["notebook", SLUG, *PLANTED, "-p", "seeds", "0 1"], "must be a list such as [0]"),
        (
            ["notebook", SLUG, *PLANTED, "-p", "seeds", "[" * 500 + "0" + "]" * 500],
            "must be a list",
        ),
        (
            ["notebook", SLUG, *PLANTED, "-p", "epochs", "'5'"],
            "'epochs' of 02_shuffled_labels must be",
        ),
        (["notebook", SLUG, *PLANTED, "-p", "epochs", "5; touch x"], "must be int"),
        (["notebook", SLUG, "-p", "epochs=5", "1"], "did you mean 'epochs'?"),
        (["notebook", "02_SHUFFLED_LABELS"], "is not known; choose one of 00_scorecard"),
        (["report", "/", "--dataset", "planted"], "/ cannot be read: it is no file"),
        (
            ["report", "torch.nn:Linear", "--dataset", "planted"],
            "cannot be called without arguments",
        ),
        (["report", "..:x", "--dataset", "planted"], "cannot be imported"),
        (["report", "resnet18", "--dataset", "planted", "--weights", "no"], "no is not there"),
        (
            ["report", "resnet18", "--dataset", "planted", "--images", "1" * 12],
            "has 10000 test images",
        ),
        (["data", "CIFAR10"], "unknown data set 'CIFAR10'"),
        (["coco", "", ""], "/val/val_annotations.txt is missing"),
        (["verify"], "name a finished run, or ask for published ones with --published N"),
        (["verify", "nothing"], "no finished run is called 'nothing'; see `fhelpers runs`"),
        (["verify", "nothing", "--published", "1"], "no finished run is called 'nothing'"),
        (["verify", "--published", "many"], "many"),
        (["verify", "--published", "1.5"], "not a whole number: '1.5'"),
        (["report", "alexnet", "--images", "2.5"], "not a whole number: '2.5'"),
        (["verify", "--published", "-1"], "--published must be 0 or more, not -1"),
        (["report", "nosuchmodel", "--dataset", "planted"], "model 'nosuchmodel' is not known"),
        (["report", "alexnet", "--dataset", "planted", "--few", "1"], "must be at least 2"),
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
        (["notebook", SLUG, "-p", "dataset", "cifar"], "unknown data set 'cifar'"),
        (["notebook", SLUG, "-p", "rate", "x" * 500], "'rate' is not known"),
        (["notebook", SLUG, "-p", "seeds", "[" + "1, " * 500 + "1]"], "1, 1,… is not possible"),
        (["notebook", SLUG, "-p", "seeds", f"[{2**64}]"], "at most 1,000,000,000"),
        (["notebook", SLUG, "-p", "epochs", str(2**70)], "at most 1,000,000,000"),
        (["notebook", SLUG, "-p", "radii", "[1e400]"], "radii=inf is not possible"),
        (
            ["notebook", "08_smooth_kernels", *PLANTED, "-p", "rho", "-1"],
            "rho=-1.0 is not possible",
        ),
        (["notebook", "08_smooth_kernels", *PLANTED, "-p", "rho", "1e400"], "rho=inf is not"),
        (["notebook", "10_tradeoff", *PLANTED, "-p", "radius", "-1"], "radius=-1 is not possible"),
        (["notebook", "10_tradeoff", *PLANTED, "-p", "radius", "0"], "radius=0 is not possible"),
        (
            ["notebook", "10_tradeoff", *PLANTED, "-p", "radius", "30"],
            "radius=30.0 is not possible",
        ),
        (["notebook", SLUG, *PLANTED, "--to", "/dev/full"], "/dev/full is no file"),
        (["notebook", SLUG, *PLANTED, "--to", "/etc/passwd/x"], "/etc/passwd is no folder"),
        (["notebook", "13_detection", *PLANTED, "-p", "coco_root", "2017"], "/2017/annotations/"),
        (["claims", "--to", "/etc/passwd/x.json"], "/etc/passwd is no folder, so"),
        (["report", "x.pt2", "--to", "/etc/passwd"], "/etc/passwd is no folder: name another one"),
        (["claims", "--to", "/etc"], "/etc is no file: name another one"),
        (["claims", "--seeds", "0 one"], "seeds must be whole numbers such as 0 1 2, not '0 one'"),
        (["explorer", "a", "b", "--to", "/etc/passwd"], "/etc/passwd is no folder: name another"),
        (["coco", "nowhere", "/etc/passwd"], "/etc/passwd is no folder: name another one"),
        (["coco", "nowhere", "/nowhere/too"], "/nowhere/val/val_annotations.txt is missing"),
        (["run", "x" * 500], "…; see `fhelpers runs`"),
        (["run", "a", "--threads", "x" * 500], "…"),
        (["book", "--jobs", "0"], "jobs must be at least 1, not 0"),
        (["book", "--jobs", "2; touch x"], "2; touch x"),
        (["book", "--seeds", "$(touch x)"], "seeds must be whole numbers such as 0 1 2"),
        (["data", "cifar"], "unknown data set 'cifar': choose one of cifar10, mnist"),
        (["data"], "name one or more data sets: cifar10"),
    ],
)
def test_wrong_input_is_one_sentence_and_status_2(fhelpers, monkeypatch, tmp_path, words, says):
    monkeypatch.setattr(execution.papermill, "execute_notebook", None)
    monkeypatch.setattr(store, "carry_out", None)
    monkeypatch.chdir("/")
    sentence = refused(fhelpers(*words))
    assert says in sentence
    assert max(map(words.count, words)) > 100 or "x" * 101 not in sentence
    assert len(sentence) < 600
    assert not records.root().exists()


@pytest.mark.parametrize(
    "typed", ["0 1", "0,1", "[0,1]", "[0, 1]", " 0  1 ", "[0 1]", "00 1", "0\n１"]
)
def test_seeds_are_typed_in_any_usual_way(typed):
    assert cli.whole_numbers("seeds", typed) == [0, 1]


@pytest.mark.parametrize(
    "make", [Path.touch, lambda p: p.symlink_to("gone"), lambda p: p.symlink_to(p)]
)
def test_a_store_that_is_no_folder_is_named(fhelpers, places, make):
    make(places / "results")
    assert f"{places / 'results'} is no folder: name another one" in refused(fhelpers("runs"))


def test_who_closes_the_output_is_told_nothing(places):
    command = f'"{sys.executable}" -m fhelpers rnu'
    for streams, status in ((">&-", 2), (">&- 2>&-", 2), ("<&-", 2)):
        done = subprocess.run(
            ["sh", "-c", f"{command} {streams}"], capture_output=True, text=True, check=False
        )
        assert done.returncode == status
        assert "Traceback" not in done.stderr
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "fhelpers", "runs"]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, env=env, check=False)
    assert (done.returncode, done.stderr) == (141, b"")


def test_errors_of_the_system_name_the_file(fhelpers, monkeypatch):
    def unreadable():
        raise PermissionError(13, "Permission denied", "/kept/runs")

    monkeypatch.setattr(store, "listing", unreadable)
    assert refused(fhelpers("runs")) == "fhelpers: /kept/runs: Permission denied\n"


def test_a_terminal_that_knows_ascii_only_gets_every_line(places):
    run = store.carry_out(dataclasses.replace(RECIPE, epochs=1))
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "HOME": "/dev/null"}
    done = subprocess.run(
        [sys.executable, "-m", "fhelpers", "run", run.run_id],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stdout.startswith(f"{run.path} ? ")


def test_missing_data_without_a_network_name_the_ways_to_get_them(fhelpers, places, monkeypatch):
    monkeypatch.delenv("FHELPERS_TINY_IMAGENET", raising=False)
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
    run = store.carry_out(RECIPE)
    (run.path / "history.parquet").write_bytes(b"")
    for command in ("run", "verify"):
        sentence = refused(fhelpers(command, run.run_id))
        assert run.run_id in sentence
        assert "history.parquet" in sentence


def test_a_run_that_cannot_succeed_is_one_sentence(fhelpers):
    hopeless = dataclasses.replace(RECIPE, learning_rate=1e6, optimiser="sgd")
    status, out, err = fhelpers("run", store.plan(hopeless))
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
    for command in cli.app.resolved_commands():
        if command.startswith("-"):
            continue
        assert f" {command} " in out


def test_an_empty_store_says_where_it_looked(fhelpers, places):
    assert fhelpers("runs") == (0, f"no runs yet in {places / 'results'}\n", "")


def test_a_planned_run_is_carried_out_listed_and_not_repeated(fhelpers, monkeypatch):
    run_id = store.plan(RECIPE)
    status, out, _ = fhelpers("runs")
    assert status == 0
    assert f"{run_id} planned" in " ".join(out.split())
    status, out, _ = fhelpers("run", run_id)
    assert status == 0
    assert out.startswith(str(records.root() / run_id))
    assert records.Run(records.root() / run_id).record["threads"] == 1
    status, listed, err = fhelpers("runs")
    assert (status, err) == (0, "")
    assert f"{run_id} done 2" in " ".join(listed.split())

    monkeypatch.setattr(store, "make", None)
    status, again, _ = fhelpers("run", run_id)
    assert (status, again) == (0, out)


def test_a_model_is_reported_on_in_three_files(fhelpers, monkeypatch, carried_out, tmp_path):
    run = carried_out(scales.vanilla("smoke", "planted", 0))
    monkeypatch.setenv("FHELPERS_RESULTS", str(run.path.parent))
    words = ["--dataset", "planted", "--images", "40", "--few", "20", "--to", str(tmp_path / "out")]
    status, out, _ = fhelpers("report", run.run_id, *words)
    assert status == 0
    names = ["report.csv", "report.html", "report.json"]
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == names
    assert all(str(tmp_path / "out" / name) in out for name in names)


# --- runs carried out anew ------------------------------------------------------------------------


def contents():
    """{path: bytes} of all that the store holds."""
    files = records.root().rglob("*")
    return {path: path.read_bytes() for path in files if path.is_file() and path.suffix != ".lock"}


def test_a_run_carried_out_anew_is_bit_equal(fhelpers, monkeypatch):
    network = dataclasses.replace(RECIPE, batchnorm="batch", labels="shuffled", epochs=1)
    torch.set_num_threads(1)
    runs = [store.carry_out(network), store.carry_out(Cases(network=network, images=10))]
    before = contents()
    torch.set_num_threads(2)
    train, threads = Recipe.carry_out, []
    monkeypatch.setattr(
        Recipe, "carry_out", lambda *given: threads.append(torch.get_num_threads()) or train(*given)
    )
    status, out, err = fhelpers("verify", *(run.run_id for run in runs))
    assert (status, err) == (0, "")
    assert out == "".join(f"{run.run_id} · bit-equal\n" for run in runs)
    assert contents() == before
    assert (threads, torch.get_num_threads()) == ([1], 2)  # once, as recorded; as before


@pytest.mark.parametrize(
    ("change", "status"), [(1e-3, 1), (1e-6, 0), (float("nan"), 1), (float("inf"), 1)]
)
def test_a_run_that_comes_out_otherwise_is_told_by_how_much(fhelpers, change, status):
    run = store.carry_out(dataclasses.replace(RECIPE, epochs=1))
    result = verify.carry_out_anew(run)
    bias = next(tensor for name, tensor in result.tensors.items() if name.endswith("bias"))
    bias[0] += change
    shutil.rmtree(run.path)
    run.path.mkdir()
    records.write(run.recipe, result, choose_compute(), run.path)
    found, out, _ = fhelpers("verify", run.run_id)
    assert found == status
    told = out.removeprefix(f"{run.run_id} · ").strip()
    assert float(told) == pytest.approx(abs(change) if change == change else float("inf"), rel=0.1)


@pytest.mark.parametrize(("change", "status"), [(1e-3, 0), (float("inf"), 1)])
@pytest.mark.parametrize("differs", ["processor", "instructions"])
def test_another_processor_may_round_otherwise(fhelpers, monkeypatch, differs, change, status):
    run = store.carry_out(dataclasses.replace(RECIPE, epochs=1))
    other = provenance.machine() | {differs: "another one"}
    monkeypatch.setattr(provenance, "machine", lambda: other)
    monkeypatch.setattr(verify, "largest_difference", lambda run, result: change)
    found, out, _ = fhelpers("verify", run.run_id)
    assert (found, "another processor" in out) == (status, not status)


def test_published_runs_are_drawn_and_carried_out_anew(fhelpers, monkeypatch, places):
    monkeypatch.setattr(records, "published", lambda: places / "published")
    words = ["verify", "--published", "2"]
    assert "name a finished run" in refused(fhelpers(*words))
    recipes = [dataclasses.replace(RECIPE, epochs=1, seed=seed) for seed in range(3)]
    names = {store.carry_out(recipe).run_id for recipe in recipes}
    records.root().rename(places / "published")
    for count, expected in ((1, 1), (2, 2), (5, 3)):
        status, out, _ = fhelpers("verify", "--published", str(count), "--seed", "4")
        lines = out.splitlines()
        assert status == 0
        assert {line.removesuffix(" · bit-equal") for line in lines} <= names
        assert len(set(lines)) == len(lines) == expected
    one = fhelpers("verify", "--published", "1", "--seed", "4")
    assert one == fhelpers("verify", "--published", "1", "--seed", "4")
    assert len({fhelpers("verify", "--published", "1", "--seed", str(s)) for s in range(6)}) > 1


# --- notebooks and data ---------------------------------------------------------------------------


def test_a_notebook_is_executed_with_its_parameters(fhelpers, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(execution, "execute", lambda *given, fork: calls.append(given) or given[2])
    words = ["-p", "epochs", "5", "-p", "radii", "[4, 8]", "-p", "dataset", "mnist"]
    to = tmp_path / "page.ipynb"
    assert fhelpers("notebook", SLUG, *words, "--to", str(to)) == (0, f"{to}\n", "")
    assert calls.pop() == (SLUG, {"epochs": 5, "radii": [4, 8], "dataset": "mnist"}, to)
    assert fhelpers("notebook", "13_detection", "-p", "coco_root", "2017", "--to", str(to))[0] == 0
    assert calls.pop()[1] == {"coco_root": "2017"}
    assert fhelpers("notebook", SLUG)[0] == 0
    assert calls[0][2] == notebooks.NOTEBOOKS.parent / "book" / "sections" / f"{SLUG}.ipynb"


def test_data_that_are_there_are_verified(fhelpers):
    assert fhelpers("data", "planted") == (0, "planted: there and verified\n", "")


def test_the_installed_command_and_the_module_are_this_one():
    (script,) = entry_points(group="console_scripts", name="fhelpers")
    assert script.load() is cli.main
    command = [sys.executable, "-m", "fhelpers", "notebook", SLUG, "-p", "radus", "[4]"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    sentence = refused((done.returncode, done.stdout, done.stderr))
    assert "'radus' is not known in 02_shuffled_labels: did you mean 'radii'?" in sentence
