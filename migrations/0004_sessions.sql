-- +goose Up
-- attempts_end_at is when the last open attempt to sign in or up ends, so that
-- most requests need not look for attempts. What belongs to a session goes with
-- it, when its last token is gone.
CREATE TABLE sessions (
    id               BIGINT PRIMARY KEY,
    deployment_id    BIGINT NOT NULL REFERENCES deployments (id),
    active_signin_id BIGINT,
    attempts_end_at   BIGINT,
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL
);

-- The SHA-256 of a browser's token. A rotated token works for a short time
-- more, for what it could do before (rotated_at).
CREATE TABLE session_tokens (
    hash       BYTEA PRIMARY KEY,
    session_id BIGINT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    rotated_at BIGINT,
    expires_at BIGINT NOT NULL
);
CREATE INDEX session_tokens_of_session ON session_tokens (session_id);
CREATE INDEX session_tokens_expired ON session_tokens (expires_at);

CREATE TABLE signins (
    id                                BIGINT PRIMARY KEY,
    deployment_id                     BIGINT NOT NULL REFERENCES deployments (id),
    session_id                        BIGINT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    user_id                           BIGINT NOT NULL REFERENCES users (id),
    method                            TEXT NOT NULL,
    second_factor                     TEXT NOT NULL DEFAULT '',
    active_organization_membership_id BIGINT REFERENCES organization_memberships (id),
    active_workspace_membership_id    BIGINT REFERENCES workspace_memberships (id),
    ip_address                        TEXT NOT NULL DEFAULT '',
    user_agent                        TEXT NOT NULL DEFAULT '',
    browser                           TEXT NOT NULL DEFAULT '',
    device                            TEXT NOT NULL DEFAULT '',
    city                              TEXT NOT NULL DEFAULT '',
    region                            TEXT NOT NULL DEFAULT '',
    region_code                       TEXT NOT NULL DEFAULT '',
    country                           TEXT NOT NULL DEFAULT '',
    country_code                      TEXT NOT NULL DEFAULT '',
    expires_at                        BIGINT NOT NULL,
    last_active_at                    BIGINT NOT NULL,
    created_at                        BIGINT NOT NULL,
    updated_at                        BIGINT NOT NULL,
    ended_at                          BIGINT
);
CREATE UNIQUE INDEX signins_live ON signins (session_id, user_id) WHERE ended_at IS NULL;
CREATE INDEX signins_of_user ON signins (user_id, id);
CREATE INDEX signins_in_organization ON signins (active_organization_membership_id) WHERE ended_at IS NULL;
CREATE INDEX signins_in_workspace ON signins (active_workspace_membership_id) WHERE ended_at IS NULL;

-- steps are the steps that remain, the current one first, separated by spaces.
CREATE TABLE signin_attempts (
    id                  BIGINT PRIMARY KEY,
    deployment_id       BIGINT NOT NULL REFERENCES deployments (id),
    session_id          BIGINT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    user_id             BIGINT REFERENCES users (id),
    identifier          TEXT NOT NULL,
    method              TEXT NOT NULL,
    steps               TEXT NOT NULL,
    first_factor_at     BIGINT,
    second_factor_at    BIGINT,
    signin_id           BIGINT,
    created_at          BIGINT NOT NULL,
    updated_at          BIGINT NOT NULL,
    expires_at          BIGINT NOT NULL,
    completed_at        BIGINT
);
CREATE INDEX signin_attempts_of_session ON signin_attempts (session_id, id);

CREATE TABLE signup_attempts (
    id                BIGINT PRIMARY KEY,
    deployment_id     BIGINT NOT NULL REFERENCES deployments (id),
    session_id        BIGINT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    user_id           BIGINT REFERENCES users (id),
    first_name        TEXT NOT NULL,
    last_name         TEXT NOT NULL,
    email             TEXT NOT NULL,
    typed_email       TEXT NOT NULL,
    username          TEXT NOT NULL,
    phone_number      TEXT NOT NULL,
    phone_country     TEXT NOT NULL,
    password_hash     TEXT NOT NULL,
    invitation_id     BIGINT REFERENCES organization_invitations (id),
    email_verified_at BIGINT,
    phone_verified_at BIGINT,
    steps             TEXT NOT NULL,
    created_at        BIGINT NOT NULL,
    updated_at        BIGINT NOT NULL,
    expires_at        BIGINT NOT NULL,
    completed_at      BIGINT
);
CREATE INDEX signup_attempts_of_session ON signup_attempts (session_id, id);

-- The newest code of a purpose for a subject (an attempt, an address). A try
-- is counted before the code is compared.
CREATE TABLE one_time_codes (
    purpose       TEXT NOT NULL,
    subject_id    BIGINT NOT NULL,
    deployment_id BIGINT NOT NULL REFERENCES deployments (id),
    address       TEXT NOT NULL,
    code_hash     BYTEA NOT NULL,
    tries         BIGINT NOT NULL DEFAULT 0,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    used_at       BIGINT,
    PRIMARY KEY (purpose, subject_id)
);
CREATE INDEX one_time_codes_expired ON one_time_codes (expires_at);

-- +goose Down
DROP TABLE one_time_codes;
DROP TABLE signup_attempts;
DROP TABLE signin_attempts;
DROP TABLE signins;
DROP TABLE session_tokens;
DROP TABLE sessions;
