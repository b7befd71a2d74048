"""Scores that another program computed: what a file holds (matrix.py, lists.py), how the targets rank in it
(matrix_ranks.py, list_ranks.py), and the record that comes of it (evaluation.py)."""
