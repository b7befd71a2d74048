"""Exact ranks, and everything that follows from them alone."""
