"""Folders in COCO's format: read as they are, and refused by name where they are not sound."""

import json
import math
import struct
import zlib

import cocofolder
import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.models import detection as zoo

from fhelpers import cli
from fhelpers.data import coco, scenes
from fhelpers.data.scenes import Scenes
from fhelpers.networks.compute import choose_compute
from fhelpers.runs.kinds import Job, Result
from fhelpers.sections.detection import measure as detection
from fhelpers.sections.detection import retinanet
from fhelpers.sections.detection.measure import Evaluation
from fhelpers.sections.detection.plan import plan

SPLIT, LISTING = "val2017", "annotations/instances_val2017.json"


def folder(path, sizes=((40, 30), (30, 40), (64, 64)), mode="RGB", change=lambda content: None):
    """A folder of images (width, height), each with one object of COCO's class 18."""
    (path / SPLIT).mkdir(parents=True)
    (path / "annotations").mkdir()
    random, images, annotations = np.random.default_rng(0), [], []
    for number, (width, height) in enumerate(sizes, start=1):
        shape = (height, width) if mode == "L" else (height, width, 3)
        pixels = random.integers(0, 256, shape, dtype=np.uint8)
        Image.fromarray(pixels).save(path / SPLIT / f"{number}.png")
        # Listed backwards: reading goes by id, as COCO's tools do.
        images.insert(
            0, {"id": number, "file_name": f"{number}.png", "width": width, "height": height}
        )
        box = [5, 4, 10, 8]
        annotations.append(
            {
                "id": number,
                "image_id": number,
                "category_id": 18,
                "bbox": box,
                "area": 70,
                "iscrowd": 0,
            }
        )
    content = {"images": images, "annotations": annotations}
    content["categories"] = [{"id": 18, "name": "dog"}, {"id": 3, "name": "car"}]
    change(content)
    (path / LISTING).write_text(json.dumps(content))
    return path


def test_a_folder_is_read_in_the_order_of_its_ids(tmp_path):
    found = coco.read(folder(tmp_path))
    assert [entry["file_name"] for entry in found.entries] == ["1.png", "2.png", "3.png"]
    assert found.truth.image.tolist() == [0, 1, 2]
    assert found.truth.boxes[0].tolist() == [5, 4, 10, 8]
    assert found.class_names[17] == "dog"
    assert found.class_names[0] == ""
    assert found.limits == (32**2, 96**2)
    assert len(coco.read(tmp_path, 2)) == 2


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_images_come_in_three_channels_and_their_own_shape(tmp_path, mode):
    found = coco.read(folder(tmp_path, mode=mode))
    for number, (width, height) in enumerate([(40, 30), (30, 40), (64, 64)]):
        image = found.image(number)
        assert image.shape == (3, height, width)
        with Image.open(tmp_path / SPLIT / f"{number + 1}.png") as file:
            pixels = torch.from_numpy(np.asarray(file.convert("RGB")).copy()).permute(2, 0, 1)
        assert torch.equal((image * 255).round().byte(), pixels)


