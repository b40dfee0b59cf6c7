"""A sample day as files: three invented shops with their settings, their orders, and what must come of them."""

APPLICATION_ID = "6601ac0ffee0000000000a99"
"""Of the app as the sample's shops have it installed: what POINTS_APPLICATION_ID names for it."""
