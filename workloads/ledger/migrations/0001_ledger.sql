-- The ledger of trading strategies. One schema for SQLite and PostgreSQL: TEXT and BIGINT only.
-- Decimals are TEXT in plain notation without trailing zeros; instants are UTC TEXT of fixed width
-- (2024-01-02T21:00:00.000000Z), so that they sort as text; sessions are dates of the exchange (2024-01-02).

CREATE TABLE strategies (
    strategy   TEXT PRIMARY KEY,
    namespace  TEXT,
    name       TEXT NOT NULL,
    uid        TEXT
);
CREATE INDEX strategies_by_name ON strategies (name);

-- The fence: every write of a trading process is conditional on its epoch.
CREATE TABLE leases (
    strategy     TEXT PRIMARY KEY REFERENCES strategies (strategy),
    epoch        BIGINT NOT NULL,
    holder       TEXT NOT NULL,
    acquired_at  TEXT NOT NULL,
    expires_at   TEXT NOT NULL
);

-- Snapshot of the derived cash and the counter that orders the journal of a strategy.
CREATE TABLE accounts (
    strategy  TEXT PRIMARY KEY REFERENCES strategies (strategy),
    cash      TEXT NOT NULL,
    entries   BIGINT NOT NULL
);

CREATE TABLE runs (
    strategy         TEXT NOT NULL REFERENCES strategies (strategy),
    epoch            BIGINT NOT NULL,
    mode             TEXT NOT NULL,
    dataset_digest   TEXT NOT NULL,
    model_digest     TEXT,
    engine_revision  BIGINT NOT NULL,
    started_at       TEXT NOT NULL,
    PRIMARY KEY (strategy, epoch)
);

CREATE TABLE orders (
    client_order_id  TEXT PRIMARY KEY,
    strategy         TEXT NOT NULL REFERENCES strategies (strategy),
    entry            BIGINT NOT NULL,
    epoch            BIGINT NOT NULL,
    bar              TEXT NOT NULL,
    created_session  TEXT NOT NULL,
    ticker           TEXT NOT NULL,
    side             TEXT NOT NULL CHECK (side IN ('Buy', 'Sell')),
    quantity         TEXT NOT NULL,
    kind             TEXT NOT NULL,
    price            TEXT,
    purpose          TEXT NOT NULL,
    reason           TEXT NOT NULL,
    cuts             TEXT NOT NULL,
    state            TEXT NOT NULL CHECK (state IN ('New', 'Sent', 'PartiallyFilled', 'Filled', 'Cancelled', 'Rejected')),
    -- What is working after splits: the terms above stay as they were decided.
    working_quantity TEXT NOT NULL,
    working_price    TEXT,
    filled_quantity  TEXT NOT NULL,
    broker_order_id  TEXT,
    message          TEXT,
    created_at       TEXT NOT NULL,
    updated_at       TEXT NOT NULL,
    UNIQUE (strategy, entry)
);
CREATE INDEX orders_by_state ON orders (strategy, state);

CREATE TABLE fills (
    client_order_id  TEXT NOT NULL REFERENCES orders (client_order_id),
    fill             BIGINT NOT NULL CHECK (fill >= 1),
    strategy         TEXT NOT NULL REFERENCES strategies (strategy),
    entry            BIGINT NOT NULL,
    session          TEXT NOT NULL,
    filled_at        TEXT NOT NULL,
    ticker           TEXT NOT NULL,
    side             TEXT NOT NULL CHECK (side IN ('Buy', 'Sell')),
    quantity         TEXT NOT NULL,
    price            TEXT NOT NULL,
    commission       TEXT NOT NULL,
    PRIMARY KEY (client_order_id, fill),
    UNIQUE (strategy, entry)
);

-- A split changes a position without a fill; it is part of the journal from which positions are derived.
CREATE TABLE splits (
    strategy         TEXT NOT NULL REFERENCES strategies (strategy),
    ticker           TEXT NOT NULL,
    session          TEXT NOT NULL,
    entry            BIGINT NOT NULL,
    ratio            TEXT NOT NULL,
    quantity_before  TEXT NOT NULL,
    quantity_after   TEXT NOT NULL,
    PRIMARY KEY (strategy, ticker, session),
    UNIQUE (strategy, entry)
);

CREATE TABLE cash_movements (
    strategy  TEXT NOT NULL REFERENCES strategies (strategy),
    movement  TEXT NOT NULL,
    entry     BIGINT NOT NULL,
    session   TEXT NOT NULL,
    kind      TEXT NOT NULL,
    ticker    TEXT,
    amount    TEXT NOT NULL,
    PRIMARY KEY (strategy, movement),
    UNIQUE (strategy, entry)
);

-- Snapshot of the positions that the fills and splits derive.
CREATE TABLE positions (
    strategy        TEXT NOT NULL REFERENCES strategies (strategy),
    ticker          TEXT NOT NULL,
    quantity        TEXT NOT NULL,
    cost            TEXT NOT NULL,
    realized        TEXT NOT NULL,
    commission      TEXT NOT NULL,
    opened_session  TEXT,
    PRIMARY KEY (strategy, ticker)
);

CREATE TABLE equity (
    strategy        TEXT NOT NULL REFERENCES strategies (strategy),
    session         TEXT NOT NULL,
    equity          TEXT NOT NULL,
    cash            TEXT NOT NULL,
    gross_exposure  TEXT NOT NULL,
    net_exposure    TEXT NOT NULL,
    drawdown        TEXT NOT NULL,
    PRIMARY KEY (strategy, session)
);

CREATE TABLE engine_states (
    strategy         TEXT NOT NULL REFERENCES strategies (strategy),
    bar              TEXT NOT NULL,
    session          TEXT NOT NULL,
    engine_revision  BIGINT NOT NULL,
    state            TEXT NOT NULL,
    checksum         TEXT NOT NULL,
    saved_at         TEXT NOT NULL,
    PRIMARY KEY (strategy, bar)
);

CREATE TABLE decisions (
    strategy    TEXT NOT NULL REFERENCES strategies (strategy),
    bar         TEXT NOT NULL,
    session     TEXT NOT NULL,
    epoch       BIGINT NOT NULL,
    outcome     TEXT NOT NULL CHECK (outcome IN ('Decided', 'Stale', 'Halted')),
    orders      BIGINT NOT NULL,
    message     TEXT,
    decided_at  TEXT NOT NULL,
    PRIMARY KEY (strategy, bar)
);

CREATE TABLE halts (
    strategy  TEXT NOT NULL REFERENCES strategies (strategy),
    halt      TEXT NOT NULL,
    cause     TEXT NOT NULL,
    reason    TEXT NOT NULL,
    session   TEXT,
    at        TEXT NOT NULL,
    reset_at  TEXT,
    reset_by  TEXT,
    PRIMARY KEY (strategy, halt)
);
