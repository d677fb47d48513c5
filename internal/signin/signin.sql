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
