"""Pages on paper: drawn by reportlab in its invariant mode, octet for octet the same each time."""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import LETTER
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

__all__ = ["Flowable", "drawn", "new_page", "pdf", "space", "table", "text"]

_STYLES = getSampleStyleSheet()
_GRID = TableStyle(
    [
        ("FONT", (0, 0), (-1, -1), "Helvetica", 8),
        ("FONT", (0, 0), (-1, 0), "Helvetica-Bold", 8),
        ("LINEBELOW", (0, 0), (-1, -1), 0.25, colors.grey),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ]
)


def pdf(title: str, author: str, content: Sequence[Flowable]) -> bytes:
    """Return the PDF. Letters that the standard fonts lack stand as question marks; a JSON beside it has them."""
    made = io.BytesIO()
    document = SimpleDocTemplate(
        made,
        pagesize=LETTER,
        title=title,
        author=drawn(author),
        invariant=1,
        pageCompression=0,  # as it comes, whatever zlib is there
        leftMargin=20 * mm,
        rightMargin=20 * mm,
    )
    document.build(list(content))
    return made.getvalue()


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], widths_mm: Sequence[float] | None = None) -> Flowable:
    cells = [list(heads), *([text(cell) for cell in row] for row in rows)]
    widths = [width * mm for width in widths_mm] if widths_mm else None
    return Table(cells, style=_GRID, repeatRows=1, hAlign="LEFT", colWidths=widths, splitInRow=1)


def text(said: str, style: str = "BodyText") -> Flowable:
    return Paragraph(escape(drawn(said)), _STYLES[style])


def space() -> Flowable:
    return Spacer(1, 2 * mm)


def new_page() -> Flowable:
    return PageBreak()


def drawn(said: str) -> str:
    return said.encode("cp1252", "replace").decode("cp1252")
