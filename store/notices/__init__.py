"""The notices lane's tables (schemas `notices` and `notices_keys`, role `points_notices`).

Connections of the lane have `search_path = notices, public`, so that the engine's own functions for
cursors, dead letters and outbox work on the lane's tables of the same names.
"""
