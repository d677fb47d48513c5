-- name: PhoneNumbers :many
SELECT * FROM user_phone_numbers
WHERE user_id = ANY(@ids::bigint[]) AND ended_at IS NULL
ORDER BY id;

-- name: VerifiedPhones :many
-- The primary number first.
SELECT p.phone_number FROM user_phone_numbers p JOIN users u ON u.id = p.user_id
WHERE p.user_id = @user_id AND p.verified_at IS NOT NULL AND p.ended_at IS NULL
ORDER BY CASE WHEN p.id = u.primary_phone_number_id THEN 0 ELSE 1 END, p.id;

-- name: OwnerOfVerifiedPhone :one
SELECT u.id, u.password_hash, u.disabled_at FROM user_phone_numbers p JOIN users u ON u.id = p.user_id
WHERE p.deployment_id = @deployment_id AND p.phone_number = @phone_number
    AND p.verified_at IS NOT NULL AND p.ended_at IS NULL AND u.ended_at IS NULL;

-- name: OwnersOfDigits :many
-- One row more than is wanted tells that the digits are ambiguous.
SELECT p.phone_number, p.user_id FROM user_phone_numbers p JOIN users u ON u.id = p.user_id
WHERE p.deployment_id = @deployment_id AND (p.national_number = ANY(@national::text[]) OR p.phone_number = @phone_number)
    AND p.verified_at IS NOT NULL AND p.ended_at IS NULL AND u.ended_at IS NULL
LIMIT 2;

-- name: InsertPhone :exec
INSERT INTO user_phone_numbers (id, deployment_id, user_id, phone_number, country_code, national_number, verified_at, created_at, updated_at)
VALUES (@id, @deployment_id, @user_id, @phone_number, @country_code, @national_number, @verified_at, @now, @now);

-- name: LockPhoneClaims :exec
-- Whoever is about to prove a number waits here for everybody else who is.
SELECT id FROM user_phone_numbers
WHERE deployment_id = @deployment_id AND phone_number = @phone_number AND ended_at IS NULL
ORDER BY id FOR UPDATE;

-- name: VerifyPhone :one
-- No row when the number is not claimed by the person any more.
UPDATE user_phone_numbers SET verified_at = @now, updated_at = @now
WHERE id = @id AND user_id = @user_id AND verified_at IS NULL AND ended_at IS NULL
RETURNING deployment_id;

-- name: DropPhoneClaims :exec
-- Whoever proves a number takes it from those who only claimed it.
UPDATE user_phone_numbers SET ended_at = @now, updated_at = @now
WHERE deployment_id = @deployment_id AND phone_number = @phone_number AND verified_at IS NULL AND ended_at IS NULL;
