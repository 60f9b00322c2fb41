"""Images: validated, checked and fitted."""
