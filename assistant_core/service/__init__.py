"""The half that ranks: one process per user, behind a Unix socket.

wire        what goes over the socket: methods, messages, errors, bounds
endpoint    where the socket is, and who may be at its other end
client      one connection, for the shell and the CLI
lifecycle   find, start, stop and replace the service
server      requests → answers, on one event loop
owner       what one thread alone may call: the models
__main__    the composition root: store, completers and manuals put behind a server
"""
