-- +goose Up
CREATE TABLE users (
    id                       BIGINT PRIMARY KEY,
    deployment_id            BIGINT NOT NULL REFERENCES deployments (id),
    first_name               TEXT NOT NULL DEFAULT '',
    last_name                TEXT NOT NULL DEFAULT '',
    username                 TEXT NOT NULL DEFAULT '',
    username_key             TEXT,
    search                   TEXT NOT NULL DEFAULT '',
    availability             TEXT NOT NULL DEFAULT 'available' CHECK (availability IN ('available', 'busy', 'away')),
    password_hash            TEXT NOT NULL DEFAULT '',
    second_factor_policy     TEXT NOT NULL DEFAULT 'none' CHECK (second_factor_policy IN ('none', 'optional', 'enforced')),
    profile_picture_url      TEXT NOT NULL DEFAULT '',
    primary_email_address_id BIGINT,
    primary_phone_number_id  BIGINT,
    public_metadata          TEXT NOT NULL DEFAULT '{}',
    private_metadata         TEXT NOT NULL DEFAULT '{}',
    created_at               BIGINT NOT NULL,
    updated_at               BIGINT NOT NULL,
    disabled_at              BIGINT,
    ended_at                 BIGINT
);
CREATE UNIQUE INDEX users_username ON users (deployment_id, username_key) WHERE ended_at IS NULL;

-- email is the normal form; a verified address belongs to one person of the
-- deployment, an unverified one blocks nobody.
CREATE TABLE user_email_addresses (
    id                    BIGINT PRIMARY KEY,
    deployment_id         BIGINT NOT NULL REFERENCES deployments (id),
    user_id               BIGINT NOT NULL REFERENCES users (id),
    email                 TEXT NOT NULL,
    typed                 TEXT NOT NULL,
    verified_at           BIGINT,
    verification_strategy TEXT NOT NULL DEFAULT 'email_otp',
    created_at            BIGINT NOT NULL,
    updated_at            BIGINT NOT NULL,
    ended_at              BIGINT
);
CREATE UNIQUE INDEX user_email_addresses_verified ON user_email_addresses (deployment_id, email) WHERE verified_at IS NOT NULL AND ended_at IS NULL;
CREATE UNIQUE INDEX user_email_addresses_claimed ON user_email_addresses (user_id, email) WHERE ended_at IS NULL;
CREATE INDEX user_email_addresses_email ON user_email_addresses (deployment_id, email);

-- +goose Down
DROP TABLE user_email_addresses;
DROP TABLE users;
