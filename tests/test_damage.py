"""Every file of a finished and of an unfinished run, damaged in every way: named, never used."""

import shutil

import pytest
import torch
from test_store import assert_equal_runs, tiny

from fhelpers.runs import store
from fhelpers.runs.training import Training

FINISHED = ["history.parquet", "model.safetensors", "outcomes.parquet", "record.json"]


def flip(file, other):
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 4
    file.write_bytes(content)


def cut(file, other):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def empty(file, other):
    file.write_bytes(b"")


def randomise(file, other):
    noise = torch.randint(256, (file.stat().st_size,), dtype=torch.uint8)
    file.write_bytes(bytes(noise.tolist()))


def nest(file, other):
    file.write_bytes(b"[" * 200_000)


def put_folder(file, other):
    file.unlink()
    file.mkdir()


def swap(file, other):
    shutil.copyfile(other / file.name, file)


def remove(file, other):
    file.unlink()


DAMAGES = [flip, cut, empty, randomise, nest, put_folder, swap]


class Stopped(Exception):
    """What interrupts a training in these tests."""


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """A store with two finished runs, seeds 0 and 1, and two interrupted ones, seeds 2 and 3."""
    threads, save = torch.get_num_threads(), Training.save
    torch.set_num_threads(1)

    def save_once(state, path):
        save(state, path)
        raise Stopped

    folder = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FHELPERS_RESULTS", str(folder))
        for seed in (0, 1):
            store.carry_out(tiny(seed=seed))
        patch.setattr(Training, "save", save_once)
        for seed in (2, 3):
            with pytest.raises(Stopped):
                store.carry_out(tiny(seed=seed))
    yield folder
    torch.set_num_threads(threads)


@pytest.fixture
def results(originals, tmp_path, monkeypatch):
    """A copy of that store."""
    monkeypatch.setenv("FHELPERS_RESULTS", str(tmp_path / "results"))
    return shutil.copytree(originals, tmp_path / "results")


def refused(recipe):
    """The sentence with which a run is refused."""
    with pytest.raises(store.DamagedRun) as caught:
        store.carry_out(recipe)
    sentence = str(caught.value)
    assert recipe.run_id in sentence
    assert "delete" in sentence
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", FINISHED)
def test_a_damaged_file_of_a_finished_run_is_named(results, name, damage):
    first, second = (results / tiny(seed=seed).run_id for seed in (0, 1))
    damage(first / name, second)
    assert f"delete {first} to train anew" in refused(tiny(seed=0))
    assert store.listing().set_index("run").state[first.name] == "damaged"


@pytest.mark.parametrize("name", FINISHED[:3])
def test_a_missing_file_of_a_finished_run_is_named(results, name):
    first = results / tiny(seed=0).run_id
    remove(first / name, None)
    assert f"{name} is missing" in refused(tiny(seed=0))


def test_two_finished_folders_that_were_swapped_are_named(results):
    first, second = (results / tiny(seed=seed).run_id for seed in (0, 1))
    first.rename(results / "aside")
    second.rename(first)
    (results / "aside").rename(second)
    assert f"its record is that of {second.name}" in refused(tiny(seed=0))
    assert f"its record is that of {first.name}" in refused(tiny(seed=1))


def test_a_record_of_a_future_format_is_named(results):
    file = results / tiny(seed=0).run_id / "record.json"
    file.write_text(file.read_text().replace('"format": 2', '"format": 3'))
    sentence = refused(tiny(seed=0))
    assert "has the format 3, this version of the package reads 2" in sentence
    assert "use the version that wrote it" in sentence


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_named(results, damage):
    first, second = (store.unfinished(tiny(seed=seed).run_id) for seed in (2, 3))
    damage(first / "checkpoint.pt", second)
    assert f"delete {first / 'checkpoint.pt'} to begin anew" in refused(tiny(seed=2))
    assert not (results / first.name).exists()


def test_every_byte_of_a_checkpoint_counts(results):
    file = store.unfinished(tiny(seed=2).run_id) / "checkpoint.pt"
    content = file.read_bytes()
    for place in (*range(0, 160, 7), *range(160, len(content), len(content) // 20), -1):
        altered = bytearray(content)
        altered[place] ^= 1
        file.write_bytes(altered)
        refused(tiny(seed=2))


def test_a_checkpoint_of_another_seed_is_named(results):
    first, second = (store.unfinished(tiny(seed=seed).run_id) for seed in (2, 3))
    swap(first / "checkpoint.pt", second)
    assert f"the checkpoint of run {first.name} is that of {second.name}" in refused(tiny(seed=2))


def test_a_checkpoint_of_the_format_before_is_named(results):
    file = store.unfinished(tiny(seed=2).run_id) / "checkpoint.pt"
    torch.save({"parts": []}, file)
    assert "is damaged, or of another version of this package" in refused(tiny(seed=2))


def test_an_interrupted_run_goes_on_from_its_checkpoint(results, monkeypatch, tmp_path):
    seen = []
    resumed = store.carry_out(tiny(seed=2), seen.append)
    assert seen == [1, 2]
    other = tiny(seed=3).run_id
    left = sorted(path.name for path in (results / ".unfinished").iterdir())
    assert left == [other, f"{other}.lock"]
    monkeypatch.setenv("FHELPERS_RESULTS", str(tmp_path / "other"))
    assert_equal_runs(resumed, store.carry_out(tiny(seed=2)))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_recipe_is_named_and_another_is_never_carried_out(results, damage):
    first, second = (store.unfinished(tiny(seed=seed).run_id) for seed in (2, 3))
    damage(first / "recipe.json", second)
    with pytest.raises(store.DamagedRun, match=f"the recipe of run {first.name} .*delete {first}"):
        store.find(first.name)
    store.listing()


@pytest.mark.parametrize("damage", [cut, empty, randomise, put_folder, swap, remove])
def test_what_a_run_last_reported_decides_nothing(results, damage):
    first, second = (store.unfinished(tiny(seed=seed).run_id) for seed in (2, 3))
    damage(first / "progress", second)
    assert store.listing().set_index("run").state[first.name] == "interrupted"


def test_what_a_kill_left_beside_a_finished_run_is_removed_by_the_next_call(results, originals):
    name = tiny(seed=0).run_id
    for use in (lambda: store.carry_out(tiny(seed=0)), store.listing):
        left = store.unfinished(name)
        shutil.copytree(originals / ".unfinished" / tiny(seed=2).run_id, left)
        store.lock_of(left).touch()
        use()
        assert not left.exists()
        assert not store.lock_of(left).exists()
    assert list(store.listing().run).count(name) == 1
