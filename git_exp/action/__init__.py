"""action: what a finished run still offers, how it asks, and how it is found and executed."""
