"""Where a generative model's states lie: how straight their way, how far from the target, how it looks in a plane."""
