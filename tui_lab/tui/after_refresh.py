"""What a widget does once the screen has been laid out anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.widget import Widget


def after_refresh(widget: Widget, callback: Callable[..., Any], *args: Any) -> None:
    """Call it then, out of the widget's own queue: it finds all of the widget's children, or does not come.

    Textual calls what waits for a refresh from the screen on top. When the widget's own screen was left meanwhile, that
    is another one, and the widget's children may be gone.
    """
    widget.call_after_refresh(widget.call_later, callback, *args)
