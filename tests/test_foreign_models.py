"""Models, weights, images and labels as people have them: the right value, or a sentence."""

import copy
import itertools
import math
import os
import re
import warnings
from argparse import Namespace
from functools import partial

import numpy as np
import pytest
import torch
from golden import runs
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, prune

from fhelpers import attacks, frequency, heatmap, networks, smoothing
from fhelpers.heatmap import HeatMap
from fhelpers.masks import learn_image_masks, learn_mask
from fhelpers.networks.compute import Compute
from fhelpers.report import checks, frequency_report
from fhelpers.report import models as outside
from fhelpers.report import page as pages
from fhelpers.runs import store
from fhelpers.runs.training import predict

CLASSES = tuple("abcd")
LABELS = torch.arange(8) % 4


def pixels(count=8, channels=3, size=8, seed=0):
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(seed))


def plain(size=8, channels=3):
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(channels, 4, 3, padding=1), nn.ReLU(), nn.Flatten(),
                         nn.Linear(4 * size * size, 4))  # fmt: skip


def report(model, images=None, labels=LABELS, **options):
    images = pixels() if images is None else images
    options = {"few": 4, "radii": (2,), "classes": 4, "precision": "float32"} | options
    return frequency_report(model, images, labels, **options)


# --- a model is asked as it was checked -----------------------------------------------------------


