import signal

from hypothesis import settings

# Examples that call scikit-learn or torch take as long as the machine is busy.
settings.register_profile("nbtune", deadline=None, max_examples=40)
settings.load_profile("nbtune")

# A shell starts what runs in the background deaf to interrupts; these tests send some.
signal.signal(signal.SIGINT, signal.default_int_handler)
