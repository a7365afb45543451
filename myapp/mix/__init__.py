"""Tasks: what one does to the application from a terminal.

``python -m myapp --help`` lists them; ``make`` is a thin face on the same commands. A task
imports what it needs when it runs, so that the list is there at once.
"""
