"""
One gateway of several processes, so that it has more than one core.

A supervisor opens the sockets, holds no client and moves no byte; workers accept, and are whole gateways but for what
they are told of each other.  The law: whatever one worker does or suffers, the clients of the others go on.
"""
