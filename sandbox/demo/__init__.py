"""`facelift demo`: the whole of Facelift on one machine, with nothing to configure.

command            the click command
└── run            the demo from start to end: its order, its exit codes
    ├── plan       which picture goes to which chatbot, and what must come of it
    ├── stage      Redis, stand-in, worker and folder: started, and gone afterwards
    ├── progress   the jobs on their way: a moving table, or a line a change
    ├── report     the outcomes at the end
    │   └── wording a record in a few words, also for progress
    ├── check      whether all is as the plan says, by the stand-in's own log
    └── stopping   signals that ask it to stop
"""

from sandbox.demo.command import demo

__all__ = ["demo"]
