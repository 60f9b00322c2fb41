"""The sandbox endpoint: a real HTTP server in place of Chatbase's, with faults on request."""
