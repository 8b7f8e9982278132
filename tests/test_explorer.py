"""The explorer answers as PyTorch does, from a file, by mouse, by keyboard and by touch."""

import base64
import json
import re
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
import torch
from browsing import ROOT, explore
from PIL import Image
from torch import nn

from fhelpers import data, frequency, networks
from fhelpers.pages import explorer
from fhelpers.runs import store
from fhelpers.runs.scales import vanilla
from fhelpers.sections.decomposition.measure import SplitErrors

TOLERANCE = 1e-3  # of a probability; the page prints tenths of a per cent
MOST_BYTES = 2_500_000
NAMES = ("natural", "adversarial")
PARTS = ("low", "high", "sum")


@pytest.fixture(scope="module")
def address(request, tmp_path_factory):
    """The explorer's page as a file: of a real build with `--pages`, else the explorer alone."""
    if given := request.config.getoption("--pages"):
        return (ROOT / given / "book" / "explorer.html").resolve().as_uri()
    folder = tmp_path_factory.mktemp("explorer")
    explore(folder)
    static = folder / "_static" / "explorer"
    static.parent.mkdir()
    (folder / "_build" / "explorer").rename(static)
    for file in (ROOT / "book" / "_explorer").iterdir():
        (static / file.name).write_bytes(file.read_bytes())
    (folder / "book").mkdir()
    text = (ROOT / "book" / "explorer.md").read_text("utf-8")
    inside = re.search(r"```{raw} html\n(.*?)```", text, re.DOTALL)[1]
    page = folder / "book" / "explorer.html"
    page.write_text(f'<!DOCTYPE html><meta charset="utf-8"><title>Explorer</title>{inside}')
    return page.as_uri()


@pytest.fixture(scope="module")
def own(address):
    """What the page was given."""
    static = explorer.Path(unquote(urlsplit(address).path)).parents[1] / "_static" / "explorer"
    text = (static / "data.js").read_text("utf-8")
    return json.loads(text.removeprefix("window.fhExplorer = ").rstrip(";\n"))


@pytest.fixture(scope="module")
def models(own):
    """The two trained networks behind the page."""
    return [store.carry_out(store.find(name)).model().eval() for name in own["runs"]]


