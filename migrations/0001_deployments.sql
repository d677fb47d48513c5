-- Ids are BIGINT (63-bit), times BIGINT milliseconds of the epoch, JSON is TEXT
-- read whole by the server. ended_at is set instead of deleting a row.

-- +goose Up
-- A process leases a number, so that two never make the same id.
CREATE TABLE nodes (
    number       BIGINT PRIMARY KEY,
    holder       TEXT NOT NULL,
    leased_until BIGINT NOT NULL
);

-- public_url is the address that the server was last started with.
CREATE TABLE deployments (
    id         BIGINT PRIMARY KEY,
    name       TEXT NOT NULL,
    public_url TEXT NOT NULL DEFAULT '',
    settings   TEXT NOT NULL,
    version    BIGINT NOT NULL DEFAULT 1,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- The private half is sealed with the server's key.
CREATE TABLE signing_keys (
    id            BIGINT PRIMARY KEY,
    deployment_id BIGINT NOT NULL REFERENCES deployments (id),
    kid           TEXT NOT NULL,
    public_key    TEXT NOT NULL,
    private_key   BYTEA NOT NULL,
    created_at    BIGINT NOT NULL,
    active_from   BIGINT NOT NULL,
    retired_at    BIGINT
);
CREATE UNIQUE INDEX signing_keys_kid ON signing_keys (deployment_id, kid);

-- Who did what, written in the transaction of the change.
CREATE TABLE events (
    id              BIGINT PRIMARY KEY,
    deployment_id   BIGINT NOT NULL REFERENCES deployments (id),
    organization_id BIGINT,
    workspace_id    BIGINT,
    actor_id        BIGINT,
    session_id      BIGINT,
    name            TEXT NOT NULL,
    subject_id      BIGINT,
    data            TEXT NOT NULL DEFAULT '{}',
    ip_address      TEXT NOT NULL DEFAULT '',
    user_agent      TEXT NOT NULL DEFAULT '',
    created_at      BIGINT NOT NULL
);
CREATE INDEX events_of_organization ON events (deployment_id, organization_id, id);
CREATE INDEX events_of_subject ON events (deployment_id, subject_id, id);
CREATE INDEX events_of_actor ON events (deployment_id, actor_id, id);

-- A mail waits here, its content sealed, until it is sent; then the content is
-- dropped and the row stays for a month as the record of delivery. due_at is
-- when to try next: whoever tries sets it ahead first, so that no other does.
CREATE TABLE mails (
    id            BIGINT PRIMARY KEY,
    deployment_id BIGINT NOT NULL REFERENCES deployments (id),
    kind          TEXT NOT NULL,
    recipient     TEXT NOT NULL,
    subject_id    BIGINT,
    code          BOOLEAN NOT NULL,
    content       BYTEA,
    status        TEXT NOT NULL CHECK (status IN ('queued', 'sent', 'failed')),
    error         TEXT NOT NULL DEFAULT '',
    created_at    BIGINT NOT NULL,
    due_at        BIGINT,
    ended_at      BIGINT
);
CREATE INDEX mails_due ON mails (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX mails_to ON mails (deployment_id, recipient, created_at);

-- The built-in mailbox of staging.
CREATE TABLE mailbox_messages (
    id            BIGINT PRIMARY KEY,
    deployment_id BIGINT NOT NULL REFERENCES deployments (id),
    kind          TEXT NOT NULL,
    recipient     TEXT NOT NULL,
    sender        TEXT NOT NULL,
    subject       TEXT NOT NULL,
    text          TEXT NOT NULL,
    html          TEXT NOT NULL,
    code          TEXT NOT NULL,
    links         TEXT NOT NULL,
    sent_at       BIGINT NOT NULL
);
CREATE INDEX mailbox_messages_to ON mailbox_messages (deployment_id, recipient, id);

-- +goose Down
DROP TABLE mailbox_messages;
DROP TABLE mails;
DROP TABLE events;
DROP TABLE signing_keys;
DROP TABLE deployments;
DROP TABLE nodes;
