"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from lineside.core import plugins
from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    from lineside.capture.pictures import Reading
    from lineside.detector.slicing import Looks, SlicedDetector
    from lineside.models.facts import ModelFacts

    D = TypeVar("D", bound=Looks)

_BY_HAND = "The model, set by hand"
_LARGE = "Large pictures"


def _families() -> str:
    """Lineside's own families; those of other packages would have every start look through what is installed."""
    return ", ".join(plugins.own("lineside.models.families"))


def _nms_kinds() -> str:
    """Lineside's own kinds of NMS, for the same reason."""
    return ", ".join(plugins.own("lineside.postprocess.kinds"))


Model = Annotated[
    Path, typer.Argument(metavar="MODEL", help="An .onnx file, or shipped:plant.", show_default=False)
]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1, help="Threads of one run on the CPU. Default: one a usable core.", show_default=False
    ),
]
Devices = Annotated[
    str | None,
    typer.Option(
        metavar="LIST",
        help="Where to run, best first, as cuda:0,openvino,cpu; with options as openvino?precision=bf16. Default: what "
        "lineside tune found for the model, else cpu.",
        show_default=False,
    ),
]
AllDevices = Annotated[
    bool,
    typer.Option(
        "--all-devices",
        help="Run on every device of the list at once, not on the first that works; cpu:0,cpu:1 does so anyway.",
    ),
]
AlsoDevices = Annotated[
    str | None,
    typer.Option(
        "--devices",
        metavar="LIST",
        help="Open it on these devices, best first, and show what truly runs where.",
        show_default=False,
    ),
]
Demotion = Annotated[
    str,
    typer.Option(
        help="Where the first device does not work: prefer takes the next and warns, require refuses to start."
    ),
]
Nms = Annotated[
    str | None,
    typer.Option(
        help=f"Kind of NMS: {_nms_kinds()}; with settings as soft?sigma=0.3. Default: the family's habit.",
        show_default=False,
    ),
]
Iou = Annotated[float, typer.Option(help="NMS threshold, 0 to 1.")]
Classes = Annotated[
    str | None, typer.Option(help="Only these: names or ids, a comma list.", show_default=False)
]
ClassAware = Annotated[
    bool | None,
    typer.Option(
        "--class-aware/--agnostic",
        help="NMS within each class or over all. Default: the family's habit.",
        show_default=False,
    ),
]
Scale16Bit = Annotated[
    float | None,
    typer.Option(help="Accept 16-bit pictures: the value that becomes white.", show_default=False),
]
LimitPx = Annotated[
    int | None, typer.Option(help="Pixels of the largest picture that is decoded.", show_default=False)
]
Slices = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="Look at overlapping slices of the picture, 640 or 640x480 (width x height).",
        rich_help_panel=_LARGE,
        show_default=False,
    ),
]
Overlap = Annotated[
    float | None,
    typer.Option(
        help="Share of a slice that its neighbour shows, too, 0 to 0.9. Default: 0.2.",
        rich_help_panel=_LARGE,
        show_default=False,
    ),
]
Whole = Annotated[
    bool,
    typer.Option(
        "--whole",
        help="Look at the whole picture, too, for objects larger than the overlap.",
        rich_help_panel=_LARGE,
    ),
]
Family = Annotated[
    str | None,
    typer.Option(
        help=f"{_families()}, a version of one, or a family that an installed package brings.",
        rich_help_panel=_BY_HAND,
        show_default=False,
    ),
]
Size = Annotated[
    str | None,
    typer.Option(
        help="Input size, 640 or 640x480 (width x height), for a file that leaves it open.",
        rich_help_panel=_BY_HAND,
        show_default=False,
    ),
]
Colour = Annotated[
    str | None, typer.Option(help="Channel order: rgb or bgr.", rich_help_panel=_BY_HAND, show_default=False)
]
Scale = Annotated[
    float | None,
    typer.Option(help="Divisor of the pixel values: 255 or 1.", rich_help_panel=_BY_HAND, show_default=False),
]
Mean = Annotated[
    str | None,
    typer.Option(
        help="Subtracted from the scaled values: three numbers, as 0.485,0.456,0.406.",
        rich_help_panel=_BY_HAND,
        show_default=False,
    ),
]
Deviation = Annotated[
    str | None,
    typer.Option(
        help="What they are divided by then: three numbers, as 0.229,0.224,0.225.",
        rich_help_panel=_BY_HAND,
        show_default=False,
    ),
]
Anchor = Annotated[
    str | None,
    typer.Option(
        help="Letterbox: centre, corner, stretch or crop.", rich_help_panel=_BY_HAND, show_default=False
    ),
]
Rounding = Annotated[
    str | None,
    typer.Option(
        help="Rounding of the scaled size: round or floor.", rich_help_panel=_BY_HAND, show_default=False
    ),
]
Gain = Annotated[
    str | None,
    typer.Option(help="Way back: per_axis or single factor.", rich_help_panel=_BY_HAND, show_default=False),
]
PadValue = Annotated[
    int | None,
    typer.Option(help="Grey level of the padding, 0 to 255.", rich_help_panel=_BY_HAND, show_default=False),
]
NAMES_HELP = "The model's class names: a comma list, or a .txt file with one a line."
Names = Annotated[
    str | None, typer.Option("--names", help=NAMES_HELP, rich_help_panel=_BY_HAND, show_default=False)
]
NamesOrClasses = Annotated[
    str | None,
    typer.Option("--names", "--classes", help=NAMES_HELP, rich_help_panel=_BY_HAND, show_default=False),
]


