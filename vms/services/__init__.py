"""Use cases: a rule, what it changes and its access event, in one transaction that the caller commits.

Every function takes the session it works in; a refusal is returned, so that its event commits with it; bad input raises.
"""
