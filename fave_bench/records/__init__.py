"""What a run leaves behind (schema.py), what names it (key.py), and where it is kept (store.py)."""

from fave_bench.records.key import key_of
from fave_bench.records.schema import Dataset, Inference, Look, Record, TrainingSummary
from fave_bench.records.store import Store

__all__ = ["Dataset", "Inference", "Look", "Record", "Store", "TrainingSummary", "key_of"]
