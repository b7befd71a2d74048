"""The report: one page of everything that results/ give, complete in itself."""
