"""Pieces of a self-contained page: no script, no network, readable on a phone and on paper."""

import base64
import re
from collections.abc import Sequence
from html import escape

from chexnet.report.tables import Grid

_FITS_A_PHONE = 3
"""Columns of a table that a phone of 390 pixels shows side by side."""

_FITS_A_PAGE = 8
"""Columns that fit a page of 960 pixels without breaking an interval into two lines."""

STYLE = """
:root { color-scheme: light; --ink: #1a1c20; --soft: #55595f; --line: #d5d8dc; --accent: #00558c; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; background: #fff; color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 1rem 0 .5rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; border-top: 1px solid var(--line); padding-top: 1rem; }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .5rem; }
a { color: var(--accent); }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1rem; list-style: none; padding: 0; }
nav a { display: inline-block; padding: .25rem 0; }
.headline { font-size: 1.15rem; }
.loud { font-size: 2.2rem; font-weight: 700; line-height: 1.15; color: #a83200; margin: .5rem 0; }
.warning { border-left: .3rem solid #a83200; background: #fdf1ec; padding: .5rem .8rem; }
.note, figcaption { color: var(--soft); font-size: .9rem; text-align: left; }
.scroll { overflow-x: auto; max-width: 100%; }
.scroll:focus-visible { outline: 2px solid var(--accent); }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; margin: .5rem 0; }
figure.table figcaption { margin-bottom: .3rem; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--line); text-align: right;
  vertical-align: top; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: #fff; }
.whole { white-space: nowrap; }
.crowded .whole { white-space: normal; }
.crowded th, .crowded td { padding: .25rem .35rem; }
th:first-child { overflow-wrap: anywhere; min-width: 6rem; }
thead th { border-bottom: 2px solid var(--ink); vertical-align: bottom; }
tbody th { font-weight: 400; }
figure { margin: 1rem 0; }
figure img { max-width: 100%; height: auto; }
pre { overflow-x: auto; background: #f4f5f7; padding: .6rem; font-size: .85rem; white-space: pre-wrap;
  overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: .2rem 1rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  .wide, .wide tbody, .wide tr, .wide th { display: block; width: 100%; }
  .wide thead { position: absolute; clip-path: inset(50%); height: 1px; width: 1px; overflow: hidden; }
  .wide tr { border-bottom: 2px solid var(--line); padding: .4rem 0; }
  .wide th:first-child { position: static; border: 0; font-weight: 700; padding: 0; }
  .wide td { display: flex; justify-content: space-between; gap: 1rem; border: 0; padding: .1rem 0; }
  table:not(.wide) :is(th, td) { padding: .25rem .3rem; overflow-wrap: anywhere; }
  .wide td:empty { display: none; }
  .wide td span { text-align: right; }
  .wide td::before { content: attr(data-label); color: var(--soft); text-align: left; }
}
@media (max-width: 30rem) { dl { grid-template-columns: 1fr; } dd { margin-bottom: .4rem; } }
@media print { body { max-width: none; font-size: 9.5pt; } nav { display: none; }
  .scroll { overflow: visible; }
  table { font-size: 6.5pt; } th, td { padding: 1pt 3pt; } td { white-space: normal; }
  figure, tr { break-inside: avoid; } figure img { max-height: 235mm; object-fit: contain; }
  h2, h3 { break-after: avoid; } a { color: inherit; } }
@page { size: A4; margin: 14mm; }
"""


