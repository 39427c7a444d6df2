"""Every refusal of lineside, in one tree.

```
LinesideError                         code                     what the line does
├── SettingsError (ValueError)        settings.invalid         stop
│   ├── UnknownNameError              settings.unknown_name    stop
│   └── UnknownRecipeError            recipe.unknown           retry
├── PluginError                       plugin.unknown           stop
│   └── NotInstalledError             plugin.not_installed     stop
│       └── MissingRuntimeError       plugin.no_runtime        stop
│           └── RuntimeConflictError  plugin.runtime_conflict  stop
├── ModelError                        model.invalid            keep the old model
│   ├── ModelFileError                model.file               keep the old model
│   ├── UnsupportedModelError         model.unsupported        keep the old model
│   ├── UnknownHeadError              model.head_unknown       keep the old model
│   ├── AmbiguousHeadError            model.head_ambiguous     keep the old model
│   ├── TaskNotBuiltError             model.task               keep the old model
│   ├── ConventionError               model.convention         keep the old model
│   ├── DeadModelError                model.dead               keep the old model
│   ├── ModelOutputError              model.output             restart the session
│   └── QuantisationError             model.quantise           keep the old model
├── ImageError                        image.invalid            retry
│   ├── ImageFileError                image.file               retry
│   ├── ImageTooLargeError            image.too_large          retry
│   └── ImageFormatError (TypeError)  image.format             stop
├── SourceError                       source.invalid           stop
│   ├── SourceEndedError              source.ended             stop
│   └── CameraUnsetError              source.unset             retry
├── DatasetError                      dataset.invalid          stop
├── DeviceError                       device.fault             reroute
│   ├── DeviceMemoryError             device.out_of_memory     restart the session
│   ├── DeviceLostError               device.lost              restart the worker
│   ├── DriverError                   device.driver            reroute
│   ├── DeviceUnavailableError        device.unavailable       reroute
│   ├── DeviceMismatchError           device.mismatch          reroute
│   ├── DeviceDemotedError            device.demoted           stop
│   └── RunCancelledError             device.cancelled         reroute
├── UnansweredError                   dispatch.unanswered      retry
└── OutputError                       output.failed            retry
    └── RefusedParcelError            output.refused           put it aside
```

A code is stable: it is the log field, the metric label and the anchor in `docs/errors.md`. A message says
what was expected, what came and what to do; the foreign exception behind it is kept as its cause.
"""

from __future__ import annotations

import difflib
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lineside.core.verdict import Reason


class Recovery(StrEnum):
    """What a running line does about an error."""

    STOP = "stop"
    RETRY = "retry"
    REROUTE = "reroute"
    RESTART_SESSION = "restart the session"
    RESTART_WORKER = "restart the worker"
    KEEP_OLD_MODEL = "keep the old model"
    PUT_ASIDE = "put it aside"


class LinesideError(Exception):
    """The base of every error that lineside raises on purpose."""

    code: ClassVar[str] = "lineside"
    recovery: ClassVar[Recovery] = Recovery.STOP


class SettingsError(LinesideError, ValueError):
    """A setting or an argument is outside what is accepted."""

    code = "settings.invalid"


class UnknownNameError(SettingsError):
    """A name (a class, a family, an option) is not among the known ones."""

    code = "settings.unknown_name"


class UnknownRecipeError(SettingsError):
    """The plant asked for a product that no recipe is for. The part is UNKNOWN, never judged by another recipe."""

    code = "recipe.unknown"
    recovery = Recovery.RETRY


class PluginError(LinesideError):
    """No plug-in of that name exists in the folder or among the entry points."""

    code = "plugin.unknown"


class NotInstalledError(PluginError):
    """The plug-in exists, the package that it needs is not installed."""

    code = "plugin.not_installed"


class MissingRuntimeError(NotInstalledError):
    """No onnxruntime wheel is installed, or what is left of several that were: no device can be used."""

    code = "plugin.no_runtime"


class RuntimeConflictError(MissingRuntimeError):
    """Several onnxruntime wheels own the same files in this environment, so none of them can be trusted."""

    code = "plugin.runtime_conflict"


class ModelError(LinesideError):
    """A model cannot be used. The line keeps the one it has."""

    code = "model.invalid"
    recovery = Recovery.KEEP_OLD_MODEL


class ModelFileError(ModelError):
    """The file is missing, empty, truncated, no ONNX, or its external data is missing or out of bounds."""

    code = "model.file"


class UnsupportedModelError(ModelError):
    """The graph is valid but is no picture-in, detections-out model that can run here."""

    code = "model.unsupported"


class UnknownHeadError(ModelError):
    """No family recognises the head of the graph."""

    code = "model.head_unknown"


