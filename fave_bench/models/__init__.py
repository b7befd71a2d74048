"""The model contract, the parts models share, and FAVE itself."""
