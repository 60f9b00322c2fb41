"""The stand-in of Chatbase's endpoint: a real HTTP server that misbehaves on request.

The demo, the tests and the benchmarks use this one. It follows what is known of
`POST /api/v1/upload-chatbot-profile-picture` and answers nothing else.

cli, process           started by a person; started by a program
└── app                the server: composition, start, stop
    ├── control        paths to steer and question it while it runs
    └── upload         one upload: read, judge, answer
        ├── picture    is it a square PNG or JPEG of the right size
        ├── limits     the rate limit
        ├── keys       which API keys are accepted
        ├── wire       how an answer, or none, goes onto the connection
        ├── answers    what the documented answers are
        ├── behaviour  the rules of misbehaving
        ├── rulebook   those that are left, in order
        └── memory     arrivals, counts, last pictures
"""
