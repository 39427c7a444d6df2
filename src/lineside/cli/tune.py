"""`lineside tune`: the fastest way to run a model on this machine that keeps its answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineside.cli import judged, options
from lineside.cli.by_hand import by_hand
from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lineside.core.placement import Placement
    from lineside.evaluation.pictures import Pictures
    from lineside.evaluation.truth import Dataset
    from lineside.evaluation.tuning.settings import TuneSettings
    from lineside.evaluation.tuning.tune import Tuned
    from lineside.models.facts import ModelFacts

_TRIED = "What is tried"
_MOST_BYTES = 256 << 20  # of pictures that are held in memory


@by_hand(without=("size",))
def tune(
    model: options.Model,
    *,
    deadline_ms: Annotated[
        float,
        typer.Option(
            metavar="MS",
            help="What 99 of 100 pictures must be judged within, from the picture to its detections.",
            show_default=False,
        ),
    ],
    data: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="Pictures of the line, or a data set with truth, which then judges. Without, only settings that compute "
            "as the reference does are compared.",
            show_default=False,
        ),
    ] = None,
    tolerance: judged.MaxDrop = None,
    truth: judged.Truth = None,
    images: judged.Images = None,
    pictures: Annotated[
        int, typer.Option(min=1, help="Pictures to compare on, at the most.", rich_help_panel=judged.PANEL)
    ] = 100,
    devices: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Devices to try, a comma list. Default: all that are ready.",
            rich_help_panel=_TRIED,
            show_default=False,
        ),
    ] = None,
    also: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="MODEL",
            help="Another file of the same network, such as one by lineside quantize; may be repeated.",
            rich_help_panel=_TRIED,
            show_default=False,
        ),
    ] = None,
    streams: Annotated[
        int, typer.Option(min=1, help="Callers that run side by side.", rich_help_panel=_TRIED)
    ] = 1,
    seconds: Annotated[
        float, typer.Option(help="Time for judging and measuring; opening the sessions comes on top.")
    ] = 120.0,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="PNG", help="Draw what is kept over latency.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document in place of the table.")] = False,
    dry: Annotated[bool, typer.Option("--dry-run", help="Write no profile.")] = False,
    facts: options.Facts,
) -> None:
    """Find the fastest devices, precision, threads, batch and size that keep a model's answers, for the next start."""
    from lineside.cli.tune_table import tell
    from lineside.evaluation.tuning.settings import TuneSettings

    settings = TuneSettings(
        deadline_s=deadline_ms / 1e3,
        tolerance=tolerance,
        callers=streams,
        budget_s=seconds,
        pictures=pictures,
    )
    work = _Work(model, also or [], _placements(devices), settings, facts, plot)
    tuned = work.searched(data, truth, images)
    written = None if dry or tuned.chosen is None else work.written(tuned)
    tell(tuned, written, as_json=as_json)
    if plot is not None:
        work.draw(tuned, plot)
    if tuned.chosen is None:
        raise tuned.refusal()


class _Work:
    """One call of the command, its options checked.

    Args:
        model: The model's file.
        also: Other files of the same network.
        placements: The devices to try.
        settings: How.
        facts: Facts set by hand.
        plot: Where a plot goes, or `None`.
    """

    def __init__(  # what the options say
        self,
        model: Path,
        also: list[Path],
        placements: tuple[Placement, ...],
        settings: TuneSettings,
        facts: ModelFacts,
        plot: Path | None,
    ) -> None:
        from lineside.evaluation.plots import library
        from lineside.models import shipped

        if plot is not None:
            library()  # a missing package is told before the work, not after it
        self._paths = [shipped.resolve(path) for path in (model, *also)]
        self._placements = placements
        self._settings = settings
        self._facts = facts

    def searched(self, data: str | None, truth: Path | None, images: Path | None) -> Tuned:
        """What the search finds.

        Raises:
            LinesideError: As `Tuner.run`, and what is wrong with the pictures.
        """
        from lineside.cli.opening import open_detector
        from lineside.cli.progress import progress
        from lineside.detector.detector import Detector
        from lineside.engine.hardware import usable_cores
        from lineside.evaluation.tuning.candidates import forms, sizes_of
        from lineside.evaluation.tuning.tune import Tuner

        reference = open_detector(Detector, self._paths[0], devices="cpu", facts=self._facts)
        found: tuple[Pictures | None, Dataset | None] = (None, None)
        if data is not None:
            found = judged.Judged(data, truth, images).opened(reference, self._settings.pictures)
        elif truth is not None:
            raise SettingsError(
                "--truth: say with --data which pictures to measure on; the data set itself will do"
            )
        held = [] if found[0] is None else self._held(found[0])
        return Tuner(
            self._paths[0],
            forms(self._paths, self._placements, sizes_of(reference.card)),
            self._settings,
            held,
            usable_cores(),
            truth=found[1],
            facts=self._facts,
            progress=progress,
        ).run()

    def _held(self, pictures: Pictures) -> list[NDArray[np.uint8]]:
        """As many of the pictures as were asked for, spread over all, and as memory allows.

        Raises:
            SettingsError: None of them can be read.
        """
        wanted = min(self._settings.pictures, pictures.total)
        numbers = sorted({place * pictures.total // wanted for place in range(wanted)}) if wanted else []
        held: list[NDArray[np.uint8]] = []
        try:
            for image in pictures.read(numbers):
                if sum(one.nbytes for one in held) + image.nbytes > _MOST_BYTES and held:
                    break
                held.append(image)
        finally:
            pictures.close()
        for name, error in pictures.unreadable.items():
            typer.echo(f"warning: {name}: {error} [{error.code}]", err=True)
        if not held:
            raise SettingsError(f"--data: {pictures.name} holds no picture that can be read")
        return held

    def written(self, tuned: Tuned) -> Path:
        """The path of the profile.

        Raises:
            OutputError: It cannot be written.
        """
        from lineside.detector.profile import Profiles, identity
        from lineside.engine.cache import default_folder
        from lineside.evaluation.tuning.report import profile
        from lineside.models.facts import ModelFacts
        from lineside.models.file import ModelFile

        file = ModelFile.read(self._paths[0])
        facts = self._facts.over(ModelFacts.beside(file.path))
        return Profiles(default_folder()).put(profile(tuned, identity(file, facts)))

    def draw(self, tuned: Tuned, path: Path) -> None:
        """Write the plot.

        Raises:
            OutputError: It cannot be written.
        """
        from lineside.evaluation.tuning.report import draw
        from lineside.outputs.files import replacing

        with replacing(path) as temporary:
            draw(tuned, temporary)


def _placements(devices: str | None) -> tuple[Placement, ...]:
    """The devices of the option, or all that are ready.

    Raises:
        SettingsError: The list is malformed, or names what does not exist.
    """
    from lineside.core.placement import placements
    from lineside.engine.installed import missing
    from lineside.engine.provider import providers
    from lineside.engine.rungs import rungs
    from lineside.evaluation.tuning.candidates import ready

    if devices is None:
        return ready(providers(), missing)
    named = placements(devices)
    rungs(named, None)
    return named
