"""Pure functions from records and printed numbers to tables, figures and pages."""
