"""The schema of `freehold.db`, as numbered steps that only go forward. Data only; `database.py` applies them.

A step that has been released is never changed: the next one is added below it. Amounts are in nano-dollars, times in Unix
seconds.
"""

CALLERS_AND_RECORDS: tuple[str, ...] = (
    """
    CREATE TABLE organisations (
        name       TEXT PRIMARY KEY,
        created_at REAL NOT NULL
    )
    """,
    """
    CREATE TABLE projects (
        name         TEXT PRIMARY KEY,
        organisation TEXT NOT NULL REFERENCES organisations (name),
        created_at   REAL NOT NULL
    )
    """,
    # `workloads`, `models` and `budgets` are JSON; NULL in the first two means all.
    """
    CREATE TABLE keys (
        id                  TEXT PRIMARY KEY,
        name                TEXT NOT NULL,
        project             TEXT NOT NULL REFERENCES projects (name),
        role                TEXT NOT NULL CHECK (role IN ('admin', 'member')),
        prefix              TEXT NOT NULL,
        digest              BLOB NOT NULL UNIQUE,
        created_at          REAL NOT NULL,
        expires_at          REAL,
        revoked_at          REAL,
        workloads           TEXT,
        models              TEXT,
        budgets             TEXT NOT NULL,
        requests_per_minute INTEGER,
        tokens_per_minute   INTEGER
    )
    """,
    # `body` is the whole record as it was journaled; the columns are what is searched and added up.
    """
    CREATE TABLE records (
        id                    TEXT PRIMARY KEY,
        ended_at              REAL NOT NULL,
        organisation          TEXT NOT NULL,
        project               TEXT NOT NULL,
        key_id                TEXT NOT NULL,
        workload              TEXT NOT NULL,
        deployment            TEXT NOT NULL,
        status                TEXT NOT NULL,
        estimated             INTEGER NOT NULL,
        input_tokens          INTEGER NOT NULL,
        output_tokens         INTEGER NOT NULL,
        cache_read_tokens     INTEGER NOT NULL,
        cache_write_5m_tokens INTEGER NOT NULL,
        cache_write_1h_tokens INTEGER NOT NULL,
        reasoning_tokens      INTEGER NOT NULL,
        audio_input_tokens    INTEGER NOT NULL,
        audio_output_tokens   INTEGER NOT NULL,
        searches              INTEGER NOT NULL,
        cost_nano             INTEGER NOT NULL,
        body                  TEXT NOT NULL
    )
    """,
    "CREATE INDEX records_by_end ON records (ended_at)",
    # What usage and budgets are read from: small whatever the traffic, and kept when records are forgotten.
    """
    CREATE TABLE usage_hours (
        hour                  INTEGER NOT NULL,
        organisation          TEXT NOT NULL,
        project               TEXT NOT NULL,
        key_id                TEXT NOT NULL,
        workload              TEXT NOT NULL,
        deployment            TEXT NOT NULL,
        requests              INTEGER NOT NULL,
        failed                INTEGER NOT NULL,
        refused               INTEGER NOT NULL,
        estimated             INTEGER NOT NULL,
        input_tokens          INTEGER NOT NULL,
        output_tokens         INTEGER NOT NULL,
        cache_read_tokens     INTEGER NOT NULL,
        cache_write_5m_tokens INTEGER NOT NULL,
        cache_write_1h_tokens INTEGER NOT NULL,
        reasoning_tokens      INTEGER NOT NULL,
        audio_input_tokens    INTEGER NOT NULL,
        audio_output_tokens   INTEGER NOT NULL,
        searches              INTEGER NOT NULL,
        cost_nano             INTEGER NOT NULL,
        PRIMARY KEY (hour, organisation, project, key_id, workload, deployment)
    ) WITHOUT ROWID
    """,
    # In the database and not in our code, so that a record is added up exactly when it is stored, once.
    """
    CREATE TRIGGER records_are_added_up AFTER INSERT ON records BEGIN
        INSERT INTO usage_hours VALUES (
            CAST(new.ended_at / 3600 AS INTEGER) * 3600,
            new.organisation, new.project, new.key_id, new.workload, new.deployment,
            1, new.status = 'failed', new.status = 'refused', new.estimated,
            new.input_tokens, new.output_tokens, new.cache_read_tokens, new.cache_write_5m_tokens,
            new.cache_write_1h_tokens, new.reasoning_tokens, new.audio_input_tokens, new.audio_output_tokens,
            new.searches, new.cost_nano
        )
        ON CONFLICT DO UPDATE SET
            requests              = requests              + 1,
            failed                = failed                + excluded.failed,
            refused               = refused               + excluded.refused,
            estimated             = estimated             + excluded.estimated,
            input_tokens          = input_tokens          + excluded.input_tokens,
            output_tokens         = output_tokens         + excluded.output_tokens,
            cache_read_tokens     = cache_read_tokens     + excluded.cache_read_tokens,
            cache_write_5m_tokens = cache_write_5m_tokens + excluded.cache_write_5m_tokens,
            cache_write_1h_tokens = cache_write_1h_tokens + excluded.cache_write_1h_tokens,
            reasoning_tokens      = reasoning_tokens      + excluded.reasoning_tokens,
            audio_input_tokens    = audio_input_tokens    + excluded.audio_input_tokens,
            audio_output_tokens   = audio_output_tokens   + excluded.audio_output_tokens,
            searches              = searches              + excluded.searches,
            cost_nano             = cost_nano             + excluded.cost_nano;
    END
    """,
    # How far each journal segment is stored, and the lines of one that could not be read.
    """
    CREATE TABLE segments (
        name   TEXT PRIMARY KEY,
        stored INTEGER NOT NULL
    )
    """,
    """
    CREATE TABLE unreadable_lines (
        segment TEXT NOT NULL,
        at      INTEGER NOT NULL,
        line    BLOB NOT NULL,
        reason  TEXT NOT NULL
    )
    """,
    # What dead workers left reserved; it counts as spent in its budget although no record says so.
    """
    CREATE TABLE swept (
        at    REAL NOT NULL,
        scope TEXT NOT NULL,
        nano  INTEGER NOT NULL
    )
    """,
)

LEDGER: tuple[str, ...] = (
    # Where each entry of the ledger stands, by the id of what it is about; several entries may be about one thing.
    """
    CREATE TABLE entries (
        place INTEGER PRIMARY KEY,
        id    TEXT NOT NULL,
        kind  TEXT NOT NULL,
        at    INTEGER NOT NULL
    )
    """,
    "CREATE INDEX entries_by_id ON entries (id)",
    # What administrators did and the house did by itself, until the ledger has taken it; written with the deed. `body` is
    # JSON, `at` in Unix milliseconds.
    """
    CREATE TABLE events (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        kind   TEXT NOT NULL,
        id     TEXT NOT NULL,
        at     INTEGER NOT NULL,
        body   TEXT NOT NULL
    )
    """,
    # The digest of the configuration that was noted last. One row.
    """
    CREATE TABLE policy (
        one    INTEGER PRIMARY KEY CHECK (one = 1),
        digest TEXT NOT NULL
    )
    """,
    # The ledger's newest checkpoint, committed with the entries that it covers. One row.
    """
    CREATE TABLE ledger_head (
        one        INTEGER PRIMARY KEY CHECK (one = 1),
        size       INTEGER NOT NULL,
        checkpoint TEXT NOT NULL
    )
    """,
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (CALLERS_AND_RECORDS, LEDGER)
