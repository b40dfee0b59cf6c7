"""The sample days as files: three invented shops, their settings, orders and expected results."""

APPLICATION_ID = "6601ac0ffee0000000000a99"
"""Of the app as the sample's shops have it installed: what POINTS_APPLICATION_ID names for it."""
