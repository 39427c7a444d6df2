"""What `lineside tune` found for a model on this machine, kept for the next start.

A profile holds as long as everything that it was measured with is the same. It stands in the folder of prepared models,
one file a model, and is plain JSON: it names a placement and a size, and nothing in it is run.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineside.core.errors import LinesideError, OutputError
from lineside.core.geometry import Size
from lineside.core.placement import Placement
from lineside.detector.tuned import FOLDER
from lineside.models.file import external_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineside.models.facts import ModelFacts
    from lineside.models.file import ModelFile

_log = logging.getLogger(__name__)

_FORM = 1


@dataclass(frozen=True, slots=True)
class Profile:
    """The fastest way that was found to run one model on one machine.

    Attributes:
        model: What `identity` says of the model that it is for.
        file: The file that runs: the model's own, or another form of it that was shown to answer as well.
        file_sha256: SHA-256 of that file.
        placement: Where and how it runs.
        size: The input size; `None` for the file's own.
        batch: Pictures of one run.
        callers: Callers that ran side by side when it was measured.
        deadline_s: The deadline that it was chosen for.
        p50_s: Median of the time from picture to detections.
        p99_s: Its 99th percentile.
        pictures_per_s: Pictures judged in a second.
        agreement: How well its answers agree with the reference, in words.
        made: When, as ISO 8601 in UTC.
        fingerprint: What it was measured with.
    """

    model: str
    file: str
    file_sha256: str
    placement: str
    size: Size | None
    batch: int
    callers: int
    deadline_s: float
    p50_s: float
    p99_s: float
    pictures_per_s: float
    agreement: str
    made: str
    fingerprint: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The profile as a value that `json.dumps` takes."""
        size = None if self.size is None else list(self.size)
        return asdict(self) | {"size": size, "fingerprint": dict(self.fingerprint), "form": _FORM}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Profile:
        """The profile that `to_dict` wrote.

        Raises:
            ValueError, KeyError, TypeError: It is another thing.
        """
        values = dict(fields)
        if values.pop("form") != _FORM:
            raise ValueError("it was written by another version")
        size = values.pop("size")
        if size is not None:
            height, width = (int(side) for side in size)
            size = Size(height=height, width=width)
        Placement.parse(values["placement"])
        return cls(**values, size=size)

    @property
    def sentence(self) -> str:
        """What it says, for people."""
        size = "" if self.size is None else f" at {self.size}"
        return (
            f"tuned on {self.made[:10]}: {Path(self.file).name} on {self.placement}{size}, p50 {self.p50_s * 1e3:.1f} ms and p99 "
            f"{self.p99_s * 1e3:.1f} ms for a deadline of {self.deadline_s * 1e3:g} ms, {self.agreement}. "
            "Naming devices goes before it"
        )


def identity(file: ModelFile, facts: ModelFacts) -> str:
    """What a profile is found by: the file's content, its external data, and the facts set by hand."""
    every = "\0".join((file.sha256, external_digest(file), json.dumps(asdict(facts))))
    return hashlib.sha256(every.encode(errors="surrogateescape")).hexdigest()


class Profiles:
    """The profiles in a folder of prepared models.

    Args:
        folder: The folder of prepared models.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER

    def path(self, model: str) -> Path:
        """Where the profile of a model stands.

        Args:
            model: `Profile.model`.
        """
        return self._folder / f"{model[:40]}.json"

    def get(self, model: str) -> Profile | None:
        """The profile of a model; `None` where there is none. One that cannot be read is told and counts as none."""
        path = self.path(model)
        try:
            found = Profile.from_dict(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, LinesideError) as fault:
            _log.warning("the tuned profile %s cannot be read (%s); run lineside tune again", path, fault)
            return None
        return found if found.model == model else None

    def put(self, profile: Profile) -> Path:
        """Write a profile, whole or not at all; the path of its file.

        Raises:
            OutputError: The folder cannot be written.
        """
        path = self.path(profile.model)
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, name = tempfile.mkstemp(dir=self._folder, prefix=".new-")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(profile.to_dict(), file, indent=2)
            Path(name).replace(path)
        except OSError as fault:
            raise OutputError(
                f"{path}: the profile cannot be written: {fault.strerror or fault}. Name another folder with LINESIDE_CACHE"
            ) from fault
        return path

    def drop(self, model: str) -> None:
        """Remove a profile, if it is there."""
        self.path(model).unlink(missing_ok=True)
