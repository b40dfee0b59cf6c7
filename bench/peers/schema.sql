-- The tables of every peer: the same facts, ledger, lots and balances, without cursor, versions of facets or outbox.
CREATE TABLE orders (
    order_id        text PRIMARY KEY,
    merchant_id     text        NOT NULL,
    customer_id     text        NOT NULL,
    status          text        NOT NULL,
    delivery_status text        NOT NULL,
    base_cents      bigint      NOT NULL,
    currency        text        NOT NULL,
    updated_at      timestamptz NOT NULL,
    granted_at      timestamptz
);

CREATE TABLE ledger (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    merchant_id text        NOT NULL,
    customer_id text        NOT NULL,
    order_id    text        NOT NULL,
    kind        text        NOT NULL,
    points      bigint      NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (order_id, kind)
);

CREATE TABLE lots (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    merchant_id text        NOT NULL,
    customer_id text        NOT NULL,
    order_id    text        NOT NULL,
    points      bigint      NOT NULL,
    remaining   bigint      NOT NULL,
    expires_at  timestamptz NOT NULL
);

CREATE INDEX lots_soonest_first ON lots (merchant_id, customer_id, expires_at) WHERE remaining > 0;

CREATE TABLE balances (
    merchant_id text,
    customer_id text,
    balance     bigint NOT NULL,
    PRIMARY KEY (merchant_id, customer_id)
);

CREATE TABLE processed_events (
    event_id text PRIMARY KEY,
    seen_at  timestamptz NOT NULL DEFAULT now()
);
