"""Published records: what is copied, what stays behind, and what happens when that is needed."""

import dataclasses
import gzip
import shutil
import zipfile
from hashlib import sha256

import pytest
import torch

from fhelpers import data
from fhelpers.pages import notebooks, published
from fhelpers.runs import records, schedule, store
from fhelpers.runs.recipes import Recipe
from fhelpers.runs.verify import carry_out_anew, largest_difference
from fhelpers.sections.noise_or_signal.measure import Cases

NETWORK = Recipe(
    dataset="planted", data_options=(("classes", 4),), model="lenet", train_images=40,
    test_images=20, monitored_images=10, batch_size=10, learning_rate=3e-3, epochs=1, radii=(8,),
    precision="float32",
)  # fmt: skip


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A finished run in a store of its own, and an empty folder for what is published."""
    monkeypatch.setenv("FHELPERS_RESULTS", str(tmp_path / "first"))
    monkeypatch.setattr(records, "published", lambda: tmp_path / "published")
    torch.set_num_threads(1)
    return store.carry_out(NETWORK)


@pytest.fixture
def elsewhere(kept, tmp_path, monkeypatch):
    """The run as a clone has it: published without its weights, and an empty store."""
    store.publish(kept, tensors=False)
    monkeypatch.setenv("FHELPERS_RESULTS", str(tmp_path / "second"))
    return store.finished(kept.run_id)


def test_a_record_published_without_weights_is_still_verified(elsewhere):
    assert sorted(f.name for f in elsewhere.path.iterdir()) == [
        "history.parquet", "outcomes.parquet", "record.json",
    ]  # fmt: skip
    assert not elsewhere.whole
    assert elsewhere.correct("low", 8.0).shape == (20,)
    (elsewhere.path / "history.parquet").write_bytes(b"other")
    with pytest.raises(store.DamagedRun, match=r"history\.parquet has digest"):
        _ = store.finished(elsewhere.run_id).record


def test_another_result_is_not_published_in_place_of_one(kept, tmp_path):
    before = store.publish(kept, tensors=False)
    assert store.publish(kept, tensors=True) == before
    other = records.Run(tmp_path / "second" / kept.run_id)
    shutil.copytree(kept.path, other.path)
    (other.path / "history.parquet").write_bytes(b"another history")
    files = kept.record["files"] | {"history.parquet": sha256(b"another history").hexdigest()}
    record = kept.record | {"files": files}
    record["digest"] = records.digest_of(records.as_text(record))
    (other.path / "record.json").write_text(records.as_text(record), "utf-8")
    with pytest.raises(ValueError, match=f"is published with another result: remove {other.path}"):
        store.publish(other, tensors=False)
    assert records.Run(before).record == kept.record


def test_published_weights_are_packed_and_load_as_they_were(kept, tmp_path, monkeypatch):
    folder = store.publish(kept, tensors=True)
    first = (folder / records.PACKED).read_bytes()
    monkeypatch.setenv("FHELPERS_RESULTS", str(tmp_path / "second"))
    found = store.finished(kept.run_id, whole=True)
    assert found.path == folder
    assert not (folder / "model.safetensors").exists()
    ours, theirs = kept.tensors(), found.tensors()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert (store.publish(kept, tensors=True) / records.PACKED).read_bytes() == first
    assert (store.publish(found, tensors=True) / records.PACKED).read_bytes() == first


@pytest.mark.parametrize("damage", ["cut", "other", "not packed"])
def test_damaged_published_weights_are_named(kept, tmp_path, monkeypatch, damage):
    file = store.publish(kept, tensors=True) / records.PACKED
    whole = file.read_bytes()
    wrong = {"cut": whole[:-20], "other": gzip.compress(b"other"), "not packed": b"other"}
    file.write_bytes(wrong[damage])
    monkeypatch.setenv("FHELPERS_RESULTS", str(tmp_path / "second"))
    says = "has digest" if damage == "other" else "cannot be read"
    with pytest.raises(store.DamagedRun, match=rf"model\.safetensors(\.gz)? {says}"):
        store.finished(kept.run_id).tensors()


def test_one_archive_holds_all_records_without_weights(kept, tmp_path):
    file = published.archive(
        [kept.run_id, "not-there-0000"], "[]", tmp_path / "new" / "records.zip"
    )
    with zipfile.ZipFile(file) as archive:
        files = ("record.json", "history.parquet", "outcomes.parquet")
        assert sorted(archive.namelist()) == sorted(
            ["claims.json", *(f"{kept.run_id}/{name}" for name in files)]
        )
        assert (
            archive.read(f"{kept.run_id}/record.json") == (kept.path / "record.json").read_bytes()
        )
        assert archive.read("claims.json") == b"[]"


def test_a_damaged_run_leaves_no_archive(elsewhere, tmp_path):
    (elsewhere.path / "history.parquet").write_bytes(b"other")
    file = tmp_path / "records.zip"
    with pytest.raises(store.DamagedRun):
        published.archive([elsewhere.run_id], "[]", file)
    assert list(tmp_path.glob("*.zip*")) == []


def test_its_weights_are_asked_for_in_a_sentence(elsewhere):
    with pytest.raises(FileNotFoundError, match=f"fhelpers run {elsewhere.run_id}"):
        elsewhere.model()


def test_what_needs_the_weights_trains_the_network_again(elsewhere, tmp_path):
    measured = store.carry_out(Cases(network=NETWORK, images=20, radius=8))
    assert measured.path.parent == tmp_path / "second"
    again = store.finished(elsewhere.run_id, whole=True)
    assert again.path.parent == tmp_path / "second"
    assert again.history.equals(elsewhere.history)


def test_it_can_be_carried_out_anew_and_compared(elsewhere):
    assert largest_difference(elsewhere, carry_out_anew(elsewhere)) == 0.0


def test_runs_on_images_that_only_a_person_can_fetch_are_not_drawn(elsewhere, monkeypatch):
    assert store.some_published(5, 0) == [elsewhere]
    monkeypatch.setattr(type(data.DATASETS["planted"]), "by_hand", True)
    assert store.some_published(5, 0) == [elsewhere]  # they are here
    monkeypatch.setattr(data, "available", lambda name: False)
    assert store.some_published(5, 0) == []


def test_a_missing_file_of_an_unpublished_run_is_damage(kept):
    (kept.path / "model.safetensors").unlink()
    with pytest.raises(store.DamagedRun, match=r"model\.safetensors is missing"):
        _ = store.finished(kept.run_id).record


def test_weights_are_published_where_a_page_shows_them(kept, monkeypatch):
    shown, other, second = (dataclasses.replace(NETWORK, seed=seed) for seed in range(3))
    for recipe in (other, second):
        store.carry_out(recipe)
    plans = {"01_decomposition": {"natural": (shown,)}, "05_architectures": {"lenet": (other,)}}
    plans["14_noise_or_signal"] = {"natural": (shown, second)}  # the page shows the first seed's
    monkeypatch.setattr(published.sections, "slugs", lambda: list(plans))
    monkeypatch.setattr(published.notebooks, "plan", lambda slug, given: plans[slug])
    copied, missing = published.publish("smoke", "planted", [0])
    assert missing == 0
    has = {path.name: (path / records.PACKED).exists() for path in copied}
    assert has == {shown.run_id: True, other.run_id: False, second.run_id: False}
    again, _ = published.publish("smoke", "planted", [0])
    assert {path.name for path in again} == set(has)


def test_every_run_of_the_default_book_is_published():
    plans = [notebooks.plan(slug, notebooks.defaults(slug)) for slug in notebooks.slugs()]
    runs = schedule.everything(r for plan in plans for group in plan.values() for r in group)
    assert [id for id in runs if not (records.published() / id / "record.json").is_file()] == []


def test_the_published_records_are_small_and_whole():
    files = [file for file in records.published().rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= 60e6
    assert all(file.stat().st_size <= 5e6 for file in files)
    for record in records.published().glob("*/record.json"):
        assert records.Run(record.parent).record["run_id"] == record.parent.name
