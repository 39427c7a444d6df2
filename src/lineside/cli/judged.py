"""What the commands share that judge other forms of a model: their pictures, their truth, and what may be lost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lineside.detector.detector import Detector
    from lineside.evaluation.pictures import Pictures
    from lineside.evaluation.truth import Dataset

PANEL = "How it is judged"

Truth = Annotated[
    Path | None,
    typer.Option(
        metavar="DATASET",
        help="A data set to judge by. Default: DATA, where it has truth.",
        rich_help_panel=PANEL,
        show_default=False,
    ),
]
Images = Annotated[
    Path | None,
    typer.Option(help="Folder of a COCO file's pictures.", rich_help_panel=PANEL, show_default=False),
]
MaxDrop = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="What may be lost. Default: 0.01 of mAP (a point) by truth, else 0.05 of the agreement.",
        rich_help_panel=PANEL,
        show_default=False,
    ),
]


class Judged:
    """What the options say of pictures and truth.

    Args:
        data: The value of `--data`.
        truth: That of `--truth`.
        images: That of `--images`.
    """

    def __init__(self, data: str, truth: Path | None, images: Path | None) -> None:
        self._data, self._truth, self._images = data, truth, images

    def opened(self, detector: Detector, wanted: int) -> tuple[Pictures, Dataset | None]:
        """The pictures and the truth, for a model.

        Raises:
            SourceError, DatasetError: There are none, or they are malformed.
        """
        from lineside.evaluation.dataset import holds_truth, open_dataset
        from lineside.evaluation.pictures import Pictures

        card = detector.card
        own = holds_truth(Path(self._data), card.head.task)
        place = self._truth or (Path(self._data) if own else None)
        truth = None
        if place is not None:
            truth = open_dataset(
                place,
                images=self._images,
                model_names=detector.names,
                task=card.head.task,
                keypoints=card.head.keypoints[0],
            )
        if not own:
            return Pictures.of_source(self._data, wanted), truth
        with_truth = truth if place == Path(self._data) else None
        if with_truth is None:
            with_truth = open_dataset(Path(self._data), model_names=detector.names, task=card.head.task)
        return Pictures.of_files(self._data, [one.path for one in with_truth.pictures]), truth
