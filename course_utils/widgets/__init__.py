"""The interactive parts: a figure, a few controls, and a redraw fast enough to feel like one motion.

:func:`explore` is the mechanism. Each playground of a lecture has a file of its own here, with the pure
functions behind it, ``make_figure()`` and the function that shows it; its name is listed in ``_PLAYGROUNDS``
and loaded on first use.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

from course_utils.widgets.controls import choice, player, slider
from course_utils.widgets.explorer import Explorer, explore

# name -> module, both inside this package; a playground is imported when a lecture asks for it
_PLAYGROUNDS: dict[str, str] = {
    "class_style_playground": "class_style_playground",
    "elbo_playground": "elbo_playground",
    "gibbs_player": "gibbs_player",
    "homotopy_playground": "homotopy_playground",
    "kl_playground": "kl_playground",
    "latent_plane_playground": "latent_plane_playground",
    "latent_sliders": "latent_sliders",
    "prior_playground": "prior_samples",
    "rejection_playground": "rejection_playground",
    "reparameterization_player": "reparameterization_player",
    "resampling_playground": "resampling_playground",
    "toy_game_player": "toy_game_player",
    "style_mixing_playground": "style_mixing_playground",
    "traversal_playground": "traversal_playground",
}

__all__ = ["Explorer", "choice", "explore", "player", "playgrounds", "slider"]


def playgrounds() -> tuple[str, ...]:
    """The names of all playgrounds; each is a function without arguments that returns its `Explorer`."""
    return tuple(sorted(_PLAYGROUNDS))


def __getattr__(name: str) -> Any:
    if name not in _PLAYGROUNDS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    playground = getattr(import_module(f"{__name__}.{_PLAYGROUNDS[name]}"), name)
    # Importing a module makes it an attribute of this package; where both have one name, the function wins.
    globals()[name] = playground
    return playground


class _Widgets(ModuleType):
    """A package in which a playground's name stands for its function, although its file is named alike.

    Importing a submodule sets it as an attribute of its package, which would hide the function from then on.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _PLAYGROUNDS and isinstance(value, ModuleType):
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Widgets
