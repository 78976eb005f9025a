"""Who may do what: roles by actions, plans by limits, the command line; the actions are called, not the buttons."""
