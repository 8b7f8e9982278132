"""Every kind of run, and the report, on a device that is not the CPU: no operation mixes devices.

There was no GPU where this was written. A stand-in (`standin`) refuses what a GPU would refuse, so
these tests find tensors left on the wrong device; they say nothing of speed or of CUDA's rounding.
"""

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
import standin
import torch
from golden import runs

from fhelpers.networks import compute
from fhelpers.networks.compute import Compute, choose_compute
from fhelpers.report import frequency_report
from fhelpers.runs.kinds import KINDS, Job
from fhelpers.runs.training import predict

KEPT = json.loads(runs.FILE.read_text("utf-8"))["runs"]
NETWORK = runs.tiny(epochs=1)
TRAINED = {
    "plain": runs.tiny(epochs=3),
    "batchnorm, pgd": runs.tiny(
        batchnorm="running", adversary="pgd", attack_steps=2, train_images=20, mixup=0.5
    ),
    "augmented": runs.tiny(augmentation="crop-flip-rotate", train_images=20),
}
OTHERS = (
    "mask of each class and channel", "through the disc", "image masks", "heat map", "kernels",
    "image masks, selected for another", "split errors", "cases", "corollary", "robustness",
    "robustness by search", "defence checks", "report", "detector", "detection on parts",
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def device():
    torch.set_num_threads(1)
    standin.Module.used = True
    yield standin.NAME
    standin.Module.used = False


def carry_out(recipe, device, done):
    needed = []
    for each in recipe.needs:
        if each.run_id not in done:
            done[each.run_id] = runs.as_run(each, carry_out(each, "cpu", done))
        needed.append(done[each.run_id])
    with tempfile.TemporaryDirectory() as folder:
        job = Job(Path(folder), Compute(device, "float32", 1), tuple(needed))
        return recipe.carry_out(job)


@pytest.fixture(scope="module")
def done():
    return {}


@pytest.fixture(scope="module")
def here():
    """Runs carried out on this processor."""
    return {}


def close(found, name, here):
    """Whether a result is what golden runs keep, but for the order in which numbers are added.

    Learning a mask magnifies rounding: Adam's steps are as large where gradients are next to 0.
    What another type of processor makes of a chaotic run says nothing, so it is carried out here.
    """
    tolerance = 0.1 if name.startswith("mask") else 0.02
    chaotic = name in runs.CHAOTIC
    kept = runs.summary(runs.carry_out(runs.every()[name], here)) if chaotic else KEPT[name]
    kept = kept["sums"]

    def alike(column, values):
        size = np.sqrt(kept[column][2])  # weights are small: next to them 0.02 is not nothing
        least = tolerance if column != "tensors" else max(1e-6, tolerance * size)
        return np.allclose(values, kept[column], rtol=tolerance, atol=least)

    return set(found["sums"]) == set(kept) and all(
        alike(column, values) for column, values in found["sums"].items()
    )


@pytest.mark.parametrize("name", TRAINED)
def test_classifiers_train_elsewhere(name, device, done, here):
    result = carry_out(TRAINED[name], device, done)
    if name == "plain":
        assert close(runs.summary(result), name, here)
    assert all(torch.isfinite(each.cpu()).all() for each in result.tensors.values())


@pytest.mark.parametrize("name", OTHERS)
def test_every_kind_of_run_works_elsewhere_and_gives_the_same(name, device, done, here):
    found = runs.summary(carry_out(runs.every()[name], device, done))
    assert close(found, name, here)


def test_every_kind_is_tried():
    kinds = {kind for kind, cls in KINDS.items() if cls.__module__.startswith("fhelpers.")}
    assert {runs.every()[name].kind for name in OTHERS} | {NETWORK.kind} == kinds


def test_a_report_is_made_where_the_model_is(device):
    model = NETWORK.rebuild()
    images, labels = torch.rand(20, 3, 32, 32), torch.arange(20) % 4
    here = frequency_report(model, images, labels, few=6, precision="float32")
    there = frequency_report(model.to(device), images, labels, few=6, precision="float32")
    assert np.allclose(here.table.value, there.table.value, atol=0.1)
    assert next(model.parameters()).device.type == device
    for where in ("cpu", device):
        logits = predict(model, images.to(where))
        assert logits.device.type == where
        torch.testing.assert_close(logits.cpu(), predict(model.cpu(), images))
        model.to(device)


def test_the_stand_in_finds_what_a_gpu_would_refuse(device):
    there, here = torch.ones(3, device=device), torch.ones(3)
    for wrong in (
        lambda: there + here,
        lambda: here[there.long()],
        lambda: torch.stack([here, there]),
        lambda: torch.nn.functional.linear(here[None], there[None]),
        lambda: np.asarray(there),
        lambda: there.numpy(),
    ):
        with pytest.raises((RuntimeError, TypeError)):
            wrong()
    assert (there + torch.tensor(1.0)).sum().item() == 6
    assert there[torch.tensor([0, 1])].device.type == device


def test_a_gpu_gets_deterministic_algorithms_and_exact_float32(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    before = torch.are_deterministic_algorithms_enabled()
    torch.backends.cudnn.allow_tf32 = True
    try:
        assert choose_compute("float32", "auto") == Compute("cuda", "float32", 1)
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.get_float32_matmul_precision() == "highest"
        assert not torch.backends.cudnn.allow_tf32
    finally:
        torch.use_deterministic_algorithms(before)


def test_portions_fit_the_images_and_the_device(device):
    def images(size, device="cpu"):
        return torch.empty(1, 1, 1, 1, device=device).expand(1_000, 3, size, size)

    assert compute.portion(images(32)) == compute.portion(images(128)) == compute.BATCH
    assert compute.portion(images(32), compute.CHUNK) == compute.CHUNK
    assert 50 < compute.portion(images(224)) < 100
    assert compute.portion(images(32, device)) == compute.ON_GPU * compute.BATCH
    assert compute.portion(images(32)[:0]) >= 1
