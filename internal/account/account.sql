-- name: Person :one
SELECT * FROM users WHERE id = @id AND deployment_id = @deployment_id AND ended_at IS NULL;

-- name: LockPerson :one
-- Changes of one account take turns; who joins an organization waits too.
SELECT * FROM users WHERE id = @id AND deployment_id = @deployment_id AND ended_at IS NULL FOR UPDATE;

-- name: SaveProfile :exec
UPDATE users SET first_name = @first_name, last_name = @last_name, username = @username, username_key = sqlc.narg('username_key'),
    search = @search, second_factor_policy = @second_factor_policy, profile_picture_url = @profile_picture_url,
    primary_email_address_id = @primary_email_address_id, primary_phone_number_id = @primary_phone_number_id, updated_at = @now
WHERE id = @id;

-- name: TouchPerson :exec
UPDATE users SET updated_at = @now WHERE id = @id;

-- name: EndPerson :exec
-- The row stays, so that what they did stays theirs.
UPDATE users SET ended_at = @now, updated_at = @now, password_hash = '', profile_picture_url = '' WHERE id = @id;

-- name: Address :one
SELECT * FROM user_email_addresses WHERE id = @id AND user_id = @user_id AND ended_at IS NULL;

-- name: CountAddresses :one
SELECT COUNT(*) FROM user_email_addresses WHERE user_id = @user_id AND ended_at IS NULL;

-- name: EndAddress :exec
UPDATE user_email_addresses SET ended_at = @now, updated_at = @now WHERE id = @id AND user_id = @user_id AND ended_at IS NULL;

-- name: EndAddresses :exec
UPDATE user_email_addresses SET ended_at = @now, updated_at = @now WHERE user_id = @user_id AND ended_at IS NULL;
