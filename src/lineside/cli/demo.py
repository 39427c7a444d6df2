"""`lineside demo`: the main job on pictures and a model that are made on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lineside.core.detections import Detections
    from lineside.detector.detector import Detector
    from lineside.outputs.folder import OutputFolder
    from lineside.testing.graphs.spot_pictures import SpotPicture

_OVERLAP = 0.5


def demo(
    *,
    folder: Annotated[Path, typer.Option(help="Where the model, the pictures and the results go.")] = Path(
        "demo-report"
    ),
    pictures: Annotated[int, typer.Option(min=1, max=1000, help="How many pictures to draw.")] = 24,
    seed: Annotated[int, typer.Option(min=0, help="Of the pictures.")] = 0,
) -> None:
    """Draw parts with coloured spots, detect the spots, and compare with what was drawn.

    The model is no trained one: a small convolutional network whose weights were set by hand finds filled
    squares of three colours. All else is the real thing: recognition, byte input, run, decoding, NMS.
    """
    from rich.console import Console

    console = Console()
    console.print(
        "A hand-weighted network looks for red, blue and dark spots on drawn parts.\n"
        "Nothing is downloaded; the truth is known because every spot was drawn."
    )
    model, paths, truths = _make(folder, pictures, seed)
    from lineside.detector.detector import Detector
    from lineside.outputs.folder import OutputFolder

    detector = Detector(model)
    console.print(f"{detector!r}, recognised with {detector.card.sureness:.0%} sureness")
    results = _judge(detector, paths, OutputFolder(folder / "annotated"))
    found, missed, false = _compare(results, truths)
    console.print(
        f"{len(paths)} pictures, {found + missed} spots drawn: [green]{found} found[/], "
        f"{missed} missed, {false} found where none was drawn"
    )
    console.print(f"look at {folder / 'annotated'}; do it yourself:")
    console.print(
        f"  lineside inspect {model}\n  lineside detect {model} {folder / 'pictures'}", soft_wrap=True
    )
    if missed or false:
        raise typer.Exit(1)


def _make(folder: Path, count: int, seed: int) -> tuple[Path, list[Path], list[SpotPicture]]:
    """Write the model and the pictures."""
    import cv2
    import numpy as np

    from lineside.core.geometry import Size
    from lineside.outputs.files import make_folder, replacing
    from lineside.testing.graphs.spot_pictures import draw_spots
    from lineside.testing.graphs.spots import colour_spots

    make_folder(folder / "pictures")
    model = folder / "spots.onnx"
    with replacing(model) as temporary:
        temporary.write_bytes(colour_spots().SerializeToString())
    rng = np.random.default_rng(seed)
    size = Size(
        height=480, width=640
    )  # twice the model's input, so the spots are twice the size it looks for
    drawn = [draw_spots(rng, size, int(rng.integers(0, 7)), side_px=(48, 80)) for _ in range(count)]
    paths = [folder / "pictures" / f"part-{i:03d}.png" for i in range(count)]
    for path, picture in zip(paths, drawn, strict=True):
        with replacing(path) as temporary:
            temporary.write_bytes(cv2.imencode(".png", picture.image)[1].tobytes())
    return model, paths, drawn


def _judge(detector: Detector, paths: list[Path], folder: OutputFolder) -> list[Detections]:
    """Detect in every picture, with a progress bar, and save each with its boxes drawn."""
    from rich.progress import track

    from lineside.capture.pictures import read_picture
    from lineside.outputs.overlay import draw

    results = []
    for path in track(paths, description="inspecting", transient=True):
        image = read_picture(path)
        results.append(detector(image, confidence=0.5))
        folder.write_picture(str(path), draw(image, results[-1]))
    return results


def _compare(results: list[Detections], truths: list[SpotPicture]) -> tuple[int, int, int]:
    """Spots found, spots missed, and detections without a spot, at an IoU of `_OVERLAP` and the right class."""
    found = missed = false = 0
    for result, truth in zip(results, truths, strict=True):
        overlaps = _iou(result.xyxy, truth.xyxy) >= _OVERLAP
        hits = overlaps & (result.class_id[:, None] == truth.class_id[None])
        found += int(hits.any(axis=0).sum())
        missed += int((~hits.any(axis=0)).sum())
        false += int((~hits.any(axis=1)).sum())
    return found, missed, false


def _iou(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np

    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    inter = (high - low).clip(0).prod(axis=2)
    areas = [(c[:, 2:] - c[:, :2]).prod(axis=1) for c in (a, b)]
    overlap: NDArray[np.float32] = inter / (areas[0][:, None] + areas[1][None] - inter)
    return overlap
