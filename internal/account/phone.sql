-- name: Phone :one
SELECT * FROM user_phone_numbers WHERE id = @id AND user_id = @user_id AND ended_at IS NULL;

-- name: CountPhones :one
SELECT COUNT(*) FROM user_phone_numbers WHERE user_id = @user_id AND ended_at IS NULL;

-- name: EndPhone :exec
UPDATE user_phone_numbers SET ended_at = @now, updated_at = @now WHERE id = @id AND user_id = @user_id AND ended_at IS NULL;

-- name: EndPhones :exec
UPDATE user_phone_numbers SET ended_at = @now, updated_at = @now WHERE user_id = @user_id AND ended_at IS NULL;
