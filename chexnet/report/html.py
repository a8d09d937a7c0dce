"""Pieces of a self-contained page: no script, no network, readable on a phone and on paper."""

import base64
import re
from collections.abc import Sequence
from html import escape

from chexnet.report.tables import Grid

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
td { white-space: nowrap; }
thead th { border-bottom: 2px solid var(--ink); vertical-align: bottom; }
tbody th { font-weight: 400; }
figure { margin: 1rem 0; }
figure img { max-width: 100%; height: auto; }
pre { overflow-x: auto; background: #f4f5f7; padding: .6rem; font-size: .85rem; white-space: pre-wrap;
  overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: .2rem 1rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 40rem) { figure img { max-width: none; } }
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
    """A table with its caption above it."""
    head = "".join(f'<th scope="col">{inline(cell)}</th>' for cell in grid.head)
    rows = "".join(
        f'<tr><th scope="row">{inline(row[0])}</th>'
        + "".join(f"<td>{inline(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in grid.rows
    )
    body = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    above = f"<figcaption>{inline(caption)}</figcaption>"
    return f'<figure class="table">{above}{_scrolling(body, caption)}</figure>'


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
