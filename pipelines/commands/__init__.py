"""The commands of `afterword`, by what they are for; `pipelines.cli` puts them together."""
