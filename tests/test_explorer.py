"""The explorer says what PyTorch says, by mouse, by keyboard and by touch, and on new images."""

import base64
import json
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import nn

from fhelpers import data, frequency, networks, smoothing
from fhelpers.pages import explorer
from fhelpers.runs import store

TOLERANCE = 1e-3  # of a probability; the page prints three places
MOST_BYTES = 2_000_000
NAMES = ("natural", "adversarial", "smoothed")
PARTS = ("image", "low", "high")


@pytest.fixture(scope="module")
def shown(pages):
    """What the page was given, and the two trained networks behind it."""
    text = (pages / "_static" / "explorer" / "data.js").read_text("utf-8")
    own = json.loads(text.removeprefix("window.fhExplorer = ").rstrip(";\n"))
    networks = [store.carry_out(store.find(name)).model() for name in own["runs"]]
    return own, *networks


def picture(own, index):
    """Image number `index` of the page as float32 (1, C, H, W) in [0, 1]."""
    shape = (-1, own["channels"], own["height"], own["width"])
    pixels = np.frombuffer(base64.b64decode(own["images"]), np.uint8).reshape(shape)
    return torch.tensor(pixels[index : index + 1]).float() / 255


@torch.no_grad()
def by_torch(shown, image, radius, rho):
    """{network: {part: probabilities}} of an image (1, C, H, W), without the page's own code."""
    _, natural, adversarial = shown
    batch = torch.cat([image, *frequency.split(image, radius)])
    networks = (natural, adversarial, smoothing.smooth_first_layer(natural, rho))
    return {
        name: dict(zip(PARTS, model.eval()(batch).softmax(1).tolist(), strict=True))
        for name, model in zip(NAMES, networks, strict=True)
    }


def on_the_page(page):
    """The same, as the page shows it."""
    return {
        name: {
            part: [
                float(text)
                for text in page.locator(
                    f"table[data-network={name}] td.fh-p-{part}"
                ).all_inner_texts()
            ]
            for part in PARTS
        }
        for name in NAMES
    }


def agree(found, expected):
    both = np.array([[each[n][p] for n in NAMES for p in PARTS] for each in (found, expected)])
    largest = np.abs(both[0] - both[1]).max()
    print(f"largest difference from PyTorch: {largest:.5f}")
    assert largest <= TOLERANCE


def settled(page, image, radius, rho):
    page.wait_for_selector(f"#fh-explorer[data-shown='{image}/{radius}/{rho:g}']", timeout=60_000)


@pytest.fixture
def opened(page, server):
    """The explorer in a fresh tab, and how many bytes it loaded."""
    loaded, troubles = [], []
    page.on(
        "requestfinished",
        lambda request: loaded.append(int(request.response().headers.get("content-length", 0))),
    )
    page.on("console", lambda message: message.type == "error" and troubles.append(message.text))
    page.goto(server + "book/explorer.html")
    page.wait_for_load_state("networkidle")
    yield page, loaded
    assert troubles == []


