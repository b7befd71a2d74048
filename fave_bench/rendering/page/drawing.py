"""A figure as SVG inside a page."""

import re
from xml.sax.saxutils import quoteattr

from fave_bench.rendering.picture import Picture
from fave_bench.rendering.plotting import bare_svg


def inline_svg(picture: Picture) -> str:
    """One <svg> element whose ids are its own in any page, without prolog, metadata and style sheet.

    The page's style sheet must give `.figure svg *` round joins and butt caps, which matplotlib's own did.
    """
    text = bare_svg(picture)
    opening, rest = text[text.index("<svg") :].split(">", 1)
    opening = re.sub(r'\s(width|height|xmlns:xlink)="[^"]*"', "", opening)  # the style sheet decides about its size
    rest = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", rest, flags=re.DOTALL)
    rest = re.sub(r'\bid="', f'id="{picture.name}-', rest)
    rest = re.sub(r'\bxlink:href="', 'href="', rest).replace('href="#', f'href="#{picture.name}-')
    rest = rest.replace("url(#", f"url(#{picture.name}-")
    return f'{opening} role="img" aria-label={quoteattr(picture.title)}>{rest.strip()}'
