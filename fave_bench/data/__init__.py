"""From raw files to leave-one-out sequences; knows no model."""
