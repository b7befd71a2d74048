"""Blocks of numbers in documents written by hand: each a function of what was recorded, as Markdown."""
