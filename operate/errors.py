"""Errors that end a command early. The message of each is the one line that the user sees."""


class DeskError(Exception):
    """The command could not do what it was asked for: exit status 1."""


class UsageError(DeskError):
    """The request is not possible, and nothing was changed: exit status 2."""
