"""What the papers claim in numbers, held against what was measured here; one file per kind of claim."""