def bin_at(page, own, right, down):
    """The place in the window of a bin of the spectrum, counted from its centre."""
    box = page.locator(".fh-view-spectrum canvas").bounding_box()
    x = (own["width"] // 2 + 0.5 + right) / own["width"]
    y = (own["height"] // 2 + 0.5 + down) / own["height"]
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def test_by_mouse(opened, shown):
    page, _ = opened
    own = shown[0]
    page.locator(".fh-images label").nth(4).click()
    page.locator("#fh-rho").select_option("0.5")
    page.locator(".fh-view-spectrum canvas").scroll_into_view_if_needed()
    page.mouse.move(*bin_at(page, own, 3, 0))
    page.mouse.down()
    page.mouse.move(*bin_at(page, own, 0, 9), steps=3)
    settled(page, 4, 9, 0.5)
    agree(on_the_page(page), by_torch(shown, picture(own, 4), 9, 0.5))
    page.mouse.move(*bin_at(page, own, 6.1, 8.2), steps=3)
    page.mouse.up()
    page.mouse.move(*bin_at(page, own, 1, 1))
    settled(page, 4, 10, 0.5)
    agree(on_the_page(page), by_torch(shown, picture(own, 4), 10, 0.5))


def test_by_keyboard(opened, shown):
    page, _ = opened
    page.locator(".fh-images input").first.focus()
    for key in ("ArrowRight", "ArrowRight", "Tab", "Tab", "ArrowLeft", "ArrowLeft", "ArrowLeft"):
        page.keyboard.press(key)
    settled(page, 2, 5, 0.1)
    agree(on_the_page(page), by_torch(shown, picture(shown[0], 2), 5, 0.1))
    for key in ("End", "Tab", "ArrowDown"):
        page.keyboard.press(key)
    last = shown[0]["radii"][-1]
    settled(page, 2, last, 0.25)
    agree(on_the_page(page), by_torch(shown, picture(shown[0], 2), last, 0.25))
    said = page.locator(".fh-said").inner_text()
    assert f"Radius {last}. M_natural: image" in said


def test_by_touch_on_a_phone(browser, server, shown):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    page.goto(server + "book/explorer.html")
    page.locator(".fh-view-spectrum canvas").scroll_into_view_if_needed()
    page.touchscreen.tap(*bin_at(page, shown[0], 0, -6))
    settled(page, 0, 6, 0.1)
    agree(on_the_page(page), by_torch(shown, picture(shown[0], 0), 6, 0.1))
    context.close()


def test_pictures_of_the_parts_are_those_of_the_package(opened, shown):
    page, _ = opened
    own = shown[0]
    settled(page, 0, 8, 0.1)
    low, high = frequency.split(picture(own, 0), 8)
    for name, expected in (("low", low), ("high", high + 0.5)):
        drawn = page.eval_on_selector(
            f".fh-view-{name} canvas",
            "c => Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)",
        )
        seen = np.array(drawn).reshape(own["height"], own["width"], 4)[..., : own["channels"]]
        wanted = (expected[0].clamp(0, 1) * 255).permute(1, 2, 0).numpy()
        assert np.abs(seen - wanted).max() <= 0.51


def test_the_page_is_small_and_loads_the_networks_only_when_asked(opened):
    page, loaded = opened
    print(f"the explorer loads {sum(loaded) / 1e6:.2f} MB")
    assert 100_000 < sum(loaded) < MOST_BYTES
    before = len(loaded)
    page.locator(".fh-own summary").click()
    page.wait_for_function(
        "document.querySelector('.fh-own-state').textContent.match(/Ready|cannot/)"
    )
    assert len(loaded) >= before


@pytest.fixture
def own_image(opened, shown, tmp_path):
    """The page with an image of the reader's own, and that image as a tensor."""
    own, page = shown[0], opened[0]
    if own["missing"]:
        pytest.skip(f"the networks cannot run in this copy of the book: {own['missing']}")
    random = np.random.default_rng(5).integers(0, 256, (own["height"], own["width"], 3), np.uint8)
    if own["channels"] == 1:
        random[:] = random[..., :1]
    Image.fromarray(random).save(tmp_path / "own.png")
    page.locator(".fh-own summary").click()
    page.locator("#fh-file").set_input_files(tmp_path / "own.png")
    pixels = torch.tensor(random).permute(2, 0, 1)[None, : own["channels"]].float() / 255
    return page, pixels


def test_networks_in_the_browser_say_what_pytorch_says(own_image, shown):
    page, pixels = own_image
    settled(page, "own", 8, 0.1)
    agree(on_the_page(page), by_torch(shown, pixels, 8, 0.1))
    page.locator("#fh-radius").focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.locator("#fh-rho").select_option("1")
    settled(page, "own", 12, 1.0)
    agree(on_the_page(page), by_torch(shown, pixels, 12, 1.0))
    page.locator(".fh-images label").nth(1).click()
    settled(page, 1, 12, 1.0)
    agree(on_the_page(page), by_torch(shown, picture(shown[0], 1), 12, 1.0))


def test_a_file_that_is_no_image_is_refused_in_a_sentence(opened, shown, tmp_path):
    page = opened[0]
    if shown[0]["missing"]:
        pytest.skip("the networks cannot run in this copy of the book")
    (tmp_path / "own.png").write_text("no image")
    page.locator(".fh-own summary").click()
    page.locator("#fh-file").set_input_files(tmp_path / "own.png")
    page.wait_for_function(
        "document.querySelector('.fh-own-state').textContent.includes('cannot be read as an image')"
    )


def test_a_page_opened_as_a_file_says_what_the_second_mode_needs(page, pages):
    page.goto((pages / "book" / "explorer.html").as_uri())
    assert len(on_the_page(page)["natural"]["image"]) > 1  # the first mode works
    page.locator(".fh-own summary").click()
    said = page.locator(".fh-own-state").inner_text()
    assert "make serve" in said or "cannot run networks" in said


# What the page is made from ----------------------------------------------------------------------


def test_without_the_network_the_runtime_is_missing_and_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("FHELPERS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("FHELPERS_OFFLINE", "1")
    assert "FHELPERS_OFFLINE" in explorer.runtime(tmp_path / "to")
    assert not (tmp_path / "to").exists()


def test_the_runtime_is_fetched_once_and_verified(tmp_path, monkeypatch):
    monkeypatch.setenv("FHELPERS_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("FHELPERS_OFFLINE", raising=False)

    def unreachable(package, workspace):
        raise explorer.sources.Unreachable("npm is not installed")

    monkeypatch.setattr(explorer.sources, "fetch_package", unreachable)
    assert "could not be fetched: npm is not installed" in explorer.runtime(tmp_path / "to")
    kept = tmp_path / "data" / f"{explorer.RUNTIME.name}-{explorer.RUNTIME.version}"
    kept.mkdir()
    (kept / "ort.wasm.min.js").write_text("// here")
    assert explorer.runtime(tmp_path / "to") == ""
    assert (tmp_path / "to" / "ort.wasm.min.js").is_file()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_probabilities_survive_the_journey(values):
    text = explorer.encoded(torch.tensor(values))
    back = np.frombuffer(base64.b64decode(text), "<u2") / explorer.STEPS
    np.testing.assert_allclose(back, values, atol=1e-5)


def test_whole_radii_leave_something_of_the_high_part():
    assert explorer.whole_radii(32, 32) == list(range(1, 23))
    assert explorer.whole_radii(28, 28) == list(range(1, 20))
    for size in (28, 32, 33):
        last = explorer.whole_radii(size, size)[-1]
        assert not frequency.disc(size, size, last).all()
        assert frequency.disc(size, size, last + 1).all()


class Planted(nn.Module):
    """Knows the class, here the brightest channel, of images as a whole and by their high part."""

    def forward(self, images):
        waves = images - images.mean((2, 3), keepdim=True)
        return 50 * waves[..., ::2, ::2].mean((2, 3)) + 0 * images.sum((1, 2, 3))[:, None]


def test_images_are_the_first_of_each_class_and_cases_like_those_of_the_paper():
    labels = torch.tensor([0, 1, 2] * 4)
    stripes = torch.zeros(12, 3, 32, 32, dtype=torch.uint8)
    for image, label in zip(stripes, labels, strict=True):
        image[label, ::2, ::2] = 200
    test = data.ImageData(stripes, labels, ("a", "b", "c"))
    chosen = explorer.choose(Planted(), test)
    assert chosen[:6] == [0, 1, 2, 3, 4, 5]
    assert len(chosen) <= 6 + explorer.CASES


def test_other_data_sets_are_refused():
    class Fake:
        def __init__(self, name):
            self.recipe = type("R", (), {"dataset": name, "data_options": ()})
            self.run_id = name

    with pytest.raises(ValueError, match="two networks of one data set, not mnist and cifar10"):
        explorer.write(Fake("mnist"), Fake("cifar10"), None)


@pytest.mark.parametrize("name", ["resnet-8", "lenet"])
def test_an_onnx_file_holds_the_whole_network(name):
    import onnx

    model = networks.build(name, channels=1, classes=4, width=4)
    for parameter in model.parameters():  # equal ones, such as zero biases, are written once
        nn.init.normal_(parameter)
    loaded = onnx.load_from_string(explorer.as_onnx(model, (1, 28, 28)))
    onnx.checker.check_model(loaded)
    values = sum(np.prod(tensor.dims) for tensor in loaded.graph.initializer)
    assert values >= sum(parameter.numel() for parameter in model.parameters())
    assert [each.name for each in loaded.graph.input] == ["pixels"]
    assert re.fullmatch("probabilities", loaded.graph.output[0].name)
