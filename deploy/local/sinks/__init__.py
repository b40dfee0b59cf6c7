"""Stand-ins for providers: they answer as each one does, in any mood, and keep what they got.

`python -m deploy.local.sinks` runs them in a process of their own; `Sinks` in a loop of a test.
"""
