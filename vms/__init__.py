"""The core that every process shares. It speaks no RTSP and no HTTP, and schedules nothing.

Where the data flows, and the file that carries each step:

    camera ──RTSP──▶ recorder/rtsp, recorder/rtp      sockets drained in batches → access units
                          │
                     recorder/clock.py                 camera time → server time, slewed within a run
                     recorder/cutter.py                access units → fragments → where a segment ends
                     recorder/writer.py                one thread per volume: encrypt, append, sync, publish
                          │   vms/media/fmp4.py, segment_file.py      vms/store/files.py, keys.py
                          ├──▶ recorder/live.py        the same access units, for whoever watches now
                          ▼
                     volume (files)      recorder's supervisor ──inserts──▶ node index (SQLite)
                          ▲ erase                                  │ reads        │ coverage
                     retention/                                    ▼              ▼
                                             recorder/node_api.py        vms/services/hub_link.py
                                                   ▲ signed grants                │
                          browser ◀── web/ ────────┘                              ▼
                                        └──▶ vms/services ──▶ vms/store ──▶ central database (SQLite or PostgreSQL):
                                             people, branches, cameras, views, access log, coverage
                                                                                  ▲
                                             web/jobs.py signs the access log ────┘

Who may write what: a capture worker writes files and opens no database; the supervisor is the only inserter of segment
and run rows; the node API opens the index read-only; the web reaches footage only through the node API, under a grant
that the hub signed; no transaction spans two databases.

Layers, top to bottom; each may import what stands below it (tests/architecture holds them):

    vms/cli        composition root, the only module that imports all: one command, one process
    web | recorder | retention      the processes; none knows another
    vms/services   use cases: rule + store + access event in one transaction
    vms/store | vms/media           databases and files | bytes and pictures
    vms/domain     words and rules: frozen dataclasses and pure functions, standard library only
    vms/config.py log.py clock.py errors.py crypto.py
"""
