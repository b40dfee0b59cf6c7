"""What can keep a notice from being put into words."""


class NotRendered(Exception):
    """A text that cannot be rendered with these values: the notice fails, and others go on."""


class TextTooLong(Exception):
    """An SMS of more parts than the shop pays for. It is never cut."""
