"""Errors that end a run early. The message of each is the one line that the user sees."""


class LocalRunError(Exception):
    """The run failed: exit status 1."""


class UsageError(LocalRunError):
    """The request is not possible: exit status 2."""
