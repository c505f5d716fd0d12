"""The lab's own errors: a message for the person, and the cause (`raise … from`) for the log.

A message is one line: it names the thing, says what is wrong with it, and the way out.
"""


class LabError(Exception):
    """Anything that the lab can explain to the person in front of it."""

    @property
    def message(self) -> str:
        return str(self)


class RecipeError(LabError):
    """A recipe, or one of its knobs, asks for what cannot be."""


class DataError(LabError):
    """A dataset is missing, unreachable, or holds no usable image."""


class RunError(LabError):
    """A run does not exist, is in the wrong state, or its folder is damaged."""


class DeviceError(LabError):
    """A device is missing, or full."""


class RankMemoryError(DeviceError):
    """The device of one rank of several is full. The others are in mid-update, so that none can go back by itself."""


class DiskFullError(LabError):
    """A write found no room."""


class LossFileError(LabError):
    """A person's own loss file is missing, fails, or never returns."""


class WorkbenchError(LabError):
    """The workbench refused a request, or died while it worked on it."""
