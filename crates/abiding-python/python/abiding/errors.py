"""What can go wrong: one exception for each kind of error in the Rust core.

A session that is absent, expired or forged is none of these: it is a new, empty session.
"""

from __future__ import annotations


class AbidingError(Exception):
    """What the system could not do; never what a visitor did wrong."""


class ConfigError(AbidingError, ValueError):
    """A setting that cannot work. The message names the value and the remedy."""


class ContendedError(AbidingError):
    """Too many other requests changed the same value; the bounded retries of an update ran out."""


class CorruptError(AbidingError):
    """What is stored, or was signed, is not what was written: damaged, or of an unknown format."""


class DecodeError(AbidingError):
    """A stored value is not of the type that was asked for."""


class EncodeError(AbidingError, TypeError):
    """A value or a key cannot be kept. The message names the way to it and its type."""


class GoneError(AbidingError):
    """The session ended while the request was running; what it wrote was not stored."""


class RandomnessError(AbidingError):
    """The operating system gave no randomness."""


class TooLargeError(AbidingError):
    """The session is larger than its limit."""


class UnavailableError(AbidingError):
    """The store is down, full, read-only, too slow, or refused the operation."""


class UnsupportedError(AbidingError):
    """The store lacks this power."""