def facts(
    *, names: str | None, size: str | None, mean: str | None, deviation: str | None, **others: Any
) -> ModelFacts:
    """The facts that the options of a command set.

    Raises:
        SettingsError: A value is malformed.
    """
    from lineside.models.facts import ModelFacts, parse_names, parse_size, parse_three

    return ModelFacts(
        names=parse_names(names) if names else None,
        size=parse_size(size) if size else None,
        mean=None if mean is None else parse_three(mean, "mean"),
        deviation=None if deviation is None else parse_three(deviation, "deviation"),
        **others,
    )


def class_list(text: str | None) -> list[str] | None:
    """The classes of a comma list; `None` for all."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def reading(*, limit_px: int | None, scale_16bit: float | None) -> Reading:
    """How pictures are read, as the options ask for it.

    Raises:
        SettingsError: A value is out of range.
    """
    from lineside.capture.pictures import DEFAULT_LIMIT_PX, Reading

    return Reading(limit_px=DEFAULT_LIMIT_PX if limit_px is None else limit_px, scale_16bit=scale_16bit)


def sliced(
    detector: D, *, slices: str | None, overlap: float | None, whole: bool, threads: int = 1
) -> D | SlicedDetector:
    """The detector as the options ask for it: for whole pictures, or for slices of them.

    Args:
        detector: Who looks.
        slices: Size of a slice; `None` for whole pictures.
        overlap: Share of a slice's side.
        whole: Look at the whole picture, too.
        threads: How many slices are looked at side by side.

    Raises:
        SettingsError: A value is malformed or out of range, or says how slices are cut where there are none.
    """
    if slices is None:
        if overlap is not None or whole:
            raise SettingsError(
                "--overlap and --whole say how slices are cut; add --slices, for instance 640"
            )
        return detector
    from lineside.detector.slicing import DEFAULT_OVERLAP, SlicedDetector
    from lineside.models.facts import parse_size

    return SlicedDetector(
        detector,
        size=parse_size(slices, "--slices"),
        overlap=DEFAULT_OVERLAP if overlap is None else overlap,
        whole=whole,
        threads=threads,
    )


def slices_text(*, slices: str | None, overlap: float | None, whole: bool) -> str | None:
    """How pictures are cut, for a record; `None` where they are not."""
    if slices is None:
        return None
    from lineside.detector.slicing import DEFAULT_OVERLAP

    share = DEFAULT_OVERLAP if overlap is None else overlap
    return f"{slices}, overlap {share:g}{', and the whole picture' if whole else ''}"
