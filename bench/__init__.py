"""Measurements: each beside a ceiling and a peer in the same run, reported as ratios. Nothing here is a test."""
