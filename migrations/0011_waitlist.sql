-- +goose Up
-- People who wait until the operator lets them sign up. email is the normal
-- form. generation counts how often they were approved, each time with a new
-- link; mail_due_at is when the newest is to be mailed, empty once it was.
CREATE TABLE waitlist_entries (
    id            BIGINT PRIMARY KEY,
    deployment_id BIGINT NOT NULL REFERENCES deployments (id),
    email         TEXT NOT NULL,
    first_name    TEXT NOT NULL DEFAULT '',
    last_name     TEXT NOT NULL DEFAULT '',
    generation    BIGINT NOT NULL DEFAULT 0,
    approved_at   BIGINT,
    expires_at    BIGINT,
    mail_due_at   BIGINT,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL
);
CREATE UNIQUE INDEX waitlist_entries_email ON waitlist_entries (deployment_id, email);
CREATE INDEX waitlist_entries_mail ON waitlist_entries (mail_due_at) WHERE mail_due_at IS NOT NULL;

-- +goose Down
DROP TABLE waitlist_entries;
