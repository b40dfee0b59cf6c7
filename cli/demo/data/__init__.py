"""The sample days as files: three invented shops, their settings, orders and expected outcomes."""

APPLICATION_ID = "6601ac0ffee0000000000a99"
"""The app that the sample's shops have installed; POINTS_APPLICATION_ID names it."""
