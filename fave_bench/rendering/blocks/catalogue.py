"""Every block by the name that a document gives it."""

from collections.abc import Callable
from typing import get_args

from fave_bench.errors import unknown
from fave_bench.rendering.blocks.accuracy import explained, headline, unfinished, verdicts
from fave_bench.rendering.blocks.effects import effects
from fave_bench.rendering.blocks.learning import learning
from fave_bench.rendering.blocks.one_run import looks, one_run
from fave_bench.rendering.blocks.speed import speed
from fave_bench.rendering.claims.claim import Kind
from fave_bench.rendering.claims.judged import claims
from fave_bench.rendering.contents import Contents
from fave_bench.rendering.markdown import escape


def judged(contents: Contents, kind: str) -> str:
    """The claims of one kind, a bullet each."""
    if kind not in get_args(Kind):
        raise unknown("kind of claim", kind, get_args(Kind))
    found = [claim for claim in claims(contents) if claim.kind == kind]
    return "\n".join(f"- **{c.verdict}**: {escape(c.text)} – {escape(c.because)}" for c in found) or "None."


BLOCKS: dict[str, Callable[[Contents, str], str]] = {
    "headline": headline,
    "verdicts": verdicts,
    "explained": explained,
    "unfinished": unfinished,
    "claims": judged,
    "effects": effects,
    "learning": learning,
    "speed": speed,
    "run": one_run,
    "looks": looks,
}
"""Name -> function of the contents and of the word behind the name."""
