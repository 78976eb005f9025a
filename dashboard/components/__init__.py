"""The pieces pages are made of. Whatever a customer or a file supplied is escaped here (Markup) and never Markdown."""
