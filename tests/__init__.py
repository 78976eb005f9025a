"""The suite. Its first import, before everything that conftest.py imports.

What is imported stays until the end: to look through it again and again for what nobody uses any more takes a fifth of
the time that importing and collecting take, in each worker. conftest.py turns the collector on before the first test.
"""

import sys

if "pytest" in sys.modules:  # not in benches and processes that use a module of the tests
    import gc

    gc.disable()
