"""Routes for browsers' own requests and for machines: plain HTTP, one file per resource."""
