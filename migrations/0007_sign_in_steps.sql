-- +goose Up
-- What a sign-in found out once the first factor was proven, as lists separated
-- by spaces: the second factors that may be used, and the fields of the profile
-- that are missing. A try of a second factor is counted before it is compared.
-- second_address is where a code of the second factor was sent last.
ALTER TABLE signin_attempts ADD COLUMN second_methods TEXT NOT NULL DEFAULT '';
ALTER TABLE signin_attempts ADD COLUMN second_factor TEXT NOT NULL DEFAULT '';
ALTER TABLE signin_attempts ADD COLUMN second_address TEXT NOT NULL DEFAULT '';
ALTER TABLE signin_attempts ADD COLUMN second_tries BIGINT NOT NULL DEFAULT 0;
ALTER TABLE signin_attempts ADD COLUMN missing_fields TEXT NOT NULL DEFAULT '';
CREATE INDEX signin_attempts_open ON signin_attempts (user_id) WHERE completed_at IS NULL;

-- A sign-in that has yet to set up the second factor which the deployment or
-- the person asks for, and may do nothing else.
ALTER TABLE signins ADD COLUMN restricted_to TEXT NOT NULL DEFAULT '' CHECK (restricted_to IN ('', 'enrolment'));

-- +goose Down
ALTER TABLE signins DROP COLUMN restricted_to;
DROP INDEX signin_attempts_open;
ALTER TABLE signin_attempts DROP COLUMN missing_fields;
ALTER TABLE signin_attempts DROP COLUMN second_tries;
ALTER TABLE signin_attempts DROP COLUMN second_address;
ALTER TABLE signin_attempts DROP COLUMN second_factor;
ALTER TABLE signin_attempts DROP COLUMN second_methods;
