"""The errors a user can cause: one sentence each, what was wrong and what is allowed."""


class GrokbookError(Exception):
    """Base of every error whose message is written for the user (the CLI prints it bare)."""


class InputError(GrokbookError, ValueError):
    """A value is outside what is allowed."""


class DataError(GrokbookError):
    """A data set is not available, or its bytes are not the published ones."""


class RunError(GrokbookError):
    """A recorded run is missing, damaged, or being written by another process."""


class MissingRunError(RunError):
    """There is no such record."""


class DamagedRunError(RunError):
    """A record's files have changed since they were written, or it lies in the place of another."""


class UnreadableRunError(RunError):
    """A record's files are there, but this user may not read them."""


class StaleRunError(RunError):
    """A recorded run was made from other settings than today's."""


class CheckpointError(RunError):
    """A checkpoint cannot be read or is of another experiment; training cannot resume from it."""


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its type if the message is empty."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def reason(error: OSError) -> str:
    """Return the system's description of an error, without number and path."""
    return error.strerror or first_line(error)
