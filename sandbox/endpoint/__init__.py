"""The sandbox endpoint: a real HTTP server in place of Chatbase's, with faults on request.

cli, process           started by a person; started by a program
└── server             the handler of uploads, start and stop
    ├── control        the control API
    ├── upload         one upload: read, judge, respond
    │   └── responses  the documented responses, and how each is sent
    └── state          settings, and what a reset clears:
        ├── rules        the rules, with the fault of each
        ├── access       key labels, the rate limit
        └── request_log  arrivals, counts, last images
"""
