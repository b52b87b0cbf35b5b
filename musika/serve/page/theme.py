"""Fonts and colours of the page: Gradio's default theme, with fonts of the system and contrasts that can be read."""

from __future__ import annotations

import gradio

FONTS = ("ui-sans-serif", "system-ui", "sans-serif")
MONO_FONTS = ("ui-monospace", "Consolas", "monospace")
PRIMARY, PRIMARY_HOVER = "#c2410c", "#9a3412"  # white text on them has a contrast of 5.2 and 7.3


def make_theme() -> gradio.themes.Base:
    """The theme, in light and dark. No font is asked for from the network."""
    return gradio.themes.Default(font=FONTS, font_mono=MONO_FONTS).set(
        button_primary_background_fill=PRIMARY,
        button_primary_background_fill_dark=PRIMARY,
        button_primary_background_fill_hover=PRIMARY_HOVER,
        button_primary_background_fill_hover_dark=PRIMARY_HOVER,
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#ffffff",
        body_text_color_subdued="#52525b",
        body_text_color_subdued_dark="#d4d4d8",
        block_title_text_weight="600",
        block_title_text_color="*body_text_color",
        block_title_text_color_dark="*body_text_color",
        block_label_text_color="#3f3f46",
        block_label_text_color_dark="#e4e4e7",
    )
