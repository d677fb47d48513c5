-- name: Users :many
-- People with their primary address, those that left too: what they did stays
-- theirs.
SELECT sqlc.embed(users), e.email AS primary_email, e.verified_at AS primary_verified_at,
    e.verification_strategy AS primary_strategy, e.created_at AS primary_created_at, e.updated_at AS primary_updated_at,
    EXISTS (SELECT 1 FROM user_phone_numbers p WHERE p.user_id = users.id AND p.ended_at IS NULL) AS has_phones
FROM users LEFT JOIN user_email_addresses e ON e.id = users.primary_email_address_id
WHERE users.id = ANY(@ids::bigint[]);

-- name: EmailAddresses :many
SELECT * FROM user_email_addresses
WHERE user_id = ANY(@ids::bigint[]) AND ended_at IS NULL
ORDER BY id;

-- name: VerifiedEmails :many
SELECT email FROM user_email_addresses
WHERE user_id = @user_id AND verified_at IS NOT NULL AND ended_at IS NULL
ORDER BY id;

-- name: OwnerOfVerifiedEmail :one
SELECT u.id, u.password_hash, u.disabled_at FROM user_email_addresses e JOIN users u ON u.id = e.user_id
WHERE e.deployment_id = @deployment_id AND e.email = @email
    AND e.verified_at IS NOT NULL AND e.ended_at IS NULL AND u.ended_at IS NULL;

-- name: InsertUser :exec
INSERT INTO users (id, deployment_id, first_name, last_name, username, username_key, search, password_hash, primary_email_address_id, created_at, updated_at)
VALUES (@id, @deployment_id, @first_name, @last_name, @username, sqlc.narg('username_key'), @search, @password_hash, @primary_email_address_id, @now, @now);

-- name: SetPrimaryPhone :exec
UPDATE users SET primary_phone_number_id = @primary_phone_number_id WHERE id = @id;

-- name: InsertVerifiedEmail :exec
INSERT INTO user_email_addresses (id, deployment_id, user_id, email, typed, verified_at, verification_strategy, created_at, updated_at)
VALUES (@id, @deployment_id, @user_id, @email, @typed, @now, @strategy, @now, @now);

-- name: InsertClaim :exec
INSERT INTO user_email_addresses (id, deployment_id, user_id, email, typed, created_at, updated_at)
VALUES (@id, @deployment_id, @user_id, @email, @typed, @now, @now);

-- name: DropClaims :exec
-- Whoever proves an address takes it from those who only claimed it.
UPDATE user_email_addresses SET ended_at = @now, updated_at = @now
WHERE deployment_id = @deployment_id AND email = @email AND verified_at IS NULL AND ended_at IS NULL;

-- name: PeopleOfEmail :many
-- Everybody who has, or once had, the address verified.
SELECT DISTINCT user_id FROM user_email_addresses
WHERE deployment_id = @deployment_id AND email = @email AND verified_at IS NOT NULL
ORDER BY user_id;

-- name: LockClaims :exec
-- Whoever is about to prove an address waits here for everybody else who is.
SELECT id FROM user_email_addresses
WHERE deployment_id = @deployment_id AND email = @email AND ended_at IS NULL
ORDER BY id FOR UPDATE;

-- name: VerifyEmail :one
-- No row when the address is not claimed by the person any more.
UPDATE user_email_addresses SET verified_at = @now, verification_strategy = @strategy, updated_at = @now
WHERE id = @id AND user_id = @user_id AND verified_at IS NULL AND ended_at IS NULL
RETURNING deployment_id;
