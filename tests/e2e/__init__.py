"""The whole system on real input, over the providers' own protocols."""
