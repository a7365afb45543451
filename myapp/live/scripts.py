"""The JavaScript of the live layer, shipped with the app's bundle.

All of it is named here: Reflex puts a module's scripts in a folder named after that module, and these
import each other as neighbours.
"""

import reflex as rx

STORE = rx.asset("live_store.js", shared=True).importable_path
ROOT = rx.asset("live_root.jsx", shared=True).importable_path
FORM = rx.asset("live_form.jsx", shared=True).importable_path
WATCH = rx.asset("live_watch.jsx", shared=True).importable_path
