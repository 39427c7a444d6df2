"""What masks, keypoints and oriented boxes cost beside the way in which scripts make them.

Masks: inside each box, against whole frames. Pose and oriented boxes: candidates first, against all rows. Contenders
take turns within one run; the figures are ratios of medians.
"""

from __future__ import annotations

import argparse
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from lineside.core.geometry import Fit, Letterbox, Size
from lineside.models.families import yolov8_obb, yolov8_pose
from lineside.models.spec import HeadSpec
from lineside.postprocess.candidates import Selection
from lineside.postprocess.masks import prototype_masks

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

MODEL = Size(height=640, width=640)
FRAME = Size(height=1080, width=1920)
BOX = Letterbox.fit(FRAME, MODEL, Fit())
ROWS = 8400
CONFIDENCE = 0.25


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--objects", type=int, default=25)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    rng = np.random.default_rng(0)
    for name, naive, ours in (
        ("masks", *_masks(rng, asked.objects)),
        ("pose", *_pose(rng, asked.objects)),
        ("oriented boxes", *_oriented(rng, asked.objects)),
    ):
        plain, own = _turns(naive, ours, asked.rounds)
        print(
            f"{name}: naive {plain * 1e3:.2f} ms, lineside {own * 1e3:.2f} ms, {plain / own:.1f} times as fast"
        )


def _turns(naive: Callable[[], Any], ours: Callable[[], Any], rounds: int) -> tuple[float, float]:
    """Median seconds of both, in turns."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 3):
        for call, times in zip((naive, ours), seconds, strict=True):
            start = perf_counter()
            call()
            if number >= 3:
                times.append(perf_counter() - start)
    return median(seconds[0]), median(seconds[1])


def _boxes(rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    """Objects of 40 to 200 model pixels inside the frame's part of the input."""
    size = rng.uniform(40, 200, (count, 2))
    corner = rng.uniform((0, BOX.top_px), (MODEL.width, MODEL.height - BOX.top_px) - size)
    return np.hstack([corner, corner + size]).astype(np.float32)


def _masks(rng: np.random.Generator, count: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
    noise = rng.standard_normal((32, 20, 20)).astype(np.float32)
    prototypes = np.stack([cv2.resize(plane, (160, 160), interpolation=cv2.INTER_CUBIC) for plane in noise])
    weights = rng.standard_normal((count, 32)).astype(np.float32)
    boxes = _boxes(rng, count)

    def naive() -> NDArray[np.bool_]:
        frame_boxes = boxes.copy()
        BOX.to_frame(frame_boxes)
        sums = (weights @ prototypes.reshape(32, -1)).reshape(count, 160, 160)
        top, bottom = BOX.top_px // 4, (BOX.top_px + BOX.scaled.height) // 4
        masks = np.zeros((count, *FRAME), bool)
        for mask, plane, (left, upper, right, lower) in zip(
            masks, sums, np.rint(frame_boxes).astype(int).tolist(), strict=True
        ):
            whole = cv2.resize(plane[top:bottom], (FRAME.width, FRAME.height), interpolation=cv2.INTER_LINEAR)
            mask[upper:lower, left:right] = whole[upper:lower, left:right] > 0
        return masks

    def ours() -> Any:
        return prototype_masks(prototypes, weights, boxes, BOX)

    both = naive(), ours().dense()
    share = np.count_nonzero(both[0] & both[1]) / np.count_nonzero(both[0] | both[1])
    print(f"masks: {count} objects, {FRAME}, IoU of the two {share:.3f}")
    return naive, ours


def _answer(rng: np.random.Generator, classes: int, behind: int, objects: int) -> NDArray[np.float32]:
    """A head's answer with some ten candidates an object."""
    table = np.zeros((1, 4 + classes + behind, ROWS), np.float32)
    table[0, :2] = rng.uniform(0, 640, (2, ROWS))
    table[0, 2:4] = rng.uniform(10, 200, (2, ROWS))
    table[0, 4 : 4 + classes] = rng.uniform(0, 0.1, (classes, ROWS))
    chosen = rng.choice(ROWS, 10 * objects, replace=False)
    table[0, 4 + rng.integers(0, classes, len(chosen)), chosen] = rng.uniform(0.3, 0.95, len(chosen))
    table[0, 4 + classes :] = rng.uniform(0, 1, (behind, ROWS))
    return table


def _candidates(table: NDArray[np.float32], classes: int) -> tuple[NDArray[Any], ...]:
    """The usual script: every row turned round, its class and corners found, then the weak ones dropped."""
    rows = table[0].T
    scores = rows[:, 4 : 4 + classes]
    labels, best = np.argmax(scores, axis=1), np.max(scores, axis=1)
    boxes = np.empty((len(rows), 4), np.float32)
    boxes[:, :2] = rows[:, :2] - rows[:, 2:4] / 2
    boxes[:, 2:] = rows[:, :2] + rows[:, 2:4] / 2
    keep = best > CONFIDENCE
    return rows[keep], boxes[keep], best[keep], labels[keep]


def _spec(classes: int, **more: Any) -> HeadSpec:
    return HeadSpec(0, classes, (8, 16, 32), 1, channels_first=True, size=MODEL, rows=ROWS, **more)


def _pose(rng: np.random.Generator, objects: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
    table = _answer(rng, 1, 51, objects)
    spec = _spec(1, task="pose", keypoints=(17, 3))

    def naive() -> NDArray[Any]:
        rows, _, _, _ = _candidates(table, 1)
        points = rows[:, 5:].reshape(-1, 17, 3).copy()
        points[..., 0] = np.clip((points[..., 0] - BOX.left_px) / BOX.gain_x, 0, FRAME.width)
        points[..., 1] = np.clip((points[..., 1] - BOX.top_px) / BOX.gain_y, 0, FRAME.height)
        return points

    def ours() -> Any:
        found = yolov8_pose.decode([table], spec, Selection(CONFIDENCE))
        return yolov8_pose.details([table], spec, found, BOX)

    return naive, ours


def _oriented(rng: np.random.Generator, objects: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
    table = _answer(rng, 15, 1, objects)
    spec = _spec(15, task="obb")

    def naive() -> NDArray[Any]:
        rows, _, _, _ = _candidates(table, 15)
        cos, sin = np.cos(rows[:, -1]), np.sin(rows[:, -1])
        along = np.stack([rows[:, 2] * cos, rows[:, 2] * sin], axis=1) / 2
        across = np.stack([-rows[:, 3] * sin, rows[:, 3] * cos], axis=1) / 2
        corners = np.stack([along + across, along - across, -along - across, across - along], axis=1)
        return np.asarray(rows[:, None, :2] + corners)

    def ours() -> Any:
        return yolov8_obb.decode([table], spec, Selection(CONFIDENCE))

    return naive, ours


if __name__ == "__main__":
    main()
