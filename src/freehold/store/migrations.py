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

ITEMS: tuple[str, ...] = (
    # What is known of each captured or imported item beside its sealed contents (`item:ID` in the ledger's). `content` is a
    # keyed digest of the normalised input, `subject` a pseudonym, `signature` the MinHash of the input once a split was made.
    # `at` is in Unix milliseconds, `keep_until` in Unix seconds.
    """
    CREATE TABLE items (
        id             TEXT PRIMARY KEY,
        workload       TEXT NOT NULL,
        at             INTEGER NOT NULL,
        model          TEXT NOT NULL,
        conversation   TEXT NOT NULL,
        subject        TEXT NOT NULL,
        keep_until     INTEGER NOT NULL,
        content        BLOB NOT NULL,
        seen           INTEGER NOT NULL,
        cost_nano      INTEGER NOT NULL,
        total_ms       REAL NOT NULL,
        first_token_ms REAL,
        input_tokens   INTEGER NOT NULL,
        output_tokens  INTEGER NOT NULL,
        signature      BLOB,
        cluster        TEXT NOT NULL,
        split          TEXT NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX items_by_content ON items (workload, content)",
    "CREATE INDEX items_by_time ON items (workload, at)",
    "CREATE INDEX items_by_subject ON items (subject)",
    "CREATE INDEX items_by_end ON items (keep_until)",
    # Records whose input had been captured before: they are counted in `seen` and not kept again.
    """
    CREATE TABLE item_duplicates (
        record  TEXT PRIMARY KEY,
        item    TEXT NOT NULL REFERENCES items (id) ON DELETE CASCADE,
        subject TEXT NOT NULL
    ) WITHOUT ROWID
    """,
    "CREATE INDEX item_duplicates_by_item ON item_duplicates (item)",
    "CREATE INDEX item_duplicates_by_subject ON item_duplicates (subject)",
    # What somebody said of the answer with the id `record`. Words (a note, a better answer) are sealed as `label:ID`, where
    # `sealed` says so. `score` is from 0 to 1, NULL where only a better answer was given; `at` is in Unix milliseconds.
    """
    CREATE TABLE labels (
        id      TEXT PRIMARY KEY,
        record  TEXT NOT NULL,
        source  TEXT NOT NULL CHECK (source IN ('human', 'feedback', 'import')),
        score   REAL,
        model   TEXT NOT NULL,
        at      INTEGER NOT NULL,
        author  TEXT NOT NULL,
        subject TEXT NOT NULL,
        sealed  INTEGER NOT NULL
    )
    """,
    "CREATE INDEX labels_by_record ON labels (record)",
    "CREATE INDEX labels_by_time ON labels (at)",
    "CREATE INDEX labels_by_subject ON labels (subject)",
    # With what each workload's items are dealt into splits: random, and never changed.
    """
    CREATE TABLE item_salts (
        workload TEXT PRIMARY KEY,
        salt     BLOB NOT NULL
    ) WITHOUT ROWID
    """,
)

CANARIES: tuple[str, ...] = (
    # Every canary, with the state of its tests as the last decision left it. `body` is the canary as JSON.
    """
    CREATE TABLE canaries (
        id         TEXT PRIMARY KEY,
        workload   TEXT NOT NULL,
        phase      TEXT NOT NULL,
        created_at REAL NOT NULL,
        body       TEXT NOT NULL,
        state      BLOB
    )
    """,
    # The conversations that have counted in a canary: each does once.
    """
    CREATE TABLE canary_units (
        canary       TEXT NOT NULL,
        conversation TEXT NOT NULL,
        PRIMARY KEY (canary, conversation)
    ) WITHOUT ROWID
    """,
    # Records of a canary's arms that wait to be counted. In the database and not in our code, so that a record waits exactly
    # when it is stored, once; the text that is looked for cannot stand inside a JSON string.
    """
    CREATE TABLE canary_outcomes (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        canary TEXT NOT NULL,
        record TEXT NOT NULL
    )
    """,
    "CREATE INDEX canary_outcomes_by_canary ON canary_outcomes (canary, record)",
    """
    CREATE TRIGGER canaries_hear_of_records AFTER INSERT ON records WHEN instr(new.body, '"canary":"') BEGIN
        INSERT INTO canary_outcomes (canary, record) VALUES (json_extract(new.body, '$.canary'), new.id);
    END
    """,
    # What a candidate said in shadow, beside the answer with the id `record`: sealed as `shadow:RECORD`. `shadow` is the
    # record of the shadow's own request, `outcome` how it ended. The scores follow when both answers are graded; of a pair
    # that cannot be graded they stay NULL. `at` is in Unix milliseconds.
    """
    CREATE TABLE shadow_pairs (
        number          INTEGER PRIMARY KEY AUTOINCREMENT,
        record          TEXT NOT NULL UNIQUE,
        workload        TEXT NOT NULL,
        candidate       TEXT NOT NULL,
        shadow          TEXT NOT NULL,
        outcome         TEXT NOT NULL,
        at              INTEGER NOT NULL,
        graded          INTEGER NOT NULL,
        candidate_score REAL,
        incumbent_score REAL
    )
    """,
    "CREATE INDEX shadow_pairs_by_workload ON shadow_pairs (workload, candidate, graded)",
    # What the pairs of one candidate in one workload have shown so far; `state` is JSON.
    """
    CREATE TABLE shadow_tests (
        workload  TEXT NOT NULL,
        candidate TEXT NOT NULL,
        state     TEXT NOT NULL,
        PRIMARY KEY (workload, candidate)
    ) WITHOUT ROWID
    """,
)

UNWRITTEN: tuple[str, ...] = (
    # Events that no entry can hold, as they were; `reason` says why, `at` is in Unix milliseconds.
    """
    CREATE TABLE unwritten_events (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        kind   TEXT NOT NULL,
        id     TEXT NOT NULL,
        at     INTEGER NOT NULL,
        body   TEXT NOT NULL,
        reason TEXT NOT NULL
    )
    """,
)

SUMS_BY_BATCH: tuple[str, ...] = (
    # The drain adds a batch up when it stores it (`drain.py`).
    "DROP TRIGGER records_are_added_up",
)

CANARIES_BY_BATCH: tuple[str, ...] = (
    # So are the records of a canary put where they wait to be counted.
    "DROP TRIGGER canaries_hear_of_records",
)

POLICIES: tuple[str, ...] = (
    # The text of every configuration that was in force, without its secrets; its SHA-256 is its digest.
    """
    CREATE TABLE policies (
        digest TEXT PRIMARY KEY,
        text   BLOB NOT NULL
    ) WITHOUT ROWID
    """,
)

WAITING_PAIRS: tuple[str, ...] = (
    # The pairs that are not graded yet. Without it every round of the rollouts passed over all that were ever graded.
    "CREATE INDEX shadow_pairs_waiting ON shadow_pairs (number) WHERE graded = 0",
    "DROP INDEX shadow_pairs_by_workload",  # nothing is looked up by it
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    CALLERS_AND_RECORDS,
    LEDGER,
    ITEMS,
    CANARIES,
    UNWRITTEN,
    SUMS_BY_BATCH,
    CANARIES_BY_BATCH,
    POLICIES,
    WAITING_PAIRS,
)
