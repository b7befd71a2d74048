"""One loop for every model: batches by index arithmetic, early stopping, budgets, exact resume."""
