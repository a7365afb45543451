"""The pages: each file holds a resource's States and the functions that draw them."""
