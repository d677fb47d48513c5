-- +goose Up
-- A picture of a person, an organization or a workspace in its two sizes, as
-- this server has encoded it. subject_id is the id of whoever is shown; ids are
-- unique over all nouns.
CREATE TABLE pictures (
    id            BIGINT PRIMARY KEY,
    deployment_id BIGINT NOT NULL REFERENCES deployments (id),
    subject_id    BIGINT NOT NULL,
    content_type  TEXT NOT NULL CHECK (content_type IN ('image/jpeg', 'image/png')),
    small         BYTEA NOT NULL,
    large         BYTEA NOT NULL,
    created_at    BIGINT NOT NULL
);
CREATE UNIQUE INDEX pictures_of_subject ON pictures (subject_id);

-- +goose Down
DROP TABLE pictures;
