"""The one set of parts all pages are made of; the looks live in ``assets/*.css``."""
