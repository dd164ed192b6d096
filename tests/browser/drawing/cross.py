"""The cross that the keyboard moves over the film in place of a pointer."""

from __future__ import annotations

from tests.browser.editor import Editor


def move_cross(editor: Editor, right: int, down: int) -> None:
    """Move the cross by keys: tens with Shift, ones without."""
    for steps, more, less in ((right, "ArrowRight", "ArrowLeft"), (down, "ArrowDown", "ArrowUp")):
        arrow = more if steps > 0 else less
        for _ in range(abs(steps) // 10):
            editor.page.keyboard.press(f"Shift+{arrow}")
        for _ in range(abs(steps) % 10):
            editor.page.keyboard.press(arrow)


def press_keys(editor: Editor, *keys: str) -> None:
    for key in keys:
        editor.page.keyboard.press(key)
