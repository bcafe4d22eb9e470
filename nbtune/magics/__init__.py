"""The magics: they read the cell, call the functions, and show what comes back."""

from __future__ import annotations

from typing import Any

from nbtune.threads import wait_asleep

_NAME = "NBTune"


def register(shell: Any) -> None:
    """Give a shell the magics and their completion; a second time changes nothing."""
    if _NAME in shell.magics_manager.registry:
        return
    wait_asleep()
    from nbtune.magics.commands import NBTune
    from nbtune.magics.completion import add_completion

    magics = NBTune(shell)
    shell.register_magics(magics)
    add_completion(shell)
    magics.warming.start()


def unregister(shell: Any) -> None:
    """Take from a shell all that `register` gave it."""
    magics = shell.magics_manager.registry.pop(_NAME, None)
    if magics is None:
        return
    from nbtune.magics.completion import remove_completion

    magics.warming.stop()
    for kind, names in magics.magics.items():
        for name in names:
            shell.magics_manager.magics[kind].pop(name, None)
    if magics in shell.configurables:
        shell.configurables.remove(magics)
    remove_completion(shell)
