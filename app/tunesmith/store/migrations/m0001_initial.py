"""Make the first tables."""

from __future__ import annotations

STATEMENTS = (
    """
    CREATE TABLE machine (
        fingerprint TEXT NOT NULL PRIMARY KEY,
        label       TEXT NOT NULL,
        facts       TEXT NOT NULL,
        machine     TEXT,
        seen_utc    TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE model (
        sha256    TEXT NOT NULL PRIMARY KEY,
        name      TEXT NOT NULL,
        header    TEXT NOT NULL,
        last_path TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE run (
        id                  TEXT NOT NULL PRIMARY KEY,
        kind                TEXT NOT NULL CHECK (kind IN ('tune', 'measure')),
        state               TEXT NOT NULL CHECK (state IN ('running', 'finished', 'interrupted', 'failed')),
        request             TEXT NOT NULL,
        model_sha256        TEXT NOT NULL REFERENCES model (sha256),
        machine_fingerprint TEXT NOT NULL REFERENCES machine (fingerprint),
        build               TEXT NOT NULL,
        tunesmith_version   TEXT NOT NULL,
        started_utc         TEXT NOT NULL,
        seen_utc            TEXT NOT NULL,
        finished_utc        TEXT,
        outcome             TEXT,
        sentence            TEXT NOT NULL,
        owner_pid           INTEGER NOT NULL,
        owner_host          TEXT NOT NULL,
        owner_started       FLOAT NOT NULL
    )
    """,
    "CREATE INDEX run_by_start ON run (started_utc)",
    """
    CREATE TABLE trial (
        id        INTEGER NOT NULL PRIMARY KEY,
        run_id    TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
        key       TEXT NOT NULL,
        stage     TEXT NOT NULL,
        candidate TEXT NOT NULL,
        round     INTEGER NOT NULL,
        digest    TEXT NOT NULL,
        settings  TEXT NOT NULL,
        state     TEXT NOT NULL CHECK (state IN ('measured', 'failed')),
        cause     TEXT,
        message   TEXT,
        UNIQUE (run_id, key)
    )
    """,
    """
    CREATE TABLE sample (
        trial_id        INTEGER NOT NULL PRIMARY KEY REFERENCES trial (id) ON DELETE CASCADE,
        prefill_tokens  INTEGER NOT NULL,
        prefill_ns      INTEGER,
        sequences       INTEGER NOT NULL,
        noisy           BOOLEAN NOT NULL,
        rejected        INTEGER NOT NULL,
        started_mono_ns INTEGER NOT NULL,
        cost_ns         INTEGER NOT NULL,
        conditions      TEXT NOT NULL,
        memory          TEXT NOT NULL,
        step_ns         BLOB NOT NULL
    )
    """,
    """
    CREATE TABLE event (
        run_id  TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
        seq     INTEGER NOT NULL,
        type    TEXT NOT NULL,
        mono_ns INTEGER NOT NULL,
        body    TEXT NOT NULL,
        PRIMARY KEY (run_id, seq)
    )
    """,
    """
    CREATE TABLE profile (
        id                  TEXT NOT NULL PRIMARY KEY,
        name                TEXT NOT NULL,
        created_utc         TEXT NOT NULL,
        outcome             TEXT NOT NULL,
        model_sha256        TEXT NOT NULL REFERENCES model (sha256),
        model_name          TEXT NOT NULL,
        quantization        TEXT NOT NULL,
        machine_fingerprint TEXT NOT NULL REFERENCES machine (fingerprint),
        machine_label       TEXT NOT NULL,
        workload            TEXT NOT NULL,
        objective           TEXT NOT NULL,
        speedup_median      FLOAT NOT NULL,
        speedup_low         FLOAT,
        speedup_high        FLOAT,
        run_id              TEXT NOT NULL,
        body                TEXT NOT NULL,
        deleted_utc         TEXT
    )
    """,
    "CREATE INDEX profile_by_creation ON profile (created_utc)",
    "CREATE INDEX profile_by_name ON profile (name)",
)