def test_scenes_written_and_read_again_are_the_same(tmp_path):
    made = scenes.generate(Scenes("planted", size=64, classes=3), "test", 4)
    cocofolder.write(made, tmp_path)
    found = coco.read(tmp_path)
    for name in ("image", "boxes", "label", "area", "crowd"):
        assert np.array_equal(getattr(found.truth, name), getattr(made.truth, name)), name
    assert found.class_names == made.class_names
    assert all(torch.equal(found.image(i), made.image(i)) for i in range(4))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: c["images"].clear() or c["annotations"].clear(), "lists no images"),
        (lambda c: c["annotations"].clear(), "annotates none of its 3 images"),
        (lambda c: c["annotations"][1].update(image_id=9), "annotation 2 points at no image"),
        (lambda c: c["annotations"][1].update(category_id=5), "annotation 2 is of no listed"),
        (lambda c: c["categories"][0].update(id=0), "category 0 must be a whole number from 1"),
        (lambda c: c["categories"][1].update(id=-3), "category -3 must be a whole number from 1"),
        (lambda c: c["categories"][1].update(id="3"), "category '3' must be a whole number"),
        (lambda c: c["categories"][1].update(id=10**9), "category 1000000000 must be a whole"),
        (lambda c: c["categories"].append(c["categories"][0]), "lists a category twice"),
        (lambda c: c["categories"][0].pop("name"), "is not in COCO's format: KeyError"),
        (lambda c: c["categories"][0].update(name=3), "is not in COCO's format: TypeError"),
        (lambda c: c["annotations"][1].update(bbox="abcd"), "is not in COCO's format"),
        (lambda c: c["annotations"][1].update(bbox=None), "is not in COCO's format"),
        (lambda c: c["annotations"][1].update(area="much"), "is not in COCO's format"),
        (lambda c: c["annotations"][1].update(image_id=[1]), "is not in COCO's format"),
        (lambda c: c["images"][0].update(id="one"), "is not in COCO's format"),
        (lambda c: c["images"][0].update(file_name=7), "is not in COCO's format"),
        (lambda c: c["images"][0].update(width="30"), "is not in COCO's format"),
        (lambda c: c["annotations"][1].update(bbox=[0, 0, -3, 4]), "annotation 2 has the box"),
        (lambda c: c["annotations"][1].update(bbox=[0, 0, 3]), "annotation 2 has the box"),
        (
            lambda c: c["annotations"][1].update(bbox=[0, 0, math.nan, 3]),
            "annotation 2 has the box",
        ),
        (lambda c: c["annotations"][1].update(bbox=[0, 0, 10**400, 3]), "not in COCO's format"),
        (lambda c: c["annotations"][1].update(bbox=["1", "2", "3", "4"]), "not in COCO's format"),
        (lambda c: c["annotations"][1].update(bbox=[[5, 4, 10, 8]]), "not in COCO's format"),
        (lambda c: c["annotations"][1].pop("bbox"), r"not in COCO's format: KeyError\('bbox'\)"),
        (lambda c: c["annotations"][1].update(area=-5), "annotation 2 has the area -5"),
        (lambda c: c["annotations"][1].update(area=math.nan), "annotation 2 has the area nan"),
        (lambda c: c["annotations"][1].update(iscrowd="0"), "annotation 2 has iscrowd='0'"),
        (lambda c: c["annotations"][1].update(image_id="2"), "annotation 2 points at no image"),
        (lambda c: [each.update(id=str(each["id"])) for each in c["images"]], "points at no image"),
        (lambda c: c["images"][0].update(file_name="1.png"), "lists an image twice"),
        (lambda c: c["categories"].clear(), "annotation 1 is of no listed category"),
        (lambda c: c.update(annotations=None), "not in COCO's format"),
        (lambda c: c["images"].append(c["images"][0]), "lists an image twice"),
        (lambda c: c.pop("categories"), "is not in COCO's format"),
        (lambda c: c["images"][0].pop("width"), "is not in COCO's format"),
    ],
)
def test_unsound_annotations_are_refused_by_name(tmp_path, change, says):
    with pytest.raises(ValueError, match=says) as caught:
        coco.read(folder(tmp_path, change=change))
    assert "instances_val2017.json" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "NaN", "[" * 100_000, '{"images": [{"id": ' + "9" * 5_000 + "}]}"]
)
def test_what_is_no_list_of_annotations_is_named(tmp_path, text):
    made = folder(tmp_path)
    (made / LISTING).write_text(text)
    with pytest.raises(ValueError, match=r"instances_val2017\.json is not in COCO's format"):
        coco.read(made)


def as_strings(content):
    for key, part in (("id", "images"), ("image_id", "annotations")):
        for each in content[part]:
            each[key] = str(each[key])


