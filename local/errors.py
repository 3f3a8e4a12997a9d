"""What ends a run early. The message of each is the one line that a person then sees."""


class LocalRunError(Exception):
    """The run failed: exit status 1."""


class UsageError(LocalRunError):
    """What was asked for is not possible: exit status 2."""