@pytest.fixture
def opened(page, address):
    """The explorer in a fresh tab, opened from a file with the network cut off."""
    troubles = []
    page.context.set_offline(True)
    page.on("console", lambda message: message.type == "error" and troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(address)
    yield page
    assert troubles == []


def picture(own, index):
    """Image number `index` of the page as float32 (1, C, H, W) in [0, 1]."""
    shape = (-1, own["channels"], own["height"], own["width"])
    pixels = np.frombuffer(base64.b64decode(own["images"]), np.uint8).reshape(shape)
    return torch.tensor(pixels[index : index + 1]).float() / 255


@torch.no_grad()
def by_torch(own, models, low, high, radius):
    """[(class, probability) for each part] for each network, without the page's own code."""
    one, two = frequency.split(low, radius)[0], frequency.split(high, radius)[1]
    batch = torch.cat([one, two, one + two])
    return [
        [(own["classes"][place], value) for value, place in zip(*answer.max(1), strict=True)]
        for answer in (model(batch).softmax(1) for model in models)
    ]


def on_the_page(page):
    """The same, as the table shows it."""
    found = []
    for name in NAMES:
        cells = page.locator(f"tbody[data-network={name}] td").all_inner_texts()
        found.append([re.fullmatch(r"(?:[✓✗] )?(.+)\s+([\d.]+)\s%", cell) for cell in cells])
    return [[(cell[1].strip(), float(cell[2]) / 100) for cell in row] for row in found]


def agree(found, expected):
    for ours, theirs in zip(found, expected, strict=True):
        assert [name for name, _ in ours] == [name for name, _ in theirs]
        assert np.allclose(*([value for _, value in row] for row in (ours, theirs)), 0, TOLERANCE)


def settled(page, mode, low, high, radius):
    """Wait until the table and all curves are there."""
    shown = f"{mode}/{low}/{high}/{radius}"
    page.wait_for_selector(f"#fh-explorer[data-shown='{shown}']", timeout=60_000)


def bin_at(page, own, right, down):
    """The place in the window of a bin of the spectrum, counted from its centre."""
    box = page.locator(".fh-spectrum").bounding_box()
    x = (own["width"] // 2 + 0.5 + right) / own["width"]
    y = (own["height"] // 2 + 0.5 + down) / own["height"]
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def mode(page, name):
    page.locator(f"label:has(input[value={name}])").click()


def test_networks_in_the_browser_give_the_probabilities_of_pytorch(opened, own, models):
    shape = [own["channels"], own["height"], own["width"]]
    indices = range(min(4, len(own["labels"])))
    batch = torch.cat([part for i in indices for part in frequency.split(picture(own, i), 5)])
    batch = torch.cat([batch, torch.rand(2, *shape, generator=torch.manual_seed(0))])
    script = """([name, shape, batch]) => {
      const run = fhNetwork.network(fhExplorer.networks[name], shape);
      return batch.map((pixels) => run(Float32Array.from(pixels)));
    }"""
    for name, model in zip(NAMES, models, strict=True):
        found = opened.evaluate(script, [name, shape, batch.flatten(1).tolist()])
        with torch.no_grad():
            expected = model(batch).softmax(1)
        largest = (torch.tensor(found) - expected).abs().max()
        print(f"{name}: largest difference from PyTorch {largest:.1e}")
        assert largest <= 1e-5


def test_it_opens_on_an_image_that_m_natural_recognises(opened, own):
    settled(opened, "split", 0, 0, own["radius"])
    assert on_the_page(opened)[0][2][0] == own["classes"][own["labels"][0]]
    assert opened.locator("tbody[data-network=natural] td").last.inner_text().startswith("✓")


def test_by_mouse(opened, own, models):
    opened.locator("#fh-explorer .fh-images label").nth(4).click()
    opened.locator(".fh-spectrum").scroll_into_view_if_needed()
    opened.mouse.move(*bin_at(opened, own, 3, 0))
    opened.mouse.down()
    opened.mouse.move(*bin_at(opened, own, 0, 9), steps=3)
    settled(opened, "split", 4, 4, 9)
    image = picture(own, 4)
    agree(on_the_page(opened), by_torch(own, models, image, image, 9))
    opened.mouse.up()
    opened.mouse.move(*bin_at(opened, own, 1, 1))
    box = opened.locator("figure[data-network=adversarial] svg").bounding_box()
    opened.mouse.click(box["x"] + box["width"] * 0.9, box["y"] + 40)
    reached = int(opened.locator(".fh-controls output").inner_text())
    assert reached > 15
    settled(opened, "split", 4, 4, reached)
    agree(on_the_page(opened), by_torch(own, models, image, image, reached))


def test_a_mix_by_keyboard_with_its_curves_and_flip_points(opened, own, models):
    opened.locator("input[value=split]").focus()
    opened.keyboard.press("ArrowRight")
    low, high, radius = own["mix"]
    settled(opened, "mix", low, high, radius)
    for key in ("Tab", "ArrowRight", "Tab", "ArrowLeft"):
        opened.keyboard.press(key)
    low, high = (low + 1) % len(own["labels"]), (high - 1) % len(own["labels"])
    settled(opened, "mix", low, high, radius)
    opened.locator("#fh-radius").focus()
    for key in ("Home", "ArrowRight", "ArrowRight"):
        opened.keyboard.press(key)
    settled(opened, "mix", low, high, 3)
    images = picture(own, low), picture(own, high)
    agree(on_the_page(opened), by_torch(own, models, *images, 3))
    said = opened.locator(".fh-said").inner_text()
    assert re.match("You may see .* or .* M_natural sees .* M_adversarial sees ", said)
    radii = own["radii"]
    mixed = frequency.split_many(torch.cat(images), radii)
    batch = torch.stack([lows[0] + highs[1] for lows, highs in mixed.values()])
    wanted = own["labels"][low]
    for name, model in zip(NAMES, models, strict=True):
        with torch.no_grad():
            answer = model(batch).softmax(1)
        told = opened.locator(f"figure[data-network={name}] title").text_content()
        drawn = re.findall(r"r = \d+: (\d+)\s%, (\d+)\s%", told)
        expected = answer[:, [wanted, own["labels"][high]]]
        assert np.abs(np.array(drawn, float) / 100 - expected.numpy()).max() <= 0.005 + TOLERANCE
        wrong = [r for r, top in zip(radii, answer.argmax(1), strict=True) if top != wanted]
        words = opened.locator(f"figure[data-network={name}] figcaption").inner_text()
        if not wrong:
            assert "at every radius" in words
        elif wrong[-1] == radii[-1]:
            assert "never settles" in words
        else:
            assert f"from r = {wrong[-1] + 1} on" in words


def test_by_touch_on_a_phone(browser, address, own, models):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    page.goto(address)
    page.locator(".fh-spectrum").scroll_into_view_if_needed()
    page.touchscreen.tap(*bin_at(page, own, 0, -6))
    settled(page, "split", 0, 0, 6)
    image = picture(own, 0)
    agree(on_the_page(page), by_torch(own, models, image, image, 6))
    context.close()


def test_pictures_of_the_parts_are_those_of_the_package(opened, own):
    radius = own["radius"]
    settled(opened, "split", 0, 0, radius)
    low, high = frequency.split(picture(own, 0), radius)
    for name, expected in (("low", low), ("high", high + 0.5)):
        drawn = opened.eval_on_selector(
            f".fh-view-{name} canvas",
            "c => Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)",
        )
        seen = np.array(drawn).reshape(own["height"], own["width"], 4)[..., : own["channels"]]
        wanted = (expected[0].clamp(0, 1) * 255).permute(1, 2, 0).numpy()
        assert np.abs(seen - wanted).max() <= 0.51


def test_all_that_the_page_loads_is_small_and_its_own(page, address):
    loaded = {}

    def keep(request):
        parts = urlsplit(request.url)
        if parts.scheme != "blob":
            assert parts.scheme in ("file", "data"), request.url
            file = explorer.Path(unquote(parts.path))
            loaded[request.url] = file.stat().st_size if parts.scheme == "file" else 0

    page.on("requestfinished", keep)
    page.goto(address)
    page.wait_for_selector("#fh-explorer[data-shown]")
    print(f"the explorer loads {sum(loaded.values()) / 1e6:.2f} MB")
    assert 50_000 < sum(loaded.values()) <= MOST_BYTES


def test_the_address_holds_the_state(opened, address, own):
    mode(opened, "mix")
    opened.locator("#fh-radius").fill("4")
    low, high, _ = own["mix"]
    settled(opened, "mix", low, high, 5)
    opened.wait_for_function("location.hash.includes('r=5')")
    shared, table = opened.url, on_the_page(opened)
    assert shared == f"{address}#mode=mix&low={low}&high={high}&r=5"
    opened.goto("about:blank")
    opened.goto(shared)
    settled(opened, "mix", low, high, 5)
    assert on_the_page(opened) == table
    opened.evaluate("location.hash = '#mode=split&low=2&r=7'")
    settled(opened, "split", 2, 2, 7)
    opened.goto("about:blank")
    opened.goto(f"{address}#mode=dance&low=999&r=none")
    settled(opened, "split", 0, 0, own["radius"])


def test_guess_first_then_see(opened, own, models):
    opened.evaluate("location.hash = '#mode=guess&low=3&r=4&part=high'")
    opened.wait_for_selector("#fh-explorer[data-mode=guess][data-shown='guess/3/3/4']")
    assert opened.locator("tbody td").first.is_hidden()
    right = own["classes"][own["labels"][3]]
    opened.get_by_role("button", name=right, exact=True).press("Enter")
    opened.wait_for_selector("#fh-explorer[data-mode=split]")
    image = picture(own, 3)
    answers = by_torch(own, models, image, image, 4)
    opened.wait_for_function("document.querySelector('.fh-note').textContent")
    counts = [1] + [int(row[1][0] == right) for row in answers]
    said = "Right so far, of 1: you {}, M_natural {}, M_adversarial {}.".format(*counts)
    assert opened.locator(".fh-note").inner_text() == said
    assert "From its high part you saw" in opened.locator(".fh-said").inner_text()
    agree(on_the_page(opened), answers)
    opened.get_by_role("button", name="Next picture").click()
    opened.wait_for_selector("#fh-explorer[data-mode=guess]")


def test_the_picture_can_be_saved(opened, own):
    mode(opened, "mix")
    low, high, radius = own["mix"]
    settled(opened, "mix", low, high, radius)
    with opened.expect_download() as caught:
        opened.get_by_role("button", name="Save the picture").press("Enter")
    assert caught.value.suggested_filename == f"mix-{low}-{high}-{radius}.png"
    saved = np.asarray(Image.open(caught.value.path()).convert("RGB")).astype(int)
    assert saved.shape == (640, 1200, 3)
    middle = own["height"] // 2, own["width"] // 2
    shown = frequency.split(picture(own, low), radius)[0][0, :, *middle]
    at = [int(320 * (0.5 + half) / (2 * half)) for half in middle]  # even sides
    drawn = saved[120 + at[0], 60 + at[1], : own["channels"]]
    assert np.abs(drawn - (shown.clamp(0, 1) * 255).numpy()).max() <= 1.5


@pytest.fixture
def own_file(own, tmp_path):
    """An image of the reader's own, twice as wide as high, and what the page makes of it."""
    random = np.random.default_rng(5).integers(0, 256, (own["height"], own["width"], 3), np.uint8)
    if own["channels"] == 1:
        random[:] = random[..., :1]
    margin = np.zeros((own["height"], own["width"] // 2, 3), np.uint8)
    Image.fromarray(np.concatenate([margin, random, margin], 1)).save(tmp_path / "own.png")
    pixels = torch.tensor(random).permute(2, 0, 1)[None, : own["channels"]].float() / 255
    return tmp_path / "own.png", pixels


def test_an_image_dropped_anywhere_is_split_and_mixed(opened, own, models, own_file):
    file, pixels = own_file
    content = base64.b64encode(file.read_bytes()).decode()
    script = """(content) => {
      const bytes = Uint8Array.from(atob(content), (sign) => sign.charCodeAt(0));
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([bytes], "own.png", { type: "image/png" }));
      for (const type of ["dragenter", "dragover", "drop"]) {
        const event = new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true });
        document.body.dispatchEvent(event);
        if (type !== "drop" && !document.querySelector("html.fh-dropping")) throw Error(type);
      }
    }"""
    opened.evaluate(script, content)
    mine, radius = len(own["labels"]), own["radius"]
    settled(opened, "split", mine, mine, radius)
    assert opened.locator("html.fh-dropping").count() == 0
    agree(on_the_page(opened), by_torch(own, models, pixels, pixels, radius))
    mode(opened, "mix")
    opened.wait_for_selector(f"#fh-explorer[data-shown^='mix/{mine}/']", timeout=60_000)
    high = int(opened.locator("#fh-explorer").get_attribute("data-shown").split("/")[2])
    agree(on_the_page(opened), by_torch(own, models, pixels, picture(own, high), radius))


def test_an_image_can_be_chosen_by_keyboard_and_no_image_is_refused(opened, own, own_file):
    file, _ = own_file
    with opened.expect_file_chooser() as chooser:
        opened.locator("#fh-file").press("Enter")
    chooser.value.set_files(file)
    mine = len(own["labels"])
    settled(opened, "split", mine, mine, own["radius"])
    file.write_text("no image")
    opened.locator("#fh-file").set_input_files(file)
    report = opened.locator(".fh-own-state")
    opened.wait_for_function("document.querySelector('.fh-own-state').innerText.includes('cannot')")
    assert report.inner_text() == "own.png cannot be read as an image."


# What the page is made from ----------------------------------------------------------------------


def test_whole_radii_leave_something_of_the_high_part():
    assert explorer.whole_radii(32, 32) == list(range(1, 23))
    assert explorer.whole_radii(28, 28) == list(range(1, 20))
    for size in (28, 32, 33):
        last = explorer.whole_radii(size, size)[-1]
        assert not frequency.disc(size, size, last).all()
        assert frequency.disc(size, size, last + 1).all()


class Stripes(nn.Module):
    """Names the channel with the strongest stripes, if there are any, and channel 0 otherwise."""

    def forward(self, images):
        waves = (images - images.roll(1, -1)).square().mean((2, 3))
        return 100 * waves + torch.tensor([0.1, 0.0, 0.0])


class Brightest(nn.Module):
    """Names the brightest channel: by the low part alone."""

    def forward(self, images):
        return 20 * images.mean((2, 3))


class Second(Brightest):
    """Names class 2 if its channel is the brightest, and class 0 otherwise."""

    def forward(self, images):
        return super().forward(images) * torch.tensor([0, 0, 1.0]) + torch.tensor([0.1, 0, 0])


def striped():
    """Twelve images of three classes; stripes and brightness both stand in the class's channel."""
    labels = torch.tensor([0, 1, 2] * 4)
    images = torch.zeros(12, 3, 32, 32, dtype=torch.uint8)
    for image, label in zip(images, labels, strict=True):
        image[label, :, ::2] = 200
    return data.ImageData(images, labels, ("a", "b", "c"))


def test_images_are_cases_like_those_of_the_paper_then_some_of_each_class():
    # Low parts have no stripes and are all called class 0, so images of 1 and 2 are the cases.
    # Of these, M_adversarial, by its brightness, recognises those of class 2 alone.
    chosen = explorer.choose({"natural": Stripes(), "adversarial": Second()}, striped())
    assert chosen == [2, 1, 0, 3, 4, 5]
    # Brightness never mistakes a low part: without cases, the first image that is recognised.
    other = {"natural": Brightest(), "adversarial": Stripes()}
    assert explorer.choose(other, striped()) == [0, 1, 2, 3, 4, 5]


def test_cases_are_those_of_the_radius_at_which_the_page_opens():
    # Each class has a wave between the radii 10 and 10.5 of images of 28 pixels.
    rows, columns = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    wave = 100 + 90 * torch.cos(2 * torch.pi * (3 * rows + 10 * columns) / 28)
    labels, images = torch.tensor([0, 1]), torch.full((2, 3, 28, 28), 100, dtype=torch.uint8)
    for image, label in zip(images, labels, strict=True):
        image[label] = wave.to(torch.uint8)
    two = data.ImageData(images, labels, ("a", "b"))
    assert explorer.choose({"natural": Stripes(), "adversarial": Stripes()}, two)[0] == 1
    assert explorer.case_radius(28) == 10


def test_mixes_tell_who_goes_by_which_part():
    test = striped()
    models = {"natural": Stripes(), "adversarial": Brightest()}
    pixels, labels = test.pixels()[1:6], test.labels[1:6]
    shares, (low, high, radius) = explorer.mixes(models, pixels, labels, [4, 12])
    assert shares["natural"] == [[0, 1], [0, 1]]
    assert shares["adversarial"] == [[1, 0], [1, 0]]
    assert labels[low] != labels[high]
    assert radius == 12


def test_other_data_sets_and_runs_that_are_no_classifiers_are_refused():
    class Fake:
        def __init__(self, name, recipe):
            self.run_id, self.recipe = name, recipe

    mnist, cifar10 = (Fake(name, vanilla("quick", name, 0)) for name in ("mnist", "cifar10"))
    with pytest.raises(ValueError, match="two networks of one data set, not mnist and cifar10"):
        explorer.write(mnist, cifar10, None)
    errors = Fake("split", SplitErrors(dataset="mnist", images=1))
    with pytest.raises(ValueError, match="needs classifiers; split is of kind 'split-errors'"):
        explorer.write(mnist, errors, None)


def test_a_network_is_exported_whole_or_refused():
    model = networks.build("resnet-20", channels=1, classes=4, width=4)
    written = explorer.exported(model, (1, 28, 28))
    shapes = [tuple(weight["shape"]) for weight in written["weights"]]
    assert shapes == [tuple(parameter.shape) for parameter in model.parameters()]
    values = b"".join(base64.b64decode(weight["values"]) for weight in written["weights"])
    expected = torch.cat([parameter.flatten() for parameter in model.parameters()])
    assert np.frombuffer(values, "<f4").tolist() == expected.tolist()
    with pytest.raises(ValueError, match="the explorer cannot compute 'max_pool2d'"):
        explorer.exported(networks.build("lenet", channels=1, classes=4), (1, 28, 28))
