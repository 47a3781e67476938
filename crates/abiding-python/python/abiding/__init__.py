"""Web sessions that stay: nothing written is lost, nothing ended returns, operations log nobody out.

``abiding.flask`` is what a Flask application imports. This package itself knows no framework:
:class:`Sessions` opens sessions in a store, and :class:`SessionDict` is one of them as a dict.
"""

from abiding._native import __version__
from abiding.errors import (
    AbidingError,
    ConfigError,
    ContendedError,
    CorruptError,
    DecodeError,
    EncodeError,
    GoneError,
    RandomnessError,
    TooLargeError,
    UnavailableError,
    UnsupportedError,
)
from abiding.mapping import SessionDict
from abiding.sessions import Sessions

__all__ = [
    "AbidingError",
    "ConfigError",
    "ContendedError",
    "CorruptError",
    "DecodeError",
    "EncodeError",
    "GoneError",
    "RandomnessError",
    "SessionDict",
    "Sessions",
    "TooLargeError",
    "UnavailableError",
    "UnsupportedError",
    "__version__",
]
