"""Reading a pickle as data: containers, numbers and strings, and no way to run anything.

A pickle is a program. This reader knows only the instructions that build plain values: those that call, import or
configure objects are not looked up and refused, they do not exist. It is Python's own reader in Python, a third as
fast as the C one, in which seven damaged bytes can claim gigabytes.
"""

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, ClassVar, NoReturn

from fave_bench.errors import BenchError

_NUMBERS = "NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT"
_STRINGS = (
    "STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES BINBYTES8"
)
_CONTAINERS = (
    "EMPTY_LIST LIST APPEND APPENDS EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 "
    "EMPTY_DICT DICT SETITEM SETITEMS EMPTY_SET ADDITEMS FROZENSET"
)
_MACHINE = "PROTO FRAME STOP MARK POP POP_MARK DUP PUT BINPUT LONG_BINPUT MEMOIZE GET BINGET LONG_BINGET"
_IMPORTS = "GLOBAL STACK_GLOBAL INST"  # here only so that `find_class` can say what the file asked for
_KNOWN = f"{_NUMBERS} {_STRINGS} {_CONTAINERS} {_MACHINE} {_IMPORTS}".split()

LARGEST = 1000
"""Values in tuples within tuples, shared ones counted each time. Python hashes a key through all of them: 30 bytes that
pair a tuple with itself 30 times cost minutes, and a million tuples in each other the process, where its stack ends."""


class _Refused(Exception):
    """The file is a pickle, but not of plain values."""


class _Instructions(dict[int, Callable[[Any], None]]):
    """The code of an instruction -> what it does."""

    def __missing__(self, code: int) -> NoReturn:
        name = _NAMES.get(code)
        raise _Refused(f"it uses the instruction {name}" if name else f"byte {code:#04x} is no instruction")


def _instruction(name: str) -> Callable[[Any], None]:
    """What Python's reader does for it, with a limit on size where it builds a tuple."""
    run: Callable[[Any], None] = pickle._Unpickler.dispatch[_CODES[name]]
    if not name.startswith("TUPLE"):
        return run

    def limited(reader: "_Plain") -> None:
        run(reader)
        reader.check_size(reader.stack[-1])

    return limited


_NAMES = {value[0]: name for name, value in vars(pickle).items() if isinstance(value, bytes) and len(value) == 1}
_CODES = {name: code for code, name in _NAMES.items()}


class _Plain(pickle._Unpickler):
    dispatch: ClassVar[Any] = _Instructions({_CODES[name]: _instruction(name) for name in _KNOWN})
    stack: list[Any]

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self.sizes: dict[int, int] = {}
        """id of a tuple of tuples -> how many values it has, itself and all within it."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise _Refused(f"it refers to {f'{module}.{name}'[:80]!r}")

    def check_size(self, built: tuple[object, ...]) -> None:
        self.sizes.pop(id(built), None)  # it may lie where a larger one was thrown away
        inner = [part for part in built if type(part) is tuple]
        if not inner:
            return
        size = 1 + len(built) - len(inner) + sum(self.sizes.get(id(part), 1 + len(part)) for part in inner)
        if size > LARGEST:
            raise _Refused(f"it has more than {LARGEST:,} values in tuples within tuples")
        self.sizes[id(built)] = size


def load_plain(path: Path) -> object:
    """What a pickle of any protocol holds: dict, list, tuple, set, frozenset, numbers, strings, bytes, None.

    Before protocol 4 Python pickles sets by reference to the class, so those are refused. Raises BenchError where the
    file cannot be read, is damaged, or asks for anything else; nothing from the file is ever called or imported.
    """
    try:
        return _Plain(io.BytesIO(path.read_bytes())).load()
    except _Refused as error:
        raise BenchError(f"{path}: refused, because {error} and only plain values are accepted") from error
    except MemoryError as error:
        raise BenchError(f"{path}: refused, because it asks for more memory than there is") from error
    except OSError as error:
        raise BenchError(f"{path}: cannot be read ({error.strerror or error})") from error
    except Exception as error:  # a damaged pickle can make the reader raise almost anything
        raise BenchError(f"{path}: damaged, or not a pickle; get the file again") from error
