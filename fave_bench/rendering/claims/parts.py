"""What each part of a model is worth: without it, accuracy falls."""

from collections.abc import Mapping

from fave_bench.rendering.claims.claim import PROTOCOL, Claim, Row, Verdict, number
from fave_bench.rendering.contents import Contents
from fave_bench.rendering.printed_ablation import PrintedVariants
from fave_bench.rendering.table_model import signed
from fave_bench.studies.catalogue import Family

METRIC = "H@20"


def part_claims(
    contents: Contents, families: Mapping[str, Family], printed: Mapping[str, PrintedVariants]
) -> list[Claim]:
    """One per printed variant and dataset, in the setting that the family varies: paired differences decide."""
    return [
        _part(contents, name, family, printed[name], variant, dataset)
        for name, family in families.items()
        for variant in family.variants
        for dataset in family.datasets
        if (variant, dataset, METRIC) in printed[name]
    ]


def _part(contents: Contents, name: str, family: Family, printed: PrintedVariants, variant: str, dataset: str) -> Claim:
    fall = printed[variant, dataset, METRIC] - printed[family.full, dataset, METRIC]
    text = f"{family.full} {variant} is worse on {dataset} ({METRIC} {signed(fall)})"
    rows = contents.rows(
        "ablation", family=name, dataset=dataset, setting=family.setting, protocol=PROTOCOL, metric=METRIC,
        truncated=False,
    )  # fmt: skip
    whole = {bool(row["full"]): row for row in rows if row["variant"] in (variant, family.full) and row["seeds"]}
    found = whole.get(False)
    if True not in whole or found is None or found["change_from_full"] is None:
        return Claim("parts", text, "open", f"{family.full} and the variant did not both run to their end")
    return Claim("parts", text, _verdict(found), _because(found))


def _verdict(row: Row) -> Verdict:
    low, high = number(row["change_low"]), number(row["change_high"])
    return "holds" if high < 0 else "fails" if low > 0 else "undecided"


def _because(row: Row) -> str:
    change, low, high = (signed(number(row[key])) for key in ("change_from_full", "change_low", "change_high"))
    return f"{change} here, 95 % interval {low} to {high}, paired over users; seeds: {row['seeds']}"
