"""The words of a judgement: what a part is, and why it is not known."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """What is said of a part. On the wire UNKNOWN is a reject by default."""

    PASS = "PASS"  # noqa: S105 # a verdict, no password
    """Proven good: a fresh picture from every camera, a healthy model, every rule proven to hold, in time."""
    FAIL = "FAIL"
    """A rule is proven to be broken."""
    UNKNOWN = "UNKNOWN"
    """Anything else, with its `Reason`."""


class Reason(StrEnum):
    """Why a part, or one camera's view of it, is not known. The list is closed."""

    LATE = "late"
    """The deadline came first."""
    NO_FRAME = "no_frame"
    """A camera gave no picture, or one of another part."""
    IMAGE_UNHEALTHY = "image_unhealthy"
    """A picture came that cannot be judged."""
    DEVICE_LOST = "device_lost"
    """The device that runs the model failed, and is not back yet."""
    MODEL_UNHEALTHY = "model_unhealthy"
    """The model answered what no model may answer, as NaN, or is another one than the rules were made for."""
    RULE_ERROR = "rule_error"
    """A rule failed, or could not be evaluated: the object that its region is at, or that it measures, is not there or is cut."""
    TRUNCATED = "truncated"
    """A cap cut detections off, and what was left proves no rule broken."""
    OVERLOAD = "overload"
    """More pictures came than the device has room for."""
    MARGINAL = "marginal"
    """What was found lies between what is surely good and what is surely bad."""
    TRIGGER_MISSED = "trigger_missed"
    """A trigger came twice, too early or out of its order, so that no picture belongs to it for certain."""
    RECIPE_UNKNOWN = "recipe_unknown"
    """The product that the plant asked for has no recipe that can be used."""
    CAMERA_UNSET = "camera_unset"
    """A camera had not the features that the part's product asks for: it did not take them, or not yet."""
    STOPPING = "stopping"
    """The line was told to stop before this part could be judged."""
    INTERNAL_FAULT = "internal_fault"
    """lineside itself failed in a way that nobody foresaw; the line's events tell how."""
