"""What this project knows about each dataset: publisher, checksums, expected counts, the rule behind them."""

from dataclasses import dataclass
from functools import cache

import pydantic

from fave_bench.data.filters import EVERYTHING, Rule
from fave_bench.errors import unknown


@pydantic.dataclasses.dataclass(frozen=True, config={"extra": "forbid"})
class Download:
    """A publisher's file that can be fetched without asking."""

    url: str
    file: str
    sha256: str | None = None
    git_blob: str | None = None
    """The SHA-1 by which git knows the file, where it was seen in a repository and no SHA-256 is known."""


NEARLY = 1.5
"""A rule that was never published, or is read otherwise, changes a count by a smaller factor."""


@dataclass(frozen=True)
class Entry:
    """One dataset. Counts are those the papers print (dataset_statistics.csv); None where they print none."""

    name: str
    title: str
    publisher: str
    """The page or file of the publisher, for people."""
    files: tuple[str, ...] = ()
    """File names to look for in a folder or zip, the one that gives the paper's sequences most surely first."""
    downloads: tuple[Download, ...] = ()
    """In the order in which they are tried: public sequences behind the papers' tables, then the publisher's file."""
    rule: Rule = EVERYTHING
    """What a raw file is reduced by; files that hold final sequences are taken as they are."""
    other_rules: tuple[Rule, ...] = ()
    """Readings of a rule that was never published; their counts are stated beside ours."""
    users: int | None = None
    public_users: int | None = None
    """Those of the public sequences, where the papers print another number."""
    items: int | None = None
    actions: int | None = None
    checksums: tuple[tuple[str, str], ...] = ()
    """(SHA-256, what file it is) of the publisher's files and of public prepared ones."""
    fingerprint: str | None = None
    """That of the public sequences behind the papers' tables, where they could be had."""
    note: str = ""
    synthetic: bool = False

    def fits(self, users: int, items: int, actions: int) -> bool:
        """Whether data of these counts can be those that papers print numbers for under this name."""
        printed = ((self.users, users), (self.items, items), (self.actions, actions))
        return all(theirs is None or theirs / NEARLY <= ours <= theirs * NEARLY for theirs, ours in printed)


FIVE_CORE = Rule(min_user=5, min_item=5)
SEQUENCES = "https://github.com/WHUIR/DiffuRec/raw/f6f70c9d78477591742c71c9ed83e5f1269530e8/datasets/data"
"""What DiffuRec, FMRec and FAVE were trained on, at one commit of a public repository."""

