"""A plant that draws its own parts: `synthetic:disc?seed=3&lighting=evening`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineside.capture.pictures import Reading
    from lineside.capture.plant.camera import PlantCamera


def claims(argument: str) -> bool:
    """False: a plant is asked for by its name, `synthetic:PRODUCT`, and mistaken for nothing else."""
    del argument
    return False


def open_sources(argument: str, reading: Reading) -> Sequence[PlantCamera]:
    """One source for each camera, or the one that is asked for.

    Args:
        argument: `PRODUCT` or `PRODUCT?key=value&key=value`; `docs/plant.md` has the keys.
        reading: Limits for the frames.

    Raises:
        SettingsError: A product, a key or a value is not accepted.
        ImageTooLargeError: The frames would have more pixels than the limit.
    """
    from lineside.capture.plant.camera import PlantCamera
    from lineside.capture.plant.plant import Plant
    from lineside.capture.plant.query import PlantQuery
    from lineside.capture.plant.settings import CAMERAS

    asked = PlantQuery(argument)
    settings = asked.settings(reading.limit_px)
    chosen = asked.choice("camera", CAMERAS)
    count, fps = asked.whole("count", (1, 2**53)), asked.number("fps", (0.001, 10_000))
    plant = Plant(settings)
    return [
        PlantCamera(plant, number, count=count, fps=fps)
        for number, camera in enumerate(CAMERAS)
        if chosen in (None, camera)
    ]
