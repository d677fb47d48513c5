-- +goose Up
-- phone_number is E.164: country_code and national_number joined. A verified
-- number belongs to one person of the deployment, an unverified one blocks
-- nobody.
CREATE TABLE user_phone_numbers (
    id              BIGINT PRIMARY KEY,
    deployment_id   BIGINT NOT NULL REFERENCES deployments (id),
    user_id         BIGINT NOT NULL REFERENCES users (id),
    phone_number    TEXT NOT NULL,
    country_code    TEXT NOT NULL,
    national_number TEXT NOT NULL,
    verified_at     BIGINT,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    ended_at        BIGINT
);
CREATE UNIQUE INDEX user_phone_numbers_verified ON user_phone_numbers (deployment_id, phone_number) WHERE verified_at IS NOT NULL AND ended_at IS NULL;
CREATE UNIQUE INDEX user_phone_numbers_claimed ON user_phone_numbers (user_id, phone_number) WHERE ended_at IS NULL;
CREATE INDEX user_phone_numbers_number ON user_phone_numbers (deployment_id, phone_number) WHERE ended_at IS NULL;
CREATE INDEX user_phone_numbers_national ON user_phone_numbers (deployment_id, national_number) WHERE verified_at IS NOT NULL AND ended_at IS NULL;

-- Text messages wait in the same table as mails.
ALTER TABLE mails ADD COLUMN channel TEXT NOT NULL DEFAULT 'mail' CHECK (channel IN ('mail', 'text'));

-- +goose Down
ALTER TABLE mails DROP COLUMN channel;
DROP TABLE user_phone_numbers;