def page(title: str, sections: Sequence[tuple[str, str]], lead: str) -> str:
    """A whole document.

    Args:
        sections: headings and the markup below them; headings become the table of contents.
        lead: markup above the table of contents.
    """
    links = "".join(f'<li><a href="#{anchor(name)}">{escape(name)}</a></li>' for name, _ in sections)
    body = "".join(
        f'<section aria-labelledby="{anchor(name)}"><h2 id="{anchor(name)}">{escape(name)}</h2>{content}'
        "</section>\n"
        for name, content in sections
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<header><h1>{escape(title)}</h1>{lead}</header>\n"
        f'<nav aria-label="Contents"><ul>{links}</ul></nav>\n<main>\n{body}</main>\n</body>\n</html>\n'
    )


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph; ``**words**`` are bold."""
    return f'<p class="{kind}">{inline(text)}</p>' if kind else f"<p>{inline(text)}</p>"


def bullets(lines: Sequence[str]) -> str:
    """A list."""
    return "<ul>" + "".join(f"<li>{inline(line)}</li>" for line in lines) + "</ul>"


def heading(text: str) -> str:
    """A heading within a section."""
    return f"<h3>{escape(text)}</h3>"


def table(grid: Grid, caption: str) -> str:
    """A table with its caption above it. On a phone each row of a wide one becomes a block of its own."""
    head = "".join(f'<th scope="col" role="columnheader">{inline(cell)}</th>' for cell in grid.head)
    rows = "".join(_row(grid.head, row) for row in grid.rows)
    kind = ' class="wide"' if len(grid.head) > _FITS_A_PHONE else ""
    if len(grid.head) > _FITS_A_PAGE:
        kind = ' class="wide crowded"'
    body = (
        f'<table role="table"{kind}><thead role="rowgroup"><tr role="row">{head}</tr></thead>'
        f'<tbody role="rowgroup">{rows}</tbody></table>'
    )
    above = f"<figcaption>{inline(caption)}</figcaption>"
    return f'<figure class="table">{above}{_scrolling(body, caption)}</figure>'


def _row(head: Sequence[str], row: Sequence[str]) -> str:
    # Roles are written out, as a table that is displayed as blocks loses them.
    cells = "".join(_cell(label, cell) for label, cell in zip(head[1:], row[1:], strict=True))
    return f'<tr role="row"><th scope="row" role="rowheader">{inline(row[0])}</th>{cells}</tr>'


def _cell(label: str, cell: str) -> str:
    shown = f"<span>{_number(cell)}</span>" if cell else ""
    return f'<td role="cell" data-label="{escape(plain(label))}">{shown}</td>'


def _number(cell: str) -> str:
    """A cell that may break before its interval, and nowhere else."""
    value, opening, interval = cell.partition(" (")
    if not opening:
        return inline(cell)
    bold = value.startswith("**")
    value, interval = value.removeprefix("**"), interval.removesuffix("**")
    shown = f'{escape(value)} <span class="whole">({escape(interval)}</span>'
    return f"<strong>{shown}</strong>" if bold else shown


def figure(content: bytes, kind: str, alternative: str, caption: str) -> str:
    """A picture inside the page.

    Args:
        kind: "svg+xml" or "png".
        alternative: what the picture shows, for those who do not see it.
    """
    data = base64.b64encode(content).decode()
    picture = f'<img src="data:image/{kind};base64,{data}" alt="{escape(alternative)}">'
    # The alternative, not the caption, as two pictures of one kind have the same caption.
    return f"<figure>{_scrolling(picture, alternative)}<figcaption>{inline(caption)}</figcaption></figure>"


def _scrolling(content: str, label: str) -> str:
    """Content that may be wider than a phone: it scrolls by itself, also by keyboard."""
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(plain(label))}">{content}</div>'
    )


def definitions(entries: Sequence[tuple[str, str]]) -> str:
    """Terms and what they are."""
    return (
        "<dl>"
        + "".join(f"<dt>{escape(term)}</dt><dd>{inline(text)}</dd>" for term, text in entries)
        + "</dl>"
    )


def preformatted(text: str) -> str:
    """Commands, as typed."""
    return f"<pre><code>{escape(text)}</code></pre>"


def inline(text: str) -> str:
    """Text with ``**bold**`` as its only markup."""
    return re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", escape(text))


def plain(text: str) -> str:
    """Without the markup."""
    return text.replace("**", "")


def anchor(heading_text: str) -> str:
    """An identifier from a heading."""
    return re.sub(r"[^a-z0-9]+", "-", heading_text.lower()).strip("-")
