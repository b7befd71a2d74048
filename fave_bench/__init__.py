"""fave-bench: train, rank and compare sequential recommenders under one protocol."""

__version__ = "0.1.0"
