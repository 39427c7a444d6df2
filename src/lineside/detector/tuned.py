"""Whether a start may use what `lineside tune` found before, and what is told where it may not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lineside.core.errors import LinesideError
from lineside.core.placement import Placement
from lineside.engine.provider import provider_of
from lineside.models.file import ModelFile

if TYPE_CHECKING:
    from pathlib import Path

    from lineside.detector.profile import Profile
    from lineside.models.facts import ModelFacts


FOLDER = "tuned"
"""The folder of the profiles, in that of the prepared models."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What a start without named devices goes by.

    Attributes:
        file: The file to open.
        placement: Where; `None` for the CPU with lineside's own settings.
        profile: The profile that says so, or `None`.
        notices: What to tell, one sentence each.
    """

    file: ModelFile
    placement: Placement | None = None
    profile: Profile | None = None
    notices: tuple[str, ...] = ()


def advice(file: ModelFile, facts: ModelFacts, folder: Path) -> Advice:
    """What was tuned for a model, if everything that it was measured with is still the same.

    Args:
        file: The model's file.
        facts: Facts set by hand, with those beside the file.
        folder: The folder of prepared models.
    """
    if not (folder / FOLDER).is_dir():
        return Advice(file)
    # Imported here, because most starts have nothing tuned to go by.
    from lineside.detector.fingerprint import changes, fingerprint
    from lineside.detector.profile import Profiles, identity

    profile = Profiles(folder).get(identity(file, facts))
    if profile is None:
        return Advice(file)
    try:
        placement = Placement.parse(profile.placement)
        changed = changes(profile.fingerprint, fingerprint(provider_of(placement)))
        other = file if profile.file_sha256 == file.sha256 else ModelFile.read(profile.file)
    except LinesideError as fault:
        changed, other = (str(fault),), file
    else:
        if other.sha256 != profile.file_sha256:
            changed = (*changed, f"{profile.file} holds another model")
    if changed:
        why = "; ".join(changed)
        notice = f"the tuned profile of {profile.made[:10]} is not used: {why}. Run lineside tune again"
        return Advice(file, notices=(notice,))
    return Advice(other, placement, profile, (profile.sentence,))