@pytest.mark.parametrize(
    "change",
    [
        lambda c: None,
        lambda c: c["categories"].append({"id": 90, "name": "toothbrush"}),
        lambda c: c["annotations"][1].update(bbox=[4.5, 4, 10, 8], segmentation=[[0, 0, 1, 1]]),
        lambda c: [c["images"][n].update(id=5.0 + n) or each.update(image_id=5 + n)
                   for n, each in enumerate(reversed(c["annotations"]))],
        as_strings,
    ],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_sound_folder_is_read_whatever_else_stands_in_it(tmp_path, change, encoding):
    made = folder(tmp_path, change=change)
    (made / LISTING).write_text((made / LISTING).read_text(), encoding)
    found = coco.read(made)
    assert (len(found), found.warnings) == (3, ())
    sizes = {found.image(number).shape[1:] for number in range(3)}
    assert sizes == {(30, 40), (40, 30), (64, 64)}


@pytest.mark.parametrize(
    "box", [[500, 500, 3, 4], [5, 4, 1000, 8], [-5, 4, 8, 8], [25, 20, 30, 39]]
)
def test_boxes_that_reach_out_of_their_image_are_noted(tmp_path, box):
    found = coco.read(folder(tmp_path, change=lambda c: c["annotations"][1].update(bbox=box)))
    (warning,) = found.warnings
    assert "1 boxes reach out of their images" in warning
    assert "annotations 2" in warning


@pytest.mark.parametrize("name", ["x" * 400, "3\0.png", "", " 3.png", "../3.png", "\udcff.png"])
def test_a_name_that_leads_to_no_image_is_named(tmp_path, name):
    made = folder(tmp_path, change=lambda c: c["images"][0].update(file_name=name))
    with pytest.raises(FileNotFoundError, match="is missing, though instances_val2017"):
        coco.read(made)


def test_images_of_more_than_8_bits_are_refused(tmp_path):
    made = folder(tmp_path)
    Image.fromarray(np.full((30, 40), 51_400, np.uint16)).save(made / SPLIT / "1.png")
    with pytest.raises(ValueError, match=r"1\.png has pixels of more than 8 bits \(I;16\)"):
        coco.read(made).image(0)


def test_names_that_disagree_with_the_detectors_numbering_are_named(tmp_path):
    sound = folder(tmp_path / "sound")
    assert coco.read(sound).warnings == ()
    assert "original" in plan("smoke", "planted", [0], coco_root=str(sound))
    shifted = folder(tmp_path / "one", change=lambda c: c["categories"][0].update(name="sheep"))
    says = "category 18 is 'sheep', in COCO it is 'dog'"
    assert coco.read(shifted).warnings == (f"instances_val2017.json: {says}",)
    with pytest.raises(ValueError, match=f"published weights have: {says}"):
        plan("smoke", "planted", [0], coco_root=str(shifted))
    assert "original" in plan("smoke", "planted", [0], coco_root=str(shifted), weights="random")


def test_files_that_are_missing_or_damaged_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"instances_val2017.json is missing: coco_root"):
        coco.read(tmp_path / "nowhere")
    made = folder(tmp_path / "made")
    (made / SPLIT / "2.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"2.png is missing, though .* lists it"):
        coco.read(made)
    (made / LISTING).write_text("{")
    with pytest.raises(ValueError, match=r"instances_val2017.json is not in COCO's format"):
        coco.read(made)


def test_images_that_cannot_be_read_or_have_another_size_are_named(tmp_path):
    made = folder(tmp_path)
    (made / SPLIT / "1.png").write_bytes(b"no image")
    Image.new("RGB", (20, 20)).save(made / SPLIT / "2.png")
    found = coco.read(made)
    with pytest.raises(ValueError, match=r"1.png is damaged and cannot be read as an image"):
        found.image(0)
    with pytest.raises(ValueError, match=r"2.png has 20 × 20 pixels, .* say 30 × 40"):
        found.image(1)


def test_a_header_that_promises_too_many_pixels_is_refused_before_decoding(tmp_path):
    def change(content):
        content["images"][-1].update(width=30_000, height=30_000)

    made = folder(tmp_path, change=change)
    path = made / SPLIT / "1.png"
    content = bytearray(path.read_bytes())
    content[16:24] = struct.pack(">2I", 30_000, 30_000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"1.png is too large to be decoded: .*900000000 pixels"):
        coco.read(made).image(0)


def test_a_folder_may_be_named_from_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    made = folder(tmp_path / "made")
    assert coco.read("~/made").base == made
    monkeypatch.chdir(tmp_path)
    found = coco.read("made")
    monkeypatch.chdir(made)
    assert found.image(0).shape == (3, 30, 40)


def test_boxes_without_area_are_left_out_and_crowds_kept(tmp_path):
    def change(content):
        content["annotations"][0]["bbox"] = [5, 5, 0, 7]
        content["annotations"][1]["iscrowd"] = 1

    found = coco.read(folder(tmp_path, change=change))
    assert found.truth.crowd.tolist() == [True, False]
    assert found.warnings == (
        "instances_val2017.json: 1 boxes without area were left out (annotations 1)",
    )


def test_the_digest_follows_the_annotations(tmp_path):
    made = folder(tmp_path)
    before = coco.digest(made)
    assert coco.digest(made) == before
    (made / LISTING).write_text((made / LISTING).read_text() + " ")
    assert coco.digest(made) != before


# Evaluation ------------------------------------------------------------------------------------


def test_a_radius_beyond_all_images_is_refused_and_beyond_some_noted(tmp_path):
    shown = coco.read(folder(tmp_path))
    recipe = Evaluation(coco_root=str(tmp_path), radius=30)
    measured = Result()
    detection.check_reach(recipe, shown, measured)
    assert measured.warnings == [
        "2 images, such as 1.png, have no frequency beyond r = 30: their low part is the image"
    ]
    with pytest.raises(ValueError, match=r"radii=46.0 is not possible: .* the first being 1.png"):
        detection.check_reach(Evaluation(coco_root=str(tmp_path), radius=46), shown, Result())


def test_a_folder_goes_through_the_same_evaluation(tmp_path, monkeypatch):
    """Grey and oblong photographs, and a ResNet-50 with random weights that looks at them small."""
    small = {"weights": None, "weights_backbone": None, "min_size": 64, "max_size": 96}
    monkeypatch.setattr(retinanet, "for_coco", lambda weights: zoo.retinanet_resnet50_fpn(**small))
    made = folder(tmp_path / "made", mode="L")
    monkeypatch.setattr("fhelpers.sections.detection.measure.SURE", 0.0)  # it is sure of nothing
    original = Evaluation(coco_root=str(made), weights="random")
    assert original.precision == "float32"
    measured = original.carry_out(Job(tmp_path, choose_compute(original.precision)))
    assert {row["part"] for row in measured.rows} == {"original"}
    assert {row["images"] for row in measured.rows} == {3}
    assert measured.tensors["original/credit"].shape == (3,)
    boxes = measured.tensors["original/boxes"]
    image = measured.tensors["original/image"]
    assert (boxes[:, :2] >= 0).all()
    for number, (width, height) in enumerate([(40, 30), (30, 40), (64, 64)]):
        ends = (boxes[:, :2] + boxes[:, 2:])[image == number]
        assert (ends <= torch.tensor([width, height]) + 1e-3).all()


# Tiny ImageNet ---------------------------------------------------------------------------------


def tiny_imagenet(path):
    """A folder in Tiny ImageNet's layout: a dog, a car and a class that COCO does not have."""
    (path / "val" / "images").mkdir(parents=True)
    rows = [("val_0.JPEG", "n02099601"), ("val_1.JPEG", "n01443537"), ("val_2.JPEG", "n04285008")]
    for number, (name, _) in enumerate(rows):
        Image.new("L" if number else "RGB", (64, 64), 90).save(path / "val" / "images" / name)
    lines = [f"{name}\t{wnid}\t{n}\t9\t63\t40" for n, (name, wnid) in enumerate(rows)]
    (path / "val" / "val_annotations.txt").write_text("\n".join(lines) + "\n")
    return path


def test_tiny_imagenets_boxes_become_a_folder(tmp_path, monkeypatch, capsys):
    source = tiny_imagenet(tmp_path / "tiny")
    command = ["fhelpers", "coco", str(source), str(tmp_path / "to")]
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert capsys.readouterr().out.strip().endswith("to: 2 images")
    found = coco.read(tmp_path / "to")
    assert [found.class_names[label - 1] for label in found.truth.label] == ["dog", "car"]
    assert found.truth.boxes.tolist() == [[0, 9, 64, 32], [2, 9, 62, 32]]
    assert found.truth.area.tolist() == [64 * 32, 62 * 32]


def test_the_classes_of_tiny_imagenet_have_cocos_numbers_and_names():
    from torchvision.models.detection import RetinaNet_ResNet50_FPN_Weights as Weights

    names = Weights.COCO_V1.meta["categories"]
    assert all(names[number] == name for number, name in coco.IN_COCO.values())


def test_tiny_imagenet_is_refused_where_it_is_not_or_done_already(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"val_annotations.txt is missing"):
        coco.from_tiny_imagenet(tmp_path, tmp_path / "to")
    source = tiny_imagenet(tmp_path / "tiny")
    coco.from_tiny_imagenet(source, tmp_path / "to")
    with pytest.raises(ValueError, match=r"is there already"):
        coco.from_tiny_imagenet(source, tmp_path / "to")
    (source / "val" / "images" / "val_0.JPEG").unlink()
    with pytest.raises(FileNotFoundError, match=r"txt, line 1 lists .*val_0.JPEG is missing"):
        coco.from_tiny_imagenet(source, tmp_path / "again")
    (source / "val" / "val_annotations.txt").write_text("val_1.JPEG\tn01443537\t0\t9\t63\t40\n")
    with pytest.raises(ValueError, match=r"has no class that COCO has too"):
        coco.from_tiny_imagenet(source, tmp_path / "none")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("val_2.JPEG n04285008 0 9 63 40", "line 5 must have 6 columns with tabs between"),
        ("val_2.JPEG\tn04285008\t0\t9\t63", "line 5 must have 6 columns with tabs between"),
        ("val_2.JPEG\tn04285008\t0\t9\t63\tx", "line 5 must end with the corners of a box"),
        ("val_\xe9.JPEG\tn04285008\t0\t9\t63\t40", "line 5 is not UTF-8 text"),
    ],
)
def test_a_line_of_tiny_imagenets_list_that_makes_no_sense_is_named(tmp_path, line, says):
    source = tiny_imagenet(tmp_path / "tiny")
    listing = source / "val" / "val_annotations.txt"
    listing.write_bytes(listing.read_bytes() + f"\n{line}\n".encode("latin-1"))
    with pytest.raises(ValueError, match=rf"val_annotations.txt, {says}"):
        coco.from_tiny_imagenet(source, tmp_path / "to")
    assert not (tmp_path / "to").exists()
