"""What came back from a node, believed as far as the reader of records believes it, and written once."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from fave_bench.efficiency.environment import code
from fave_bench.records import Record, Store
from fave_bench.records.run_file import read
from fave_bench.runner import Run


def accept(run: Run, store: Store, files: Mapping[str, bytes]) -> Record:
    """Write `files`, by name, as the record of `run`, whose lock is held; the record as stored.

    The environment is the node's, except for the commit: the code is the driver's, and travelled without its history.
    Raises BenchError for files that are not the whole and valid record of this very run.
    """
    with TemporaryDirectory(dir=run.work(store)) as folder:
        returned = Store(Path(folder))
        place = run.folder(returned)
        place.mkdir(parents=True)
        for name, content in files.items():
            (place / Path(name).name).write_bytes(content)
        record = read(place)
        lists, weights = returned.lists(record), returned.weights(record)
        ours = record.model_copy(update={"environment": record.environment | code()})
        return store.write(ours, returned.ranks(record), lists, weights)
