"""THE SANDBOX: one small stateful server on loopback that speaks the providers' own protocols and plays the customers.

Only the demo command and the tests know that it exists; they run the production code against it. What lives here:

- `__main__.py`    the command `python -m connectors.sandbox`
- `settings.py`    the same variables production reads
- `store.py`       its state, in one SQLite file: what was answered 2xx is on disk before the answer leaves
- `agenda.py`      what happens later: one heap, one loop, bounded concurrency
- `faults.py`      faults that a test can order
- `twilio_*.py`    Twilio Messages: create, list, fetch, status progress, inbound texts
- `mailgun_*.py`   Mailgun messages, events and lists of addresses it does not write to
- `callbacks.py`   signed posts to web/
- `customers.py`   who does what after a message arrived; `browser.py` is how they reach web/
- `control.py`     /_sandbox/…, for tests and the demo
- `app.py`         puts it together

What does not live here: anything that production code imports.
"""
