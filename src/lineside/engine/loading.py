"""Why a provider's library could not be loaded: ONNX Runtime writes that into a log and falls to the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lineside.engine.provider import Provider


def preload(provider: Provider) -> None:
    """Let the loader find libraries that came as packages; they lie where it does not look by itself."""


def reason(provider: Provider) -> str:  # noqa: ARG001 # the same for all as yet
    """Why a provider's library does not work on this machine; an empty text where nothing is found to be wrong."""
    return ""
