"""Generated scenes as a folder in COCO's format, for tests that read one."""

import json
from pathlib import Path

from PIL import Image

from fhelpers.data.scenes import SceneSet


def write(scenes: SceneSet, folder: Path, name: str = "val2017") -> Path:
    """Write scenes as a COCO-format folder: annotations/instances_NAME.json and NAME/*.png."""
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "annotations").mkdir(exist_ok=True)
    images, truth = [], scenes.truth
    for number, pixels in enumerate(scenes.images):
        file = f"{number + 1:012d}.png"
        Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(folder / name / file)
        height, width = pixels.shape[1:]
        images.append({"id": number + 1, "file_name": file, "height": height, "width": width})
    columns = zip(truth.image, truth.boxes, truth.label, truth.area, strict=True)
    annotations = [
        {
            "id": place, "image_id": int(image) + 1, "category_id": int(label), "iscrowd": 0,
            "bbox": [float(side) for side in box], "area": float(area),
        }
        for place, (image, box, label, area) in enumerate(columns, start=1)
    ]  # fmt: skip
    categories = [{"id": i, "name": each} for i, each in enumerate(scenes.class_names, start=1)]
    content = {"info": {}, "images": images, "annotations": annotations, "categories": categories}
    (folder / "annotations" / f"instances_{name}.json").write_text(json.dumps(content), "utf-8")
    return folder