class View(nn.Module):
    """Cannot take images whose channels are last in memory."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(192, 4)

    def forward(self, x):
        return self.layer(x.view(len(x), -1))


class InPlace(View):
    """Normalises the images that it is given, themselves."""

    def forward(self, x):
        return super().forward(x.sub_(0.5).div_(0.25))


@pytest.mark.parametrize("model", [View(), InPlace(), plain()])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_no_layout_is_forced_and_no_image_is_changed(model, layout):
    images = pixels().contiguous(memory_format=layout)
    before = images.clone()
    expected = model(before.clone(memory_format=torch.contiguous_format)).detach()
    torch.testing.assert_close(predict(model, images), expected)
    labels = expected.argmax(1)
    made = attacks.pgd(model, images, labels, 0.01, steps=1)
    assert (made - images).abs().max() <= 0.01 + 1e-6
    heatmap.heat_map(model, images, labels, norm=0).eq(1).all()
    learn_mask(model.eval(), images, labels, compute=Compute("cpu", "float32", 1))
    assert torch.equal(images, before)
    found = report(model, images, labels)
    assert found.table.value.iloc[0] == 1


def test_own_networks_are_asked_with_the_channels_last():
    seen = []
    network = networks.build("lenet", channels=3, classes=4)
    network.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    predict(network, pixels(size=32))
    assert seen[0].is_contiguous(memory_format=torch.channels_last)


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_frozen_script_is_asked_in_both_precisions(precision, tmp_path):
    torch.jit.freeze(torch.jit.script(plain().eval())).save(tmp_path / "m.pt")
    loaded = outside.load_model(str(tmp_path / "m.pt"), classes=CLASSES)
    torch.testing.assert_close(
        predict(loaded, pixels(), precision=precision), plain()(pixels()), atol=0.03, rtol=0.03
    )
    report(loaded, precision=precision)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_a_model_in_another_precision_is_asked_in_it(dtype):
    found = predict(plain().to(dtype), pixels())
    torch.testing.assert_close(found, plain()(pixels()), atol=0.05, rtol=0.05)
    report(plain().to(dtype))


def test_nothing_is_guessed_from_the_order_of_modules():
    model = nn.Sequential(
        nn.PixelUnshuffle(2), nn.Conv2d(12, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    torch.testing.assert_close(predict(model, pixels()), model(pixels()))
    report(model)


def test_modes_and_frozen_weights_come_back():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1),
                          nn.Flatten(), nn.Dropout(0.5))  # fmt: skip
    model.train()
    model[1].eval()
    model[0].weight.requires_grad_(False)
    modes = [module.training for module in model.modules()]
    wanted = [weight.requires_grad for weight in model.parameters()]
    report(model)
    attacks.fgsm(model, pixels(), LABELS, 0.01)
    assert [module.training for module in model.modules()] == modes
    assert [weight.requires_grad for weight in model.parameters()] == wanted


class Stubborn(View):
    """Has a `train` of its own, which fails, and an attribute that cannot be read."""

    def train(self, mode):
        raise RuntimeError("not now")

    @property
    def image_size(self):
        raise RuntimeError("not now")


class Meddling(View):
    """Switches gradients off for everybody."""

    def forward(self, x):
        torch.set_grad_enabled(False)
        return super().forward(x)


class Double(View):
    """Has a number in another precision beside its weights."""

    def __init__(self):
        super().__init__()
        self.register_buffer("scale", torch.tensor(2.0, dtype=torch.float64))

    def forward(self, x):
        return super().forward((x * self.scale).float())


def lazy():
    return nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(4))


def pruned():
    model = plain()
    prune.l1_unstructured(model[0], "weight", 0.5)
    model[0].register_full_backward_hook(lambda *_: None)
    return model


KINDS = {
    "stubborn": Stubborn, "meddling": Meddling, "double": Double, "lazy": lazy, "pruned": pruned,
    "in parallel": lambda: nn.DataParallel(plain()),
    "compiled": lambda: torch.compile(plain(), backend="eager"),
    "averaged": lambda: torch.optim.swa_utils.AveragedModel(plain()),
    "traced": lambda: torch.fx.symbolic_trace(plain()),
    "quantised": lambda: torch.ao.quantization.quantize_dynamic(plain().eval(), {nn.Linear}),
    "normed": lambda: nn.Sequential(parametrizations.weight_norm(nn.Conv2d(3, 4, 8)), nn.Flatten()),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", KINDS)
def test_modules_of_every_kind_are_asked_as_they_answer(name):
    model = KINDS[name]()
    expected = predict(model, pixels())
    found = report(model, labels=expected.argmax(1))
    assert found.table.value.iloc[0] == 1
    assert torch.is_grad_enabled()
    torch.testing.assert_close(predict(model, pixels()), expected)


def test_another_default_precision_changes_nothing():
    before = report(plain())
    torch.set_default_dtype(torch.float64)
    try:
        found = report(plain().float())
    finally:
        torch.set_default_dtype(torch.float32)
    assert found.table.value.iloc[0] == before.table.value.iloc[0]


# --- sentences ------------------------------------------------------------------------------------


class Raises(nn.Module):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def forward(self, x):
        raise self.error


@pytest.mark.parametrize(
    "error",
    [AssertionError(), AssertionError("first\nlast"), IndexError("last"), KeyError("last"),
     TypeError("last"), OSError(2, "last"), ZeroDivisionError("last"), NotImplementedError("last"),
     SystemExit("last"), RecursionError("last"), MemoryError("last"), StopIteration("last")],
)  # fmt: skip
def test_any_error_of_a_model_becomes_one_sentence(error):
    name = type(error).__name__
    for ask in (report, lambda m: predict(m, pixels())):
        with pytest.raises(ValueError, match=f"fails on images of shape .*{name}") as caught:
            ask(Raises(error))
        assert "\n" not in str(caught.value)
        assert ("last" in str(caught.value)) == bool(error.args)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda x: {"logits": x}, "it answers a dict: wrap it in a module that returns its logits"),
        (lambda x: (x, x), "it answers a tuple"),
        (lambda x: None, "it answers a NoneType"),
        (lambda x: x.flatten(1)[:, :4].detach().numpy(), "it answers a ndarray"),
        (lambda x: x.flatten(1)[:, :4, None, None], r"it answers \(2, 4, 1, 1\) of float32"),
        (lambda x: x.flatten(1).argmax(1), r"it answers \(2,\) of int64"),
        (lambda x: x.flatten(1)[:, :4] > 0.5, r"it answers \(2, 4\) of bool"),
        (lambda x: x.flatten(1)[:, :4].cfloat(), r"it answers \(2, 4\) of complex64"),
        (lambda x: x.flatten(1)[:, :4].to_sparse(), "fails on images of shape"),
        (lambda x: x.flatten(1)[:, :3], r"answer with 4 numbers .* its answer is \(2, 3\)"),
        (lambda x: x.flatten(1)[:, :4] / 0, "its answers hold NaN or infinite numbers"),
        (lambda x: x.flatten(1)[:, :4] * 1e38, "its answers hold NaN or infinite numbers"),
        (lambda x: x, r"it answers \(2, 3, 8, 8\)"),
        (lambda x: x.mean(), r"it answers \(\)"),
        (lambda x: x.flatten(1)[:, :4].squeeze(), r"for 1 image it answers \(4,\)"),
        (lambda x: x.flatten(1)[:1, :4], "it takes one image at a time"),
        (lambda x: plain()(x.permute(0, 3, 1, 2)), "it takes images with the channels last"),
    ],
)
def test_answers_of_another_form_are_named(answer, says):
    model = plain()
    model.forward = answer
    with pytest.raises(ValueError, match=says):
        report(model)


@pytest.mark.parametrize("model", [plain, nn.Flatten, None, 7, {"net": plain().state_dict()}])
def test_what_is_no_module_is_named(model):
    for ask in (
        lambda: report(model),
        lambda: predict(model, pixels()),
        lambda: attacks.fgsm(model, pixels(), LABELS, 0.1),
        lambda: heatmap.heat_map(model, pixels(), LABELS),
    ):
        with pytest.raises(ValueError, match=r"must be a torch\.nn\.Module, not "):
            ask()


def test_weights_without_numbers_are_named():
    for ask in (report, lambda m: predict(m, pixels())):
        with pytest.raises(ValueError, match=r"weights are on the device meta.*to_empty"):
            ask(plain().to("meta"))


class Late(nn.Module):
    """Answers NaN where the check cannot see it: to some of many images, or to filtered ones."""

    def __init__(self, when):
        super().__init__()
        self.model, self.when = plain(), when

    def forward(self, x):
        return torch.where(self.when(x)[:, None], torch.nan, self.model(x))


@pytest.mark.parametrize(
    "when", [lambda x: torch.arange(len(x)) > 3, lambda x: x.amin((1, 2, 3)) < -0.01]
)
def test_an_answer_that_is_no_number_is_never_counted_as_a_class(when):
    with pytest.raises(ValueError, match="its answers hold NaN or infinite numbers"):
        report(Late(when))


def test_a_model_whose_gradient_fails_is_named():
    class Hoards(nn.Module):
        """Adds its last answer, with the graph behind it that is gone by then."""

        def __init__(self):
            super().__init__()
            self.model, self.last = plain(), 0

        def forward(self, x):
            logits = self.model(x)
            if isinstance(self.last, torch.Tensor) and self.last.shape == logits.shape:
                logits = logits + 0 * self.last
            self.last = logits
            return logits

    with pytest.raises(ValueError, match="no mask can be learned of the model: RuntimeError"):
        report(Hoards())


class Sized(nn.Module):
    """Takes one size only, as a vision transformer does."""

    def __init__(self, size, noted=False):
        super().__init__()
        self.layer, self.size = nn.Linear(3 * size**2, 4), size
        if noted:
            self.config = Namespace(image_size=size)

    def forward(self, x):
        torch._assert(x.shape[-1] == self.size, "wrong height")
        return self.layer(x.flatten(1))


@pytest.mark.parametrize(("size", "noted"), [(224, False), (28, False), (72, True)])
def test_a_model_for_another_size_is_asked_for_it(size, noted):
    with pytest.raises(ValueError, match=rf"it takes {size} × {size} pixels$"):
        report(Sized(size, noted))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("def model(classes): pass", "missing 1 required positional argument: 'classes'"),
        ("def model(): raise KeyError('net')", "KeyError: 'net'"),
        ("def model(): import sys; sys.exit(3)", "SystemExit: 3"),
        ("def model(): return 7", "returned a int, not a torch.nn.Module"),
        ("import nowhere_at_all", "cannot be imported: ModuleNotFoundError"),
        ("assert False, 'no luck'", "cannot be imported: AssertionError: no luck"),
        ("def model(: pass", "cannot be imported: SyntaxError"),
        ("other = 1", "cannot be imported: AttributeError"),
    ],
)
def test_any_error_of_a_function_becomes_one_sentence(body, says, tmp_path, monkeypatch):
    name = f"theirs_{abs(hash(body))}"
    (tmp_path / f"{name}.py").write_text(body)
    monkeypatch.chdir(tmp_path)  # found because one stands there
    with pytest.raises(ValueError, match=re.escape(says)) as caught:
        outside.load_model(f"{name}:model", classes=CLASSES)
    assert f"{name}:model" in str(caught.value)


@pytest.mark.parametrize(
    ("named", "text"),
    [
        ("nosuchmodel", "model 'nosuchmodel' is not known"),
        ("missing.pt2", "missing.pt2 is not there"),
        ("nosuchpackage:model", "cannot be imported"),
        ("math:sqrt", "exactly one argument"),
        ("fasterrcnn_resnet50_fpn", "is no classifier"),
        ("resnet18", "resnet18 needs weights"),
    ],
)
def test_names_that_lead_nowhere(named, text):
    with pytest.raises((ValueError, FileNotFoundError), match=text):
        outside.load_model(named, classes=CLASSES)


def test_a_run_is_asked_about_its_own_data_and_other_kinds_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("FHELPERS_RESULTS", str(tmp_path))
    run = store.carry_out(runs.tiny(epochs=1))
    assert outside.is_run(run.run_id)
    assert not any(map(outside.is_run, ("resnet18", "a:b", "x.pt2", "pyproject.toml")))
    own = run.recipe.load(train=False)
    for dataset in (None, "planted"):
        found = outside.test_images(run.run_id, dataset, 4)
        assert torch.equal(found.images, own.images[:4])
        assert torch.equal(found.labels, own.labels[:4])
        assert found.classes == own.classes
    with pytest.raises(ValueError, match="was trained on planted: leave --dataset out"):
        outside.test_images(run.run_id, "cifar10", 4)
    with pytest.raises(ValueError, match=r"has only \d+ test images: ask for at most that many"):
        outside.test_images(run.run_id, None, 10**6)
    other = store.plan(HeatMap(network=run.recipe, images=4))
    for ask in (lambda: outside.test_images(other, None, 4), lambda: outside.load_model(
        other, classes=own.classes
    )):  # fmt: skip
        with pytest.raises(ValueError, match="is a run of kind 'heatmap', which has no classifier"):
            ask()
    (tmp_path / run.run_id / "history.parquet").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match=r"is damaged: history\.parquet has digest"):
        outside.test_images(run.run_id, None, 4)


# --- what is doubtful stands in the report --------------------------------------------------------


class Answers(nn.Module):
    def __init__(self, change):
        super().__init__()
        self.model, self.change = plain(), change

    def forward(self, x):
        return self.change(self.model, x)


def without_gradient(model, x):
    with torch.no_grad():
        return model(x)


DOUBTFUL = {
    "sigmoid": (Answers(lambda m, x: m(x).sigmoid()), "look like probabilities"),
    "whole numbers": (Answers(lambda m, x: (9 * m(x)).long()), "of all images examined are zero"),
    "inference mode": (Answers(torch.inference_mode()(lambda m, x: m(x))), "examined are zero"),
    "own moments": (
        Answers(lambda m, x: m(F.batch_norm(x, None, None, training=True))),
        "depends on the others of its batch",
    ),
    "probabilities": (Answers(lambda m, x: m(x).softmax(1)), "look like probabilities"),
    "changing": (Answers(lambda m, x: m(x) + torch.rand(len(x), 4)), "when asked twice"),
    "no gradient": (Answers(without_gradient), "gradients of all images examined are zero"),
    "detached": (Answers(lambda m, x: m(x.detach())), "gradients of all images examined are zero"),
    "batch": (Answers(lambda m, x: m(x - x.mean(0))), "depends on the others of its batch"),
    "moments": (
        nn.Sequential(plain(), nn.BatchNorm1d(4, track_running_stats=False)),
        "depends on the others of its batch",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DOUBTFUL)
def test_what_is_doubtful_stands_in_json_and_page(name, monkeypatch):
    model, says = DOUBTFUL[name]
    monkeypatch.setattr(pages, "FIGURES", {})
    with warnings.catch_warnings():
        warnings.simplefilter("error", attacks.SuspectGradients)  # not on stderr besides
        found = report(model)
    assert any(says in doubt for doubt in found.about["doubts"])
    assert says in found.to_json()
    assert says in pages.page(found)
    assert "<li>" not in pages.page(report(plain()))


# --- programs of torch.export ---------------------------------------------------------------------


@pytest.mark.parametrize(("batch", "dynamic"), [(1, None), (3, None), (4, (2, 5)), (2, (1, 64))])
def test_a_program_is_given_as_many_images_as_it_was_exported_for(batch, dynamic, tmp_path):
    shapes = dynamic and ({0: torch.export.Dim("batch", min=dynamic[0], max=dynamic[1])},)
    exported = torch.export.export(plain().eval(), (pixels(batch),), dynamic_shapes=shapes)
    torch.export.save(exported, tmp_path / "m.pt2")
    loaded = outside.load_model(str(tmp_path / "m.pt2"), classes=CLASSES)
    images = pixels(70)
    torch.testing.assert_close(predict(loaded, images), plain()(images))
    gradient = attacks.answers_and_gradient(loaded, images, LABELS[:1].expand(70))[1]
    own = attacks.answers_and_gradient(plain(), images, LABELS[:1].expand(70))[1]
    torch.testing.assert_close(gradient, own)


def test_a_program_in_hand_is_asked_like_any_module():
    batch = torch.export.Dim("batch", min=1)
    exported = torch.export.export(plain().eval(), (pixels(2),), dynamic_shapes=({0: batch},))
    report(exported.module())


# --- fuzz -----------------------------------------------------------------------------------------

EXAMPLES = int(os.environ.get("FHELPERS_FUZZ", "12"))  # 500 take about a minute or two


@st.composite
def modules(draw):
    """A small module for (N, C, H, W) images, in any precision, layout and mode."""
    channels, size = draw(st.sampled_from([1, 3])), draw(st.sampled_from([5, 6, 8]))
    width, classes = draw(st.sampled_from([1, 3, 4])), draw(st.integers(2, 4))
    layers = [nn.Conv2d(channels, width, draw(st.sampled_from([1, 3])), padding=1)]
    extra = st.sampled_from([
        lambda: nn.BatchNorm2d(width), lambda: nn.BatchNorm2d(width, track_running_stats=False),
        lambda: nn.Dropout(0.5), lambda: nn.ReLU(inplace=True), lambda: nn.GroupNorm(1, width),
        lambda: nn.MaxPool2d(2), lambda: nn.Upsample(scale_factor=2), nn.Sigmoid,
        lambda: nn.Conv2d(width, width, 3, padding=1),
    ])  # fmt: skip
    layers += [make() for make in draw(st.lists(extra, max_size=3))]
    layers += [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * width, classes)]
    layers += draw(st.sampled_from([[], [nn.Softmax(1)], [nn.LogSoftmax(1)]]))
    model = nn.Sequential(*layers)
    model = model.to(draw(st.sampled_from([torch.float32, torch.float64, torch.bfloat16])))
    model = model.to(memory_format=draw(st.sampled_from([torch.channels_last,
                                                         torch.contiguous_format])))  # fmt: skip
    for module in model.modules():
        module.training = draw(st.booleans())
    return model, channels, size, classes


def has_gradient(model, images):
    """Whether torch can follow it: not through layers that overwrite what others have kept."""
    answer = copy.deepcopy(model).eval()(images.to(next(model.parameters()).dtype).requires_grad_())
    try:
        answer.sum().backward()
    except RuntimeError:
        return False
    return True


@settings(max_examples=EXAMPLES, deadline=None)
@given(made=modules(), seed=st.integers(0, 9), form=st.integers(0, 5), last=st.booleans())
@example(made=(nn.Sequential(nn.Flatten(), nn.Linear(25, 2)), 1, 5, 2), seed=0, form=0, last=True)
def test_a_random_module_is_reported_on_as_it_answers(made, seed, form, last):
    """The right accuracy on whole images and on low parts, whatever form all comes in."""
    model, channels, size, classes = made
    torch.manual_seed(seed)
    exact = torch.randint(0, 256, (12, channels, size, size)).float() / 255
    labels = torch.randint(0, classes, (12,))
    forms = (
        lambda x: x, lambda x: (x * 255).round().byte(), lambda x: x.numpy(), torch.Tensor.double,
        lambda x: (x * 255).round().int(),
        lambda x: x.contiguous(memory_format=torch.channels_last),
    )  # fmt: skip
    given_images = forms[form](exact.permute(0, 2, 3, 1) if last else exact)
    modes = [module.training for module in model.modules()]
    ask = partial(frequency_report, model, given_images, labels, radii=(2,), classes=classes, few=6)
    if not has_gradient(model, exact):
        with pytest.raises(ValueError, match="gradient cannot be computed"):
            ask(precision="float32")
        return
    found = ask(precision="float32")
    assert [module.training for module in model.modules()] == modes
    dtype = next(model.parameters()).dtype
    parts = {"original": exact, "low": frequency.split(exact, 2)[0]}
    model.eval()
    for part, images in parts.items():
        logits = model(images.to(dtype)).float()
        close = logits.topk(2).values.diff().abs().min() < 0.02 * logits.abs().max()
        if not close:  # another layout may decide a close call otherwise
            rows = found.table[(found.table.measure == "accuracy") & (found.table.part == part)]
            assert rows.value.iloc[0] == (logits.argmax(1) == labels).double().mean().item()
    accuracy = {
        part: found.table.query("measure == 'accuracy' and part == @part") for part in parts
    }
    most, whole = accuracy["low"].value.max(), accuracy["original"].value.iloc[0]
    for row in found.table.itertuples():
        beyond = row.measure == "radius" and most < row.at * whole
        assert row.value == math.inf if beyond else math.isfinite(row.value)


def test_what_a_model_takes_is_found_among_channels_and_sizes():
    compute = Compute("cpu", "float32", 1)
    for channels, size in itertools.product((1, 3), (28, 64)):
        model = nn.Sequential(nn.Flatten(), nn.Linear(channels * size**2, 4))
        hint = checks.what_it_takes(model, pixels(2, 3, 32), compute)
        assert f"{size} × {size} pixels" in hint
        assert ("1 channel" in hint) == (channels == 1)


class Nyquist(nn.Module):
    """Two classes, told apart by the finest wave alone."""

    def forward(self, x):
        found = (x * fine(x.shape[-1])).mean((1, 2, 3))
        return torch.stack([found, -found], 1)


def fine(size):
    return torch.tensor([1.0, -1.0]).repeat(size // 2)


def test_a_level_that_low_parts_do_not_reach_is_not_reached():
    labels = LABELS % 2
    images = 0.5 + 0.2 * (1 - 2 * labels.float())[:, None, None, None] * fine(8).expand(8, 3, 8, 8)
    found = report(Nyquist(), images, labels, classes=2)
    assert pages.in_short(found).endswith("of 8 images. Low parts never reach 90 % of that.")
    assert "not reached" in pages.summary(found).to_string()
    assert '"value":null' in found.to_json().replace(" ", "")
    pages.parts(found)


@pytest.mark.parametrize(
    "ask",
    [report, partial(learn_mask, images=pixels(), labels=LABELS),
     partial(learn_image_masks, images=pixels())],
)  # fmt: skip
def test_the_callers_random_numbers_and_gradients_are_left_alone(ask):
    model = plain().eval()
    torch.manual_seed(5)
    with torch.no_grad():
        ask(model)
        assert not torch.is_grad_enabled()
    found = torch.rand(3)
    torch.manual_seed(5)
    assert torch.equal(found, torch.rand(3))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"precision": "half"}, "precision='half' is not possible"),
        ({"few": 1}, "few=1 is not possible"),
        ({"classes": None, "labels": LABELS % 3}, "Pass classes="),
    ],
)
def test_options_that_are_not_possible_are_named(options, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        report(plain(), **options)


def test_radii_may_be_an_array():
    assert report(plain(), radii=np.array([2, 3])).about["radii"] == [2, 3]


def test_numbers_may_be_those_of_numpy_and_are_refused_where_they_are_none():
    exact = attacks.pgd(plain(), pixels(), LABELS, 0.5, steps=2, random_start=False)
    numpys = {"epsilon": np.float32(0.5), "steps": np.int64(2), "random_start": False}
    assert torch.equal(attacks.pgd(plain(), pixels(), LABELS, **numpys), exact)
    smoothing.smooth_first_layer(plain(), np.float32(0.5))
    for size in (math.nan, -1.0):
        with pytest.raises(ValueError, match="step_size"):
            attacks.pgd(plain(), pixels(), LABELS, 0.5, step_size=size)


@pytest.mark.parametrize(
    "norm", [parametrizations.weight_norm, parametrizations.spectral_norm, nn.utils.spectral_norm]
)
def test_kernels_that_are_computed_are_not_smoothed_in_vain(norm):
    model = plain()
    norm(model[0])
    with pytest.raises(ValueError, match="computes its weight"):
        smoothing.smooth_first_layer(model, 1.0)


def test_a_heat_map_of_no_numbers_is_refused():
    model = plain()
    nn.init.constant_(model[-1].bias, math.nan)
    with pytest.raises(ValueError, match="NaN"):
        heatmap.heat_map(model, pixels(), LABELS * 0)
    with pytest.raises(ValueError, match="step=0"):
        heatmap.heat_map(plain(), pixels(), LABELS, step=0)
