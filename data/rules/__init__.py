"""Tables of rules that come with Afterword: what states, countries and providers demand, with source and date."""
