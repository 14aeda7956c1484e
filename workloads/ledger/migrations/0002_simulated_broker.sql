-- The book of the simulated broker. It knows accounts and orders only, no strategy, lease or epoch: a real
-- broker would not either, so that a reconciliation against it proves something. No foreign key leaves it.

CREATE TABLE simulated_accounts (
    account   TEXT PRIMARY KEY,
    cash      TEXT NOT NULL,
    -- The last bar that the broker has worked through; empty before the first one.
    last_bar  TEXT NOT NULL,
    orders    BIGINT NOT NULL
);

CREATE TABLE simulated_orders (
    account          TEXT NOT NULL REFERENCES simulated_accounts (account),
    client_order_id  TEXT NOT NULL,
    broker_order_id  BIGINT NOT NULL,
    bar              TEXT NOT NULL,
    ticker           TEXT NOT NULL,
    side             TEXT NOT NULL CHECK (side IN ('Buy', 'Sell')),
    quantity         TEXT NOT NULL,
    -- What else the fill model needs, as JSON.
    terms            TEXT NOT NULL,
    state            TEXT NOT NULL,
    message          TEXT,
    PRIMARY KEY (account, client_order_id),
    UNIQUE (account, broker_order_id)
);
CREATE INDEX simulated_orders_by_state ON simulated_orders (account, state);
CREATE INDEX simulated_orders_by_bar ON simulated_orders (account, bar);

CREATE TABLE simulated_fills (
    account          TEXT NOT NULL,
    client_order_id  TEXT NOT NULL,
    fill             BIGINT NOT NULL,
    session          TEXT NOT NULL,
    filled_at        TEXT NOT NULL,
    quantity         TEXT NOT NULL,
    price            TEXT NOT NULL,
    commission       TEXT NOT NULL,
    PRIMARY KEY (account, client_order_id, fill),
    FOREIGN KEY (account, client_order_id) REFERENCES simulated_orders (account, client_order_id)
);

CREATE TABLE simulated_positions (
    account   TEXT NOT NULL REFERENCES simulated_accounts (account),
    ticker    TEXT NOT NULL,
    quantity  TEXT NOT NULL,
    -- What else the fill model needs, as JSON: the last price, the stop.
    terms     TEXT NOT NULL,
    PRIMARY KEY (account, ticker)
);
