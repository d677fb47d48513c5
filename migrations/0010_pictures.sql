-- +goose Up
-- A profile picture in its two sizes, as this server has encoded it.
CREATE TABLE pictures (
    id            BIGINT PRIMARY KEY,
    deployment_id BIGINT NOT NULL REFERENCES deployments (id),
    user_id       BIGINT NOT NULL REFERENCES users (id),
    content_type  TEXT NOT NULL CHECK (content_type IN ('image/jpeg', 'image/png')),
    small         BYTEA NOT NULL,
    large         BYTEA NOT NULL,
    created_at    BIGINT NOT NULL
);
CREATE INDEX pictures_of_user ON pictures (user_id);

-- +goose Down
DROP TABLE pictures;
