"""What is wrong with a journal, told by file: lines that are damaged, and lines that are missing by their numbers."""

from __future__ import annotations


class Damage:
    """Counts by file, in the order of reading. A gap in the numbers that damaged lines account for is told once."""

    def __init__(self) -> None:
        self._damaged: dict[str, int] = {}
        self._gaps: dict[str, int] = {}
        self._expected: int | None = None

    def lines(self, file: str, damaged: int) -> None:
        if damaged:
            self._damaged[file] = self._damaged.get(file, 0) + damaged

    def records(self, file: str, first_seq: int, last_seq: int, count: int) -> None:
        """So many whole records, from `first_seq` to `last_seq`."""
        before = 0 if self._expected is None else first_seq - self._expected
        if gap := max(0, before) + max(0, last_seq - first_seq + 1 - count):
            self._gaps[file] = self._gaps.get(file, 0) + gap
        self._expected = last_seq + 1

    @property
    def damaged(self) -> int:
        return sum(self._damaged.values())

    def words(self) -> list[str]:
        """ "3 damaged lines in 000002.jsonl", "7 lines missing in 000003.jsonl"; none where all is well."""
        words, unexplained = [], 0
        for file in sorted({*self._damaged, *self._gaps}):
            damaged, gap = self._damaged.get(file, 0), self._gaps.get(file, 0)
            explained = min(gap, damaged + unexplained)  # a damaged last line shows as a gap in the next file
            unexplained = damaged + unexplained - explained
            if damaged:
                words.append(f"{damaged} damaged line{'s' * (damaged > 1)} in {file}")
            if missing := gap - explained:
                words.append(f"{missing} line{'s' * (missing > 1)} missing in {file}")
        return words