class AmbiguousHeadError(ModelError):
    """More than one family explains the head, and guessing would be silently wrong."""

    code = "model.head_ambiguous"


class TaskNotBuiltError(ModelError):
    """The head belongs to a task that lineside does not decode yet."""

    code = "model.task"


class ConventionError(ModelError):
    """A convention set by hand contradicts the graph."""

    code = "model.convention"


class DeadModelError(ModelError):
    """The model loads and runs, but cannot detect anything: a dead export."""

    code = "model.dead"


class ModelOutputError(ModelError):
    """A run answered NaN, infinite values or another shape than the model's card says."""

    code = "model.output"
    recovery = Recovery.RESTART_SESSION


class QuantisationError(ModelError):
    """A model cannot be quantised, or what became of it answers too differently. Nothing was written."""

    code = "model.quantise"


class ImageError(LinesideError):
    """A picture cannot be judged."""

    code = "image.invalid"
    recovery = Recovery.RETRY


class ImageFileError(ImageError):
    """A picture file is missing, empty, truncated, or of no known format."""

    code = "image.file"


class ImageTooLargeError(ImageError):
    """A picture would need more memory than the limit allows. It was not decoded."""

    code = "image.too_large"


class ImageFormatError(ImageError, TypeError):
    """An array has another dtype or shape than a picture."""

    code = "image.format"
    recovery = Recovery.STOP


class SourceError(LinesideError):
    """A source of frames does not exist, is empty or cannot be opened."""

    code = "source.invalid"


class SourceEndedError(SourceError):
    """A file or folder that is played once has given its last picture. It is not opened again."""

    code = "source.ended"


class CameraUnsetError(SourceError):
    """A camera has not the features that a product asks for: it did not take them, or not yet. Its picture proves nothing."""

    code = "source.unset"
    recovery = Recovery.RETRY


class DatasetError(LinesideError):
    """A data set is missing, malformed or does not fit the model."""

    code = "dataset.invalid"


class DeviceError(LinesideError):
    """A device, its driver or the inference runtime failed."""

    code = "device.fault"
    recovery = Recovery.REROUTE


class DeviceMemoryError(DeviceError):
    """A device has not enough memory for the run."""

    code = "device.out_of_memory"
    recovery = Recovery.RESTART_SESSION


class DeviceLostError(DeviceError):
    """A device is gone for this process: a sticky driver fault, a reset. Only a new process may get it back."""

    code = "device.lost"
    recovery = Recovery.RESTART_WORKER


class DriverError(DeviceError):
    """A driver or a library of the device's maker is missing, or too old for the provider."""

    code = "device.driver"


class DeviceUnavailableError(DeviceError):
    """The installed runtime has no such provider, or the machine no such device."""

    code = "device.unavailable"


class DeviceMismatchError(DeviceError):
    """What runs is not what was asked for: too little of the graph on the device, or other answers than the CPU's."""

    code = "device.mismatch"


class DeviceDemotedError(DeviceError):
    """Only a device further down the list works, and the settings require the first."""

    code = "device.demoted"
    recovery = Recovery.STOP


class RunCancelledError(DeviceError):
    """A run was ended from outside, by its watchdog; the session can be used again."""

    code = "device.cancelled"


class UnansweredError(LinesideError):
    """Nothing is known of a picture by its deadline; `reason` says why.

    Args:
        message: Why, as a sentence.
        reason: Why, in one word.
    """

    code = "dispatch.unanswered"
    recovery = Recovery.RETRY

    def __init__(self, message: str, reason: Reason) -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type[UnansweredError], tuple[str, Reason]]:
        return type(self), (str(self), self.reason)


class OutputError(LinesideError):
    """A result cannot be written."""

    code = "output.failed"
    recovery = Recovery.RETRY


class RefusedParcelError(OutputError):
    """A receiver will never take this result, as one that it calls malformed. It is put aside, and the next is sent."""

    code = "output.refused"
    recovery = Recovery.PUT_ASIDE


def near(name: str, known: Iterable[str]) -> str:
    """The part of a message that names the known names nearest to `name`.

    Args:
        name: What was asked for.
        known: What exists.

    Returns:
        `; did you mean "…"?` with up to three names, or `; known: …` with the first twelve, or an empty
        string where nothing is known.
    """
    names = list(dict.fromkeys(str(k) for k in known))
    folded = {n.casefold(): n for n in names}
    close = [folded[c] for c in difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.6)]
    if close:
        return "; did you mean " + " or ".join(f'"{c}"' for c in close) + "?"
    if not names:
        return ""
    more = f", … ({len(names)} in all)" if len(names) > 12 else ""
    return "; known: " + ", ".join(names[:12]) + more
