"""The lab's two themes: quiet frames, one accent, colours that the colour-blind can tell apart (Okabe and Ito 2008)."""

from textual.theme import Theme

DARK = Theme(
    name="lab-dark",
    primary="#56b4e9",
    secondary="#8a93a6",
    accent="#e69f00",
    warning="#e69f00",
    error="#f2705c",
    success="#2fb98a",
    foreground="#d5d9e0",
    background="#101319",
    surface="#161a22",
    panel="#1d222c",
    dark=True,
    variables={
        "footer-key-foreground": "#e69f00",
        "block-cursor-text-style": "none",
        "border": "#343b49",
        "border-blurred": "#343b49",
    },
)

LIGHT = Theme(
    name="lab-light",
    primary="#0072b2",
    secondary="#5c6675",
    accent="#a85400",
    warning="#a85400",
    error="#b8321e",
    success="#00734f",
    foreground="#22272f",
    background="#fbfaf7",
    surface="#f3f1ec",
    panel="#e8e5de",
    dark=False,
    variables={
        "footer-key-foreground": "#a85400",
        "block-cursor-text-style": "none",
        "border": "#bdb8ad",
        "border-blurred": "#bdb8ad",
    },
)
