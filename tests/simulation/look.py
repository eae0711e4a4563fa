"""Colours and lines that can be read on a light background and on a dark one."""

from __future__ import annotations

from typing import Any

__all__ = [
    "BAD",
    "BETTER",
    "FONTS",
    "GOOD",
    "OTHERS",
    "OURS",
    "PLAIN",
    "SETTINGS",
    "TEXT",
    "WARNING",
    "Look",
]

TEXT = "#757c85"
OURS = "#1f9d73"
OTHERS = "#8593a3"
WARNING = "#d0663d"
FONTS = "system-ui, -apple-system, Segoe UI, Roboto, sans-serif"

#: A colour and a style of line.
Look = tuple[str, str]
BAD: Look = (WARNING, "-")
GOOD: Look = (OURS, "-")
BETTER: Look = (OURS, "--")
PLAIN: Look = (OTHERS, ":")

SETTINGS: Any = {
    "axes.edgecolor": TEXT,
    "axes.labelcolor": TEXT,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": TEXT,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "figure.constrained_layout.use": True,
    "font.size": 9,
    "grid.alpha": 0.25,
    "grid.color": TEXT,
    "legend.frameon": False,
    "legend.labelcolor": TEXT,
    "lines.linewidth": 1.6,
    # So that the same figures make the same file.
    "svg.fonttype": "none",
    "svg.hashsalt": "txetcd",
    "text.color": TEXT,
    "xtick.color": TEXT,
    "ytick.color": TEXT,
}
