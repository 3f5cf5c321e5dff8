"""What operations answer, as data: one schema for ``--json``, for HTTP and for the fleet.

As long as VERSION stays the same, a field that is there stays, with its name and its meaning; fields may be
added. Text that came from images, logs or definitions is data: each face escapes it.
"""
