"""`lineside demo --export-dataset`: pictures of the plant and their truth, as a COCO data set."""

from __future__ import annotations

import json
import secrets
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lineside.core.errors import OutputError, SettingsError
from lineside.outputs.files import cannot_write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from rich.console import Console

    from lineside.capture.plant.plant import Plant
    from lineside.core.truth import FrameTruth

_FAST_PNG = 1  # noise does not compress; higher levels take three times as long for a few percent


def export(plant: Plant, folder: Path, pictures: int, console: Console) -> None:
    """Write pictures of the plant with their truth; the folder appears whole or not at all.

    Each part is seen by every camera in turn. `annotations.json` has one category for each class of defects, and
    marks with `ignore` what is too small to count.

    Args:
        plant: What draws them.
        folder: A new folder, or an empty one.
        pictures: How many.
        console: For the progress bar.

    Raises:
        SettingsError: The folder holds files.
        OutputError: It cannot be written.
    """
    from rich.progress import track

    with new_folder(folder) as temporary:
        (temporary / "images").mkdir()
        document = _Document(plant)
        for number in track(range(pictures), description="drawing", console=console, transient=True):
            part, camera = divmod(number, len(plant.camera_names))
            image, truth = plant.render(part, camera)
            name = f"part-{part:06d}-{plant.camera_names[camera]}.png"
            _write_png(temporary / "images" / name, image)
            document.add(name, plant.camera_names[camera], image, truth)
        text = json.dumps(document.to_dict())
        (temporary / "annotations.json").write_text(text, encoding="utf-8")
    console.print(
        f"{pictures} pictures with {document.counted} defects, and {document.ignored} too small to count, are in "
        f"{folder}; judge a model on them:\n  lineside eval shipped:plant {folder / 'annotations.json'}",
        soft_wrap=True,
        markup=False,
    )


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder under a temporary name; when the block ends well it appears at `folder`, else it is removed.

    Args:
        folder: Must not exist, or be empty.

    Raises:
        SettingsError: It holds files, or is one.
        OutputError: It cannot be made, written or renamed: the block's own `OSError`s are translated.
    """
    target = folder.absolute()
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise SettingsError(f"{folder}: expected a new or an empty folder; name another, or remove this one")
    temporary = target.with_name(f".{target.name[:60]}.{secrets.token_hex(6)}.part")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        if target.exists():
            target.rmdir()
        temporary.rename(target)
    except OSError as fault:
        raise cannot_write(folder, fault) from fault
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


class _Document:
    """A COCO document as it grows."""

    def __init__(self, plant: Plant) -> None:
        from lineside.capture.plant.defects import DEFECTS

        settings = plant.settings
        self._info = {
            "description": "Parts drawn by lineside's plant",
            "product": settings.product,
            "seed": settings.seed,
            "lighting": settings.lighting,
            "defect_rate": settings.defect_rate,
            "size": str(settings.size),
            "limit_px": settings.limit_px,
        }
        self._categories = [{"id": k, "name": name} for k, name in enumerate(DEFECTS, 1)]
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []
        self.counted = 0
        self.ignored = 0

    def add(self, name: str, camera: str, image: NDArray[np.uint8], truth: FrameTruth) -> None:
        """One picture and its boxes."""
        number = len(self._images) + 1
        height, width = image.shape[:2]
        self._images.append(
            {
                "id": number,
                "file_name": name,
                "width": width,
                "height": height,
                "part": truth.part,
                "camera": camera,
                "verdict": str(truth.verdict),
            }
        )
        for (left, top, right, bottom), k, mask in zip(
            truth.xyxy.tolist(), truth.class_id.tolist(), truth.masks, strict=True
        ):
            is_small = max(right - left, bottom - top) < truth.limit_px
            self.ignored += is_small
            self.counted += not is_small
            self._annotations.append(
                {
                    "id": len(self._annotations) + 1,
                    "image_id": number,
                    "category_id": k + 1,
                    "bbox": [round(v, 3) for v in (left, top, right - left, bottom - top)],
                    "area": int(mask.sum()),
                    "iscrowd": 0,
                    "ignore": int(is_small),
                }
            )

    def to_dict(self) -> dict[str, Any]:
        """The document."""
        return {
            "info": self._info,
            "images": self._images,
            "annotations": self._annotations,
            "categories": self._categories,
        }


def _write_png(path: Path, image: NDArray[np.uint8]) -> None:
    import cv2

    is_encoded, data = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, _FAST_PNG])
    if not is_encoded:
        raise OutputError(f"{path.name}: the picture cannot be encoded; it is {image.dtype} {image.shape}")
    path.write_bytes(data.tobytes())
