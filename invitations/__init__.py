"""WHAT WE DO: pure rules (whether, whom, what, when), and the main job, `send.py`.

Imports `data` and the Protocols of `connectors`, never a provider.
"""
