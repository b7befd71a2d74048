"""Lines per second of the Steam reader beside ast.literal_eval, on generated lines with 300-character reviews.

Run: python benchmarks/steam_parse.py
"""

import ast
import random
import time
from collections.abc import Callable, Iterable

from fave_bench.data.steam_lines import parse

LINES, SUBSET = 200_000, 20_000
WORDS = """game don't great fun hours "best" very it's graphics buy 10/10 the and a of to is in it you for this was with
have but on not are can be like just play only get so if more at time one good really would from été 世界"""
VOCABULARY = [*WORDS.split(), "\n"]


def line(rng: random.Random) -> bytes:
    """One review as Python 2 wrote it, in the key order of the published file."""
    text = ""
    while len(text) < 300:
        text += rng.choice(VOCABULARY) + " "
    fields = {
        "username": f"user {rng.randrange(10**6)}" + rng.choice(["", "", "", " é", "'s"]),
        "hours": round(rng.expovariate(0.05), 1),
        "products": rng.randrange(500),
        "product_id": str(10 * rng.randrange(1, 15_000)),
        "page_order": rng.randrange(10),
        "date": f"20{rng.randrange(10, 18)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}",
        "text": text,
        "early_access": rng.random() < 0.1,
        "page": rng.randrange(1, 100),
    }
    pairs = (f"u'{key}': {'u' * isinstance(value, str)}{value!a}" for key, value in fields.items())
    return ("{" + ", ".join(pairs) + "}\n").encode()


def evaluate(lines: Iterable[bytes]) -> Iterable[object]:
    return (ast.literal_eval(each.decode()) for each in lines)


def rate(read: Callable[[list[bytes]], Iterable[object]], lines: list[bytes]) -> float:
    """Lines per second of processor time, the best of three passes."""
    seconds = []
    for _ in range(3):
        start = time.process_time()
        for _value in read(lines):
            pass
        seconds.append(time.process_time() - start)
    return len(lines) / min(seconds)


def main() -> None:
    rng = random.Random(0)
    lines = [line(rng) for _ in range(LINES)]
    ours, literal = rate(parse, lines), rate(evaluate, lines[:SUBSET])
    print(f"{LINES:,} lines of {sum(map(len, lines)) / LINES:.0f} bytes on average, best of 3 passes")
    print(f"parse             {ours:>10,.0f} lines per CPU second")
    print(f"ast.literal_eval  {literal:>10,.0f} lines per CPU second (first {SUBSET:,} lines)")
    print(f"ratio             {ours / literal:>10.1f}")


if __name__ == "__main__":
    main()
