"""
The whole service as its users meet it: a real Swift, a real gateway process, real clients.

Every check of what was stored is made from the other side, by python-swiftclient, never by the gateway itself.
"""
