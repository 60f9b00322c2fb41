"""What it costs to prove a picture whole, against decoding it, and what it costs to fit one."""
