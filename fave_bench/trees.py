"""Nested tables and dotted keys: how one configuration is laid over another."""

from typing import Any

Tree = dict[str, Any]


def overlay(*layers: Tree) -> Tree:
    """Later layers win; tables merge key by key, everything else is replaced. No layer is changed."""
    result: Tree = {}
    for layer in layers:
        for key, value in layer.items():
            both = isinstance(value, dict) and isinstance(result.get(key), dict)
            result[key] = overlay(result[key], value) if both else value
    return result


def nested(key: str, value: Any) -> Tree:
    """``"model.alpha", 0.3`` -> ``{"model": {"alpha": 0.3}}``."""
    head, _, rest = key.partition(".")
    return {head: nested(rest, value) if rest else value}


def laid_over(tree: Tree, values: Tree) -> Tree:
    """`tree` with the dotted keys of `values` set."""
    return overlay(tree, *(nested(key, value) for key, value in values.items()))


def at(tree: Tree, key: str) -> Any:
    """The value at a dotted key; None where there is none."""
    head, _, rest = key.partition(".")
    value = tree.get(head)
    if not rest:
        return value
    return at(value, rest) if isinstance(value, dict) else None


def differences(tree: Tree, other: Tree) -> Tree:
    """Dotted keys whose values differ, with those of `other`; None where it has none."""
    found: Tree = {}
    for key in sorted(tree.keys() | other.keys()):
        ours, theirs = tree.get(key), other.get(key)
        if isinstance(ours, dict) and isinstance(theirs, dict):
            found |= {f"{key}.{rest}": value for rest, value in differences(ours, theirs).items()}
        elif ours != theirs:
            found[key] = theirs
    return found


def shorter(key: str) -> str:
    """A dotted key of a configuration as people read it: ``gamma``, ``finetune.epochs``, ``training.batch_size``."""
    return key.removeprefix("model.").removeprefix("training.stages.")
