"""Twilio: SMS and WhatsApp through the official SDK, its codes in our words (codes.py), its events and callbacks.

Importing this package loads no SDK; the registry opens what is asked for. Which template goes out over WhatsApp is not
decided here.
"""
