"""Questions that several runs answer together, as data: families of ablations, and sweeps of one hyper-parameter.

``ablations/<family>.toml`` names a model, a setting and, per variant, what it changes; ``sweeps.toml`` a model, a
setting and a grid. Adding a study is adding a file or a table; no code names a model or a switch.
"""
