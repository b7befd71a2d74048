"""run.json as text, and all that must hold before it is believed."""

import json
from pathlib import Path

from pydantic import ValidationError

from fave_bench.errors import BenchError, first_complaint
from fave_bench.files import sha256
from fave_bench.records import siblings
from fave_bench.records.schema import SCHEMA, Record

RECORD = "run.json"


def read(folder: Path) -> Record:
    """The record of a run's folder. Raises BenchError, naming the file and the reason, for anything amiss."""
    path = folder / RECORD
    try:
        content = json.loads(path.read_bytes())
        schema = content.get("schema") if isinstance(content, dict) else None
        if schema != SCHEMA:
            raise BenchError(f"{path}: schema {schema}, and this program reads {SCHEMA}")
        record = Record.model_validate(content)
    except ValidationError as error:
        raise BenchError(f"{path}: {first_complaint(error)}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise BenchError(f"{path}: {error}") from None
    placed = (folder.parent.parent.name, folder.parent.name, folder.name)
    stated = (record.dataset.name, record.model, record.key)
    if placed != stated:
        raise BenchError(f"{path}: it lies in {'/'.join(placed)} and says {'/'.join(stated)}")
    if record.key != record.expected_key():
        raise BenchError(f"{path}: its contents call for key {record.expected_key()}")
    match(folder, siblings.RANKS, record)
    return record


def dumps(record: Record) -> str:
    """run.json's text: sorted keys, one value a line, so that two runs can be compared with diff."""
    content = record.model_dump(mode="json", by_alias=True)
    return json.dumps(content, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def match(folder: Path, name: str, record: Record) -> None:
    """Raise BenchError unless that sibling's bytes are the ones the record was written with."""
    try:
        matches = sha256(folder / name) == record.files.get(name)
    except OSError as error:
        raise BenchError(f"{folder / name}: {error.strerror}") from None
    if not matches:
        raise BenchError(f"{folder / name} does not match the checksum in {RECORD}")
