"""The frame of an HTML page that needs no other file, and takes nothing from anybody as HTML."""

import re
from html import escape

STYLE = """
:root { color-scheme: light dark; --line: #d1d5db; --soft: #f9fafb; --ink: #111827; --paper: #ffffff }
@media (prefers-color-scheme: dark) { :root { --line: #4b5563; --soft: #1f2937; --ink: #f3f4f6; --paper: #111827 } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
       max-width: 56rem; margin: 2rem auto; padding: 0 1rem }
section { border: 1px solid var(--line); border-left-width: 6px; border-radius: 4px; padding: .2rem 1rem;
       margin: 1rem 0 }
section.right { border-left-color: #047857 } section.wrong, section.mistake { border-left-color: #b91c1c }
section.error { border-left-color: #b45309 } section.untouched { border-left-color: #6b7280 }
h2 { font-size: 1.3rem; margin-top: 2rem } h3 { font-size: 1.05rem; margin: .6rem 0 }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--soft); padding: .5rem .7rem; font-size: .9rem }
p.message { white-space: pre-wrap; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100% } td, th { border-bottom: 1px solid var(--line); padding: .25rem .5rem;
       text-align: left; vertical-align: top; overflow-wrap: anywhere }
th { overflow-wrap: normal } td.number { text-align: right }
img { max-width: 100% } .points { float: right; font-variant-numeric: tabular-nums }
"""
# Nothing is loaded and no script runs, whatever should ever slip through.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def page(title: str, *parts: str) -> str:
    """A whole page; ``parts`` are HTML already."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(parts)
        + "\n</main>\n</body>\n</html>\n"
    )


def text(value: object) -> str:
    """Anything as text of a page, without the characters that no page may hold."""
    return escape(
        re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]", "�", str(value))
    )


def with_code(value: str) -> str:
    """As ``text``, with `code` in backticks marked as such."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", text(value))
