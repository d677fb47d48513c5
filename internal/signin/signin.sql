-- name: InsertSignUpAttempt :exec
INSERT INTO signup_attempts (id, deployment_id, session_id, first_name, last_name, email, typed_email, username, phone_number, phone_country,
    password_hash, invitation_id, steps, created_at, updated_at, expires_at)
VALUES (@id, @deployment_id, @session_id, @first_name, @last_name, @email, @typed_email, @username, '', '',
    @password_hash, @invitation_id, @steps, @now, @now, @expires_at);

-- name: OpenSignUpAttempt :one
-- With id 0: the newest of the browser.
SELECT * FROM signup_attempts
WHERE session_id = @session_id AND (id = @id OR @newest::boolean) AND completed_at IS NULL AND expires_at > @now
ORDER BY id DESC LIMIT 1;

-- name: CompleteSignUpAttempt :one
-- No row when another request has completed it already.
UPDATE signup_attempts SET steps = '', email_verified_at = @now, user_id = @user_id, completed_at = @now, updated_at = @now
WHERE id = @id AND session_id = @session_id AND completed_at IS NULL
RETURNING id;

-- name: InsertSignInAttempt :exec
INSERT INTO signin_attempts (id, deployment_id, session_id, user_id, identifier, method, steps, created_at, updated_at, expires_at)
VALUES (@id, @deployment_id, @session_id, @user_id, @identifier, @method, @steps, @now, @now, @expires_at);

-- name: OpenSignInAttempt :one
-- With id 0: the newest of the browser.
SELECT * FROM signin_attempts
WHERE session_id = @session_id AND (id = @id OR @newest::boolean) AND completed_at IS NULL AND expires_at > @now
ORDER BY id DESC LIMIT 1;

-- name: CompleteSignInAttempt :one
-- No row when another request has completed it already.
UPDATE signin_attempts SET steps = '', first_factor_at = @now, signin_id = @signin_id, completed_at = @now, updated_at = @now
WHERE id = @id AND session_id = @session_id AND completed_at IS NULL
RETURNING id;

-- name: ExtendAttempts :exec
UPDATE sessions SET attempts_end_at = @attempts_end_at, updated_at = @now WHERE id = @id;

-- name: PutCode :exec
-- A newer code replaces the older one, with its tries.
INSERT INTO one_time_codes (purpose, subject_id, deployment_id, address, code_hash, created_at, expires_at)
VALUES (@purpose, @subject_id, @deployment_id, @address, @code_hash, @now, @expires_at)
ON CONFLICT (purpose, subject_id) DO UPDATE SET address = excluded.address, code_hash = excluded.code_hash, tries = 0,
    created_at = excluded.created_at, expires_at = excluded.expires_at, used_at = NULL;

-- name: TryCode :one
-- Counts the try before the code is compared. No row without a live code, or
-- after the last try.
UPDATE one_time_codes SET tries = tries + 1
WHERE purpose = @purpose AND subject_id = @subject_id AND used_at IS NULL AND tries < @most
RETURNING code_hash, address, expires_at;

-- name: UseCode :one
-- No row when another request used it first.
UPDATE one_time_codes SET used_at = @now WHERE purpose = @purpose AND subject_id = @subject_id AND used_at IS NULL
RETURNING subject_id;
