-- +goose Up
-- The newest link that was mailed for an attempt to sign in, as the SHA-256 of
-- its secret.
CREATE TABLE magic_links (
    signin_attempt_id BIGINT PRIMARY KEY REFERENCES signin_attempts (id) ON DELETE CASCADE,
    hash              BYTEA NOT NULL,
    created_at        BIGINT NOT NULL,
    expires_at        BIGINT NOT NULL,
    used_at           BIGINT
);
CREATE UNIQUE INDEX magic_links_hash ON magic_links (hash);

-- A browser's wish to set a new password for an address; user_id is empty when
-- nobody has proven it. The mailed code of one_time_codes earns a token, which
-- is kept as its SHA-256 and works once.
CREATE TABLE password_resets (
    id               BIGINT PRIMARY KEY,
    deployment_id    BIGINT NOT NULL REFERENCES deployments (id),
    session_id       BIGINT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    user_id          BIGINT REFERENCES users (id),
    email            TEXT NOT NULL,
    token_hash       BYTEA,
    token_expires_at BIGINT,
    created_at       BIGINT NOT NULL,
    expires_at       BIGINT NOT NULL,
    used_at          BIGINT
);
CREATE UNIQUE INDEX password_resets_token ON password_resets (token_hash) WHERE token_hash IS NOT NULL;
CREATE INDEX password_resets_of_session ON password_resets (session_id, id);
CREATE INDEX password_resets_of_user ON password_resets (user_id) WHERE used_at IS NULL;

-- +goose Down
DROP TABLE password_resets;
DROP TABLE magic_links;
