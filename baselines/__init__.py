"""One file per baseline, nothing else: a file here is a model, under the file's name."""
