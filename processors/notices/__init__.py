"""The notices lane: tells members about their points, and never touches the ledger.

`deciding` makes notices of what topics say, `stream` feeds it by Faust, `sending` hands notices to
the `providers`, and the `directory` knows how members are reached.
"""
