"""The machine a number was measured on, and what things cost there."""
