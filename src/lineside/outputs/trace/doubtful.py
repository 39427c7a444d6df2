"""Kept pictures that somebody should look at, as a data set whose labels are proposals."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from lineside.core.errors import OutputError, SettingsError
from lineside.outputs.files import cannot_write, make_folder, replacing
from lineside.outputs.trace.pictures import sound_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

Form = Literal["coco", "yolo"]


@dataclass(frozen=True, slots=True)
class Doubt:
    """What makes a picture worth a look.

    Attributes:
        threshold: Of the confidences: what is near to it is doubtful.
        margin: How near.
    """

    threshold: float = 0.25
    margin: float = 0.1

    def __post_init__(self) -> None:
        for name in ("threshold", "margin"):
            if not 0 <= getattr(self, name) <= 1:
                raise SettingsError(f"{name}: expected a number from 0 to 1; got {getattr(self, name)}")

    def reasons(self, record: Mapping[str, Any]) -> list[str]:
        """Why a part is doubtful, a word each; nothing where it is not."""
        found = []
        if record.get("reason") == "marginal":
            found.append("marginal")
        truth = record.get("truth")
        if truth in {"PASS", "FAIL"} and truth != record.get("verdict"):
            found.append("judged otherwise than it is")
        scores = [each["confidence"] for view in record["views"] for each in view.get("detections", ())]
        if any(abs(score - self.threshold) < self.margin for score in scores):
            found.append("near the threshold")
        return found


@dataclass(frozen=True, slots=True)
class Chosen:
    """A picture of the data set: its part's record, its view, why it was chosen."""

    record: Mapping[str, Any]
    view: Mapping[str, Any]
    reasons: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of its file, from what it is rather than from where it lay."""
        return f"{self.view['picture']['file'].partition('/')[2]}"


def choose(records: Iterable[tuple[Mapping[str, Any], Sequence[str]]]) -> list[Chosen]:
    """The kept pictures of parts that have reasons; the same picture once.

    Args:
        records: Records of parts, and why each is wanted.
    """
    found: dict[str, Chosen] = {}
    for record, reasons in records:
        for view in record["views"] if reasons else ():
            picture = view.get("picture") or {}
            if sound_name(picture.get("file")) and "detections" in view:
                one = Chosen(record, view, tuple(reasons))
                found.setdefault(one.name, one)
    return list(found.values())


def export(trace: Path, folder: Path, chosen: Sequence[Chosen], *, form: Form) -> list[str]:
    """The names of the classes of the data set that is now in the folder, with the trace's boxes as proposals.

    Args:
        trace: The trace's folder.
        folder: An empty or a new one.
        chosen: Its pictures.
        form: `coco`: `annotations.json` and `images/`; `yolo`: `images/`, `labels/` and `data.yaml`.

    Raises:
        OutputError: It cannot be written, is not empty, or a picture is gone.
    """
    make_folder(folder)
    if any(folder.iterdir()):
        raise OutputError(f"{folder}: expected an empty folder for a data set; this one holds files")
    make_folder(folder / "images")
    names = _names(chosen)
    for one in chosen:
        source = trace / "pictures" / one.view["picture"]["file"]
        try:
            shutil.copyfile(source, folder / "images" / one.name)
        except FileNotFoundError as fault:
            raise OutputError(
                f"{source}: the picture is gone; lineside verify says whether retention removed it"
            ) from fault
        except OSError as fault:
            raise cannot_write(folder / "images" / one.name, fault) from fault
    if form == "coco":
        _write(folder / "annotations.json", json.dumps(_coco(chosen, names), indent=1))
    else:
        make_folder(folder / "labels")
        for one in chosen:
            _write((folder / "labels" / one.name).with_suffix(".txt"), _yolo(one, names))
        listed = "".join(f"  {number}: {json.dumps(name)}\n" for number, name in enumerate(names))
        _write(folder / "data.yaml", f"path: .\ntrain: images\nval: images\nnames:\n{listed}")
    return names


def _names(chosen: Sequence[Chosen]) -> list[str]:
    """The model's names, where the trace tells them; else those that were seen, by their numbers."""
    for one in chosen:
        told = (one.record.get("about", {}).get("model") or {}).get("names")
        if isinstance(told, list) and told:
            return [str(name) for name in told]
    seen = {each["class_id"]: str(each["name"]) for one in chosen for each in one.view["detections"]}
    return [seen.get(number, f"class {number}") for number in range(max(seen, default=-1) + 1)]


def _coco(chosen: Sequence[Chosen], names: Sequence[str]) -> dict[str, Any]:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, one in enumerate(chosen, start=1):
        view, record = one.view, one.record
        about = {"part": record["part"], "camera": view["camera"], "serial": record.get("serial")}
        size = {"width": view["width"], "height": view["height"]}
        images.append({"id": number, "file_name": one.name, **size, **about, "reasons": list(one.reasons)})
        for each in view["detections"]:
            x1, y1, x2, y2 = each["xyxy"]
            box = [x1, y1, x2 - x1, y2 - y1]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": names.index(each["name"]) + 1,
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": 0,
                    "score": each["confidence"],
                }
            )
    categories = [{"id": number, "name": name} for number, name in enumerate(names, start=1)]
    return {"images": images, "annotations": annotations, "categories": categories}


def _yolo(one: Chosen, names: Sequence[str]) -> str:
    width, height = one.view["width"], one.view["height"]
    lines = []
    for each in one.view["detections"]:
        x1, y1, x2, y2 = each["xyxy"]
        values = ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height)
        lines.append(" ".join([str(names.index(each["name"])), *(f"{value:.6f}" for value in values)]) + "\n")
    return "".join(lines)


def _write(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
