"""What printed tables give away by arithmetic alone. `audit.findings` runs every check."""
