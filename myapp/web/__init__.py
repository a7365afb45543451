"""The boundary: what browsers and machines reach, and who is asking.

``router`` lists every page and route with its policy; ``auth`` turns cookies into scopes; ``pages`` hold
a State and its page together; ``components`` are the one set of parts all pages are made of.
"""
