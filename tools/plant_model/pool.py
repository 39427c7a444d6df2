"""A pool of full frames in memory, drawn by the plant, and refreshed while it is used."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from lineside.capture.plant.defects import DEFECTS
from lineside.capture.plant.plant import Plant
from lineside.capture.plant.settings import PlantSettings
from plant_model.lights import light_for
from plant_model.samples import Photographer, Sample, cut, turn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.core.truth import FrameTruth
    from plant_model.mining import Miner

    Middles = NDArray[np.float32]

FRAME_PX = 640
FIRST_SEED = 1000  # all below belong to validation, to the held-out test and to the demo
_PRODUCTS = ("disc", "cap")
_PART_NUMBERS = 20_000  # light and belt drift along them
_LEAST_LEARNED_PX = 8.0
_SMALL_PX = (6.0, 26.0)
_OF_PLANTS = 5  # by which small plants are counted: no divisor of the cycles of products and lights


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """How the pool is made.

    Attributes:
        seed: What everything is thrown from.
        frames: How many are kept.
        plants: How many plants draw at the same time.
        frames_a_plant: After so many frames a plant makes room for one with another seed.
        defect_rate: Share of bad parts; the samples' share is set apart from it.
        crops_at_defects: Share of the crops that are put at a defect; the others lie anywhere in any frame.
        smallest_first: Share of those crops that go to the smallest of `compared` defects: small marks are what
            escapes, and few are thrown.
        variants: Surfaces of each plant. Few, because more plants with fewer surfaces cost the same and bring more lights.
        crops_at_mistakes: Share of the crops that are put at what a miner's network got wrong, at misses and alarms
            alike.
        compared: See `smallest_first`.
        small_plants: Share of the plants that throw small marks alone.
        classes: Classes of the crops at defects, all equally likely; one that stands there twice is twice as likely.
        light_strength: How far the photographer changes the light.
    """

    seed: int
    frames: int = 1400
    plants: int = 8
    frames_a_plant: int = 800
    defect_rate: float = 0.8
    crops_at_defects: float = 0.6
    smallest_first: float = 0.5
    variants: int = 8
    crops_at_mistakes: float = 0.0
    compared: int = 2
    small_plants: float = 0.0
    light_strength: float = 1.0
    classes: tuple[str, ...] = DEFECTS


class FramePool:
    """Frames of ever new plants, and random samples of them. The same settings give the same samples.

    Args:
        settings: How it is made.
        miner: Looks over each frame when it comes in. Without one there are no crops at mistakes.
    """

    def __init__(self, settings: PoolSettings, miner: Miner | None = None) -> None:
        self.settings = settings
        self._miner = miner
        self._mistakes: tuple[dict[int, Middles], dict[int, Middles]] = ({}, {})
        self._rng = np.random.default_rng([settings.seed, 17])
        self._photographer = Photographer(self._rng, settings.light_strength)
        self._images = np.empty((settings.frames, FRAME_PX, FRAME_PX, 3), np.uint8)
        self._truths: list[FrameTruth | None] = [None] * settings.frames
        self._by_class: list[set[tuple[int, int]]] = [set() for _ in DEFECTS]
        self._plants: list[Plant] = []
        self._made = 0
        self._drawn = 0
        self.refresh(settings.frames)

    def refresh(self, frames: int) -> None:
        """Replace the oldest frames by new ones."""
        for _ in range(frames):
            self._replace(self._drawn % self.settings.frames)
            self._drawn += 1

    def _replace(self, slot: int) -> None:
        plant = self._next_plant()
        number, camera = int(self._rng.integers(_PART_NUMBERS)), int(self._rng.integers(2))
        image, truth = plant.render(number, camera)
        old = self._truths[slot]
        for i, class_id in enumerate(old.class_id if old else ()):
            self._by_class[class_id].discard((slot, i))
        self._images[slot], self._truths[slot] = image, truth
        for i, class_id in enumerate(truth.class_id):
            self._by_class[class_id].add((slot, i))
        if self._miner:
            for known, middles in zip(self._mistakes, self._miner.mistakes(image, truth), strict=True):
                known.pop(slot, None)
                if len(middles):
                    known[slot] = middles

    def _next_plant(self) -> Plant:
        """The plants in turn; the oldest goes when it has drawn its share."""
        wanted = min(self.settings.plants, 1 + self._drawn * 2 * self.settings.plants // self.settings.frames)
        due = 1 + self._drawn // (self.settings.frames_a_plant // self.settings.plants)
        if len(self._plants) < wanted or self._made < due:
            self._plants = [*self._plants[-(self.settings.plants - 1) :], self._new_plant()]
        return self._plants[self._drawn % len(self._plants)]

    def _new_plant(self) -> Plant:
        index = self._made
        self._made += 1
        seed = FIRST_SEED + self.settings.seed * 10_000 + index
        is_small = index % _OF_PLANTS < self.settings.small_plants * _OF_PLANTS
        settings = PlantSettings(
            product=_PRODUCTS[index % 2],
            seed=seed,
            defect_rate=self.settings.defect_rate,
            variants=self.settings.variants,
            **({"defect_px": _SMALL_PX} if is_small else {}),
        )
        return Plant(settings, light_for(index // 2, seed))

    def batch(self, count: int, side: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Random samples.

        Args:
            count: How many.
            side: Pixels of a square sample, at most the frame's.

        Returns:
            Pictures uint8 RGB (count, side, side, 3) and rows float32 (count, ROWS, 6).
        """
        samples = [self._sample(side) for _ in range(count)]
        return (
            np.stack([cv2.cvtColor(s.image, cv2.COLOR_BGR2RGB) for s in samples]),
            np.stack([s.rows for s in samples]),
        )

    def _sample(self, side: int) -> Sample:
        rng, dice = self._rng, self._rng.random()
        slot, corner = -1, (0, 0)
        if dice < self.settings.crops_at_defects:
            slot, corner = self._at_defect(side)
        elif dice < self.settings.crops_at_defects + self.settings.crops_at_mistakes:
            slot, corner = self._at_mistake(side)
        if slot < 0:
            slot = int(rng.integers(len(self._truths)))
            corner = tuple(int(v) for v in rng.integers(0, FRAME_PX - side + 1, 2))
        truth = self._truths[slot]
        assert truth is not None
        sample = turn(
            cut(self._images[slot], truth, corner, side),
            int(rng.integers(4)),
            mirrored=bool(rng.random() < 0.5),
        )
        return Sample(self._photographer.change(sample.image), sample.rows)

    def _at_defect(self, side: int) -> tuple[int, tuple[int, int]]:
        """A slot and a corner that show a defect of a class by chance; -1 where there is none yet."""
        rng, classes = self._rng, self.settings.classes
        members = self._by_class[DEFECTS.index(classes[int(rng.integers(len(classes)))])]
        if not members:
            return -1, (0, 0)
        several = self.settings.compared if rng.random() < self.settings.smallest_first else 1
        known = sorted(members)
        chosen = [known[int(i)] for i in rng.integers(len(known), size=several)]
        slot, index = min(chosen, key=self._longer_side)
        left, top, right, bottom = self._box(slot, index)
        return slot, self._corner(np.array([left + right, top + bottom]) / 2, side)

    def _at_mistake(self, side: int) -> tuple[int, tuple[int, int]]:
        """A slot and a corner that show a miss or an alarm, either as often; -1 where there is none."""
        rng = self._rng
        known = self._mistakes[int(rng.integers(2))]
        if not known:
            return -1, (0, 0)
        slots = sorted(known)
        slot = slots[int(rng.integers(len(slots)))]
        middles = known[slot]
        return slot, self._corner(middles[int(rng.integers(len(middles)))], side)

    def _corner(self, middle: NDArray[np.floating], side: int) -> tuple[int, int]:
        """The corner of a crop that shows a place, anywhere but at its very border."""
        corner = np.clip(middle - self._rng.uniform(0.1, 0.9, 2) * side, 0, FRAME_PX - side)
        return int(corner[0]), int(corner[1])

    def _box(self, slot: int, index: int) -> NDArray[np.float32]:
        truth = self._truths[slot]
        assert truth is not None
        return np.asarray(truth.xyxy[index], np.float32)

    def _longer_side(self, member: tuple[int, int]) -> float:
        """How long a defect is in its picture; one that is too small to be learned passes for the longest."""
        left, top, right, bottom = self._box(*member)
        side = float(max(right - left, bottom - top))
        return side if side >= _LEAST_LEARNED_PX else math.inf
