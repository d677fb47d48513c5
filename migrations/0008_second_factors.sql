-- +goose Up
-- TOTP authenticators. The secret is sealed with the server's key, and dropped
-- when the row ends. last_step is the newest time step whose code was used, so
-- that each works once; tries are those to verify a new one.
CREATE TABLE user_authenticators (
    id            BIGINT PRIMARY KEY,
    deployment_id BIGINT NOT NULL REFERENCES deployments (id),
    user_id       BIGINT NOT NULL REFERENCES users (id),
    secret        BYTEA,
    last_step     BIGINT NOT NULL DEFAULT 0,
    tries         BIGINT NOT NULL DEFAULT 0,
    created_at    BIGINT NOT NULL,
    verified_at   BIGINT,
    ended_at      BIGINT
);
CREATE INDEX user_authenticators_of_user ON user_authenticators (user_id) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX user_authenticators_verified ON user_authenticators (user_id) WHERE verified_at IS NOT NULL AND ended_at IS NULL;
CREATE UNIQUE INDEX user_authenticators_new ON user_authenticators (user_id) WHERE verified_at IS NULL AND ended_at IS NULL;

-- The backup codes of a person: HMACs of 32 bytes, one after the other. Bit n
-- of used is set once code n is used.
CREATE TABLE user_backup_codes (
    user_id       BIGINT PRIMARY KEY REFERENCES users (id),
    deployment_id BIGINT NOT NULL REFERENCES deployments (id),
    hashes        BYTEA NOT NULL,
    used          BIGINT NOT NULL DEFAULT 0,
    created_at    BIGINT NOT NULL
);

-- What a person has, in the row that is read anyhow: the verified
-- authenticator, and whether there are backup codes.
ALTER TABLE users ADD COLUMN authenticator_id BIGINT;
ALTER TABLE users ADD COLUMN authenticator_created_at BIGINT;
ALTER TABLE users ADD COLUMN has_backup_codes BOOLEAN NOT NULL DEFAULT FALSE;

-- +goose Down
ALTER TABLE users DROP COLUMN has_backup_codes;
ALTER TABLE users DROP COLUMN authenticator_created_at;
ALTER TABLE users DROP COLUMN authenticator_id;
DROP TABLE user_backup_codes;
DROP TABLE user_authenticators;
