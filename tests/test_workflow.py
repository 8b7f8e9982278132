"""The Snakefile in dry runs, and the profile that every call of the workflow reads."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fhelpers.pages import notebooks
from fhelpers.runs import schedule

ROOT = Path(__file__).parent.parent
SNAKEMAKE = str(Path(sys.executable).with_name("snakemake"))
GIVEN = {"scale": "smoke", "dataset": "planted", "seeds": [0]}
RULE = re.compile(r"rule (runs_\d+):\n(?: +input:.*\n)? +output: (.*)\n")


BOOK = ["book", "--forceall", "--default-resources", "gpu=1"]


def planned(results, options=BOOK):
    """What Snakemake would do with a store: its words, and {rule: names of the runs it makes}."""
    command = [SNAKEMAKE, "--cores", "1", "--dry-run", *options, "--config"]
    command += [f"{name}={value}" for name, value in GIVEN.items()]
    environment = os.environ | {"FHELPERS_RESULTS": str(results)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    said = done.stdout + done.stderr
    return said, {
        rule: {Path(file).parent.name for file in files.split(", ")}
        for rule, files in RULE.findall(said)
    }


def test_wrong_parameters_end_the_workflow_with_one_sentence_and_status_2(tmp_path):
    command = [SNAKEMAKE, "--cores", "1", "--dry-run", "book", "--config", "scale=huge"]
    environment = os.environ | {"FHELPERS_RESULTS": str(tmp_path)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "fhelpers: scale 'huge' is not known; choose one of smoke" in done.stderr
    assert "Traceback" not in done.stderr


def finish(results, run_id):
    (results / run_id).mkdir(parents=True)
    (results / run_id / "record.json").write_text("{}")


@pytest.fixture(scope="module")
def everything():
    """Every run of a book by its name."""
    plans = [notebooks.plan(slug, GIVEN) for slug in notebooks.slugs()]
    return schedule.everything(r for plan in plans for group in plan.values() for r in group)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """What is planned on an empty store."""
    return planned(tmp_path_factory.mktemp("empty"))


def test_every_run_of_a_new_book_stands_in_one_batch(fresh, everything):
    said, batches = fresh
    assert "profiles/default" in said  # which keeps the finished runs of a batch that fails
    assert sorted(run_id for batch in batches.values() for run_id in batch) == sorted(everything)


def test_small_runs_of_a_page_share_a_process(fresh):
    wanted = notebooks.plan("02_shuffled_labels", GIVEN)
    small = {wanted[label][0].run_id for label in ("high-4", "high-8", "high-16")}
    assert [small & batch for batch in fresh[1].values() if small & batch] == [small]


def test_batches_do_not_change_when_records_appear_between_two_calls(fresh, tmp_path):
    """A job on a cluster plans the book again, while others finish runs, and looks up its rule."""
    before = fresh[1]
    large = max(before, key=lambda rule: len(before[rule]))
    small = min(before, key=lambda rule: len(before[rule]))
    gone = {min(before[large]), *before[small]}
    for run_id in gone:
        finish(tmp_path, run_id)
    after = planned(tmp_path)[1]
    assert after == {rule: batch - gone for rule, batch in before.items() if batch - gone}


def test_a_finished_run_is_never_made_again(tmp_path, everything):
    """Snakemake deletes what it is about to make, so a finished run has no rule at all."""
    for run_id in everything:
        finish(tmp_path, run_id)
    said, batches = planned(tmp_path)
    assert "rule notebook" in said
    assert batches == {}
    assert "rule runs_" not in said


def test_a_training_asks_for_memory_time_and_a_gpu_where_one_is_wanted_and_a_page_for_none(fresh):
    asked = re.findall(r"^rule (\w+):\n(?: {4}.*\n)*? +resources: (.*)", fresh[0], re.MULTILINE)
    asked = {rule: dict(re.findall(r"(\w+)=(\w+)", resources)) for rule, resources in asked}
    for rule, resources in asked.items():
        if rule in fresh[1] or rule == "notebook":
            assert int(resources["mem_mb"]) >= 2_000
            assert 30 <= int(resources["runtime"]) <= 24 * 60
            assert resources["gpu"] == ("0" if rule == "notebook" else "1")
    assert asked.keys() >= {"notebook", *fresh[1]}


def test_a_job_that_is_started_again_finds_its_rule_and_plans_nothing(fresh, tmp_path):
    """One that was requeued, or whose runs another call has finished since it was submitted."""
    rule, lot = next(iter(fresh[1].items()))
    for run_id in lot:
        finish(tmp_path, run_id)
    job = ["--mode", "remote", "--target-jobs", f"{rule}:", "--allowed-rules", rule, "--force"]
    said, batches = planned(tmp_path, job)
    assert f"rule {rule}:" in said
    assert batches == {}  # it makes nothing, so Snakemake deletes nothing
    assert {file.name for file in tmp_path.iterdir()} == lot


def test_finished_runs_stay_when_another_of_their_batch_fails(tmp_path):
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    (tmp_path / "Snakefile").write_text(
        'rule runs:\n    output: "first", "second"\n    shell: "echo done > first; exit 1"\n'
    )
    done = subprocess.run(
        [SNAKEMAKE, "--cores", "1"], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 1
    assert (tmp_path / "first").read_text() == "done\n"
