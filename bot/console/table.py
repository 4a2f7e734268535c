"""A table that always fits: short columns keep their width, long ones share what is left."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, JustifyMethod, RenderResult
from rich.style import Style
from rich.table import Table
from rich.text import Text

GAP = 2
LINES = 3  # a wrapped cell is no higher


@dataclass(frozen=True, slots=True)
class Column:
    """How a column stands; a `wrapped` one gives its cells a few lines, another one line."""

    justify: JustifyMethod = "left"
    wrapped: bool = False


@dataclass(frozen=True, slots=True)
class FittedTable:
    """Rows of one-line cells, the first row being the head."""

    rows: Sequence[Sequence[Text]]
    columns: Sequence[Column]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        natural = [max(cell.cell_len for cell in cells) for cells in zip(*self.rows, strict=True)]
        widths = fair_widths(natural, options.max_width - GAP * (len(natural) - 1))
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, GAP, 0, 0))
        for column, width in zip(self.columns, widths, strict=False):
            table.add_column(justify=column.justify, width=width, overflow="fold", no_wrap=not column.wrapped)
        head, *rows = (self._fitted(row, widths) for row in self.rows)
        table.add_row(*head, style=Style(bold=True))
        table.add_row(*("─" * width for width in widths), style=Style(dim=True))
        for row in rows:
            table.add_row(*row)
        yield table

    def _fitted(self, row: Sequence[Text], widths: Sequence[int]) -> list[Text]:
        """The cells, none of them longer than its column can show."""
        fitted = []
        for cell, column, width in zip(row, self.columns, widths, strict=False):
            fitted.append(cell.copy())
            fitted[-1].truncate(width * (LINES if column.wrapped else 1), overflow="ellipsis")
        return fitted


def fair_widths(natural: Sequence[int], available: int) -> list[int]:
    """Widths that sum to no more than `available` (at least 1 each): whoever needs less than a fair share keeps it.

    >>> fair_widths([5, 100, 40], 60)
    [5, 27, 28]
    """
    widths = [1] * len(natural)
    left, waiting = max(available, len(natural)), sorted(range(len(natural)), key=natural.__getitem__)
    for place, index in enumerate(waiting):
        share = (
            -(-left // (len(waiting) - place)) if natural[index] > left // (len(waiting) - place) else natural[index]
        )
        widths[index] = max(1, min(natural[index], share))
        left -= widths[index]
    return widths
