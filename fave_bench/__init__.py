"""fave-bench: train, rank and compare sequential recommenders under one protocol."""

import signal
import sys

__version__ = "0.1.0"

_verb_is_loading = sys.argv[:1] == ["-m"] and any(word.startswith(f"{__name__}.") for word in sys.orig_argv)
if _verb_is_loading and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C while a verb imports ends it without a traceback
