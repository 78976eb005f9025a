"""The pages: each a title, filters, one query per element, an empty state, a chart or a table."""
