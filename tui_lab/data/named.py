"""Pictures that are known by their relative paths, as those of a folder and of an archive are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tui_lab.data.images import Rejected
from tui_lab.data.labels import Labels
from tui_lab.data.layout import held_out_of
from tui_lab.data.metadata import Metadata, choose_labels
from tui_lab.data.source import Raw


@dataclass(frozen=True, slots=True, eq=False)
class OpenedNames:
    """What `read` gives for each, with labels and split by the names; behind them what was left out on the way."""

    read: Callable[[int], Raw | Rejected]
    labels: Labels
    held_out: list[bool]
    rejected: tuple[Rejected, ...]

    @property
    def count(self) -> int:
        return len(self.held_out) + len(self.rejected)

    def raw(self, index: int) -> Raw | Rejected:
        if index >= len(self.held_out):
            return self.rejected[index - len(self.held_out)]
        raw = self.read(index)
        if isinstance(raw, Rejected):
            return raw
        return raw._replace(label=self.labels.of(index), held_out=self.held_out[index])

    def array(self) -> None:
        return None


def open_names(
    names: Sequence[str],
    read: Callable[[int], Raw | Rejected],
    metadata: Metadata,
    label: str,
    dataset: str,
    rejected: Sequence[Rejected],
) -> OpenedNames:
    """`names` are relative to where the tables of labels are; `label` is the column asked for. Raises DataError."""
    absent = [Rejected(name, "in the table of labels, but not there") for name in metadata.missing(names)]
    labels = choose_labels(names, metadata, label, dataset)
    return OpenedNames(read, labels, held_out_of(names), (*rejected, *absent))
