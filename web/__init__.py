"""WHAT THE CUSTOMER SEES, and where providers call back (Starlette). It faces the world; the dashboard does not."""
