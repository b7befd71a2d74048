"""What another program left: scores, in a file of one kind or another (matrix.py, lists.py), how the targets rank in
them (matrix_ranks.py, list_ranks.py), and the record that comes of it (evaluation.py); or weights (weights.py)."""