KNOWN = (
    Entry(
        name="ml-100k",
        title="MovieLens 100K",
        publisher="https://grouplens.org/datasets/movielens/100k/",
        files=("u.data", "ml-100k.zip", "dataset.pkl", "ml-100k.txt", "ml-100k.csv", "ml-100k.tsv"),
        downloads=(
            Download(
                url="https://files.grouplens.org/datasets/movielens/ml-100k.zip",
                file="ml-100k.zip",
                sha256="50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
            ),
        ),
        users=943,
        items=1682,
        actions=100_000,
        checksums=(
            ("50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229", "the publisher's ml-100k.zip"),
            ("06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490", "the publisher's u.data"),
            ("318f45805a49e111457957adaaa69a68c09d4a89540ab121252127a0adc9af4a", "the public dataset.pkl"),
        ),
        fingerprint="4c883e091c4ccdb7a9c349cc7db1a7f7c633382a861d63ec6c481bb5b71d52de",
    ),
    Entry(
        name="beauty",
        title="Amazon Beauty (2014, 5-core)",
        publisher="https://snap.stanford.edu/data/amazon/productGraph/",
        files=("dataset.pkl", "Beauty.txt", "beauty.txt", "reviews_Beauty_5.json.gz", "reviews_Beauty_5.json",
               "ratings_Beauty.csv", "reviews_Beauty.json.gz", "reviews_Beauty.json", "beauty.csv", "beauty.tsv"),
        downloads=(
            Download(
                url=f"{SEQUENCES}/amazon_beauty/dataset.pkl",
                file="dataset.pkl",
                sha256="1d5ba224ff02584bcde37d3dd9fd3191d440829e7fcb7fe42dcfd313dd2144cb",
            ),
            Download(
                url="https://snap.stanford.edu/data/amazon/productGraph/categoryFiles/ratings_Beauty.csv",
                file="ratings_Beauty.csv",
                sha256="17d5232b90444beecfe758ce1446e5300230491f3a88ac802992ca95fc4c150f",
            ),
        ),
        rule=FIVE_CORE,
        users=22_361,
        public_users=22_363,
        items=12_101,
        actions=198_502,
        checksums=(
            ("17d5232b90444beecfe758ce1446e5300230491f3a88ac802992ca95fc4c150f", "the publisher's ratings_Beauty.csv"),
            ("1d5ba224ff02584bcde37d3dd9fd3191d440829e7fcb7fe42dcfd313dd2144cb", "the public dataset.pkl"),
            ("226cce9c3105299ca0db9615d7d3fb32b3175e90da43100ae352599f0f0107b8", "the public Beauty.txt"),
        ),
        fingerprint="35e51245f6b7903ef61ec5e0afbf6b7ef7003df37ca5e30a496a5c862faae710",
        note="the public sequences hold 22,363",
    ),
    Entry(
        name="steam",
        title="Steam reviews",
        publisher="https://cseweb.ucsd.edu/~jmcauley/datasets.html#steam_data",
        files=("dataset.pkl", "Steam.txt", "steam.txt", "steam_reviews.json.gz", "steam_reviews.json", "steam.csv",
               "steam.tsv"),
        downloads=(
            Download(
                url=f"{SEQUENCES}/steam/dataset.pkl",
                file="dataset.pkl",
                git_blob="87f513897b29e59945bae8c7475c92b1144f21ea",
            ),
            Download(
                url="https://cseweb.ucsd.edu/~wckang/steam_reviews.json.gz",
                file="steam_reviews.json.gz",
                sha256="40c6343deedf488689987749c5f8435233da48c163fbaa2a7766c215d584bc61",
            ),
        ),
        rule=Rule(deduplicate=True, min_user=5, min_item=5),
        other_rules=(
            Rule(deduplicate=True, min_user=5, min_item=5, iterated=False),
            FIVE_CORE,
            Rule(min_user=5, min_item=5, iterated=False),
        ),
        checksums=(
            ("40c6343deedf488689987749c5f8435233da48c163fbaa2a7766c215d584bc61", "the publisher's steam_reviews"),
        ),
        users=281_428,
        items=13_044,
        actions=3_485_022,
        note="the rule behind the printed counts is not published",
    ),
    Entry(
        name="yelp",
        title="Yelp academic dataset",
        publisher="https://www.yelp.com/dataset",
        files=("dataset.pkl", "Yelp.txt", "yelp.txt", "yelp.csv", "yelp.tsv", "yelp_academic_dataset_review.json.gz",
               "yelp_academic_dataset_review.json"),
        rule=FIVE_CORE,
        users=28_298,
        items=59_951,
        actions=1_764_589,
        note="the rule behind the printed counts is not published; ours is an iterated 5-core",
    ),
    Entry(name="demo", title="demo (synthetic)", publisher="", synthetic=True),
    Entry(name="markov", title="markov (synthetic: order decides)", publisher="", synthetic=True),
    Entry(name="bag", title="bag (synthetic: order does not matter)", publisher="", synthetic=True),
    Entry(
        name="steam-shaped",
        title="steam-shaped (synthetic, for measurements of scale)",
        publisher="",
        users=281_428,
        items=13_044,
        actions=3_485_022,
        synthetic=True,
    ),
)  # fmt: skip
STAND_INS = {"steam": "steam-shaped"}
"""Generated data of the same size, on which cost and speed are measured where few machines have the dataset."""


@cache
def entries() -> dict[str, Entry]:
    """Name -> entry, of every dataset that needs no file of the user's own."""
    return {entry.name: entry for entry in KNOWN}


def names() -> list[str]:
    """All names, real sets first."""
    return list(entries())


def get(name: str) -> Entry:
    """The entry of that name. Raises UsageError with the nearest names otherwise."""
    if name not in entries():
        raise unknown("dataset", name, entries())
    return entries()[name]
