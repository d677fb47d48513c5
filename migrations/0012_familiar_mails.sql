-- +goose Up
-- Whether a message was asked for by its recipient, as far as can be told: what
-- strangers have sent does not count against these.
ALTER TABLE mails ADD COLUMN familiar BOOLEAN NOT NULL DEFAULT FALSE;

-- +goose Down
ALTER TABLE mails DROP COLUMN familiar;
