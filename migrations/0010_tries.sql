-- +goose Up
-- What may happen only so often, on all nodes together. key is the HMAC of what
-- is limited; full_ns is when it has again all of its burst, in nanoseconds of
-- the epoch, because rates are finer than milliseconds.
CREATE TABLE tries (
    key     BYTEA PRIMARY KEY,
    full_ns BIGINT NOT NULL
);
CREATE INDEX tries_full ON tries (full_ns);

-- Whether somebody has ever signed in to a browser.
CREATE INDEX signins_in_session ON signins (session_id, user_id);

-- +goose Down
DROP INDEX signins_in_session;
DROP TABLE tries;
