"""Facelift on one machine with no outside service: endpoint, Redis, images and demo."""
