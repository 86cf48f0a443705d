# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Arguments under their former names, for one release."""

import functools
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def renamed_arguments(new_names: Mapping[str, str], owner: str) -> Callable[[F], F]:
    """Have a function take arguments by their former names too, with a warning that names the new one.

    The warning is a ``FutureWarning``: Python hides a ``DeprecationWarning``, which is what mmengine's
    ``deprecated_api_warning`` gives, from those who write configs.

    Args:
        new_names: New name of each former one.
        owner: Whose arguments they are, for the message.

    Raises:
        TypeError: When called with both names of one argument.

    Example:
        >>> @renamed_arguments({"colour": "color"}, "paint")
        ... def paint(color="red"):
        ...     return color
        >>> paint(color="blue")
        'blue'
    """

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            for former, new in new_names.items():
                if former not in kwargs:
                    continue
                if new in kwargs:
                    raise TypeError(f'{owner}: "{former}" is the former name of "{new}"; give "{new}" only')
                warnings.warn(
                    f'{owner}: the argument "{former}" is called "{new}" now; the next release knows no other name',
                    FutureWarning,
                    stacklevel=2,
                )
                kwargs[new] = kwargs.pop(former)
            return function(*args, **kwargs)

        return call  # type: ignore[return-value]

    return decorate
