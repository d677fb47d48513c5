-- name: InsertSignUpAttempt :exec
INSERT INTO signup_attempts (id, deployment_id, session_id, first_name, last_name, email, typed_email, username, phone_number, phone_country,
    password_hash, invitation_id, steps, email_verified_at, created_at, updated_at, expires_at)
VALUES (@id, @deployment_id, @session_id, @first_name, @last_name, @email, @typed_email, @username, @phone_number, @phone_country,
    @password_hash, @invitation_id, @steps, @email_verified_at, @now, @now, @expires_at);

-- name: OpenSignUpAttempt :one
-- With id 0: the newest of the browser.
SELECT * FROM signup_attempts
WHERE session_id = @session_id AND (id = @id OR @newest::boolean) AND completed_at IS NULL AND expires_at > @now
ORDER BY id DESC LIMIT 1;

-- name: AdvanceSignUp :one
-- The current step is done. No row when another request has done it already.
UPDATE signup_attempts SET steps = @steps, email_verified_at = @email_verified_at, phone_verified_at = @phone_verified_at, updated_at = @now
WHERE id = @id AND session_id = @session_id AND steps = @was AND completed_at IS NULL AND expires_at > @now
RETURNING id;

-- name: CompleteSignUpAttempt :one
-- The password is the person's from now on. No row when another request has
-- completed it already.
UPDATE signup_attempts SET user_id = @user_id, password_hash = '', completed_at = @now, updated_at = @now
WHERE id = @id AND session_id = @session_id AND steps = '' AND completed_at IS NULL
RETURNING id;

-- name: InsertSignInAttempt :exec
INSERT INTO signin_attempts (id, deployment_id, session_id, user_id, identifier, method, steps, created_at, updated_at, expires_at)
VALUES (@id, @deployment_id, @session_id, @user_id, @identifier, @method, @steps, @now, @now, @expires_at);

-- name: OpenSignInAttempt :one
-- With id 0: the newest of the browser.
SELECT * FROM signin_attempts
WHERE session_id = @session_id AND (id = @id OR @newest::boolean) AND completed_at IS NULL AND expires_at > @now
ORDER BY id DESC LIMIT 1;

-- name: AdvanceSignIn :one
-- The current step is done, these remain. No row when another request has done
-- it already.
UPDATE signin_attempts SET steps = @steps, first_factor_at = @first_factor_at, second_factor_at = @second_factor_at,
    second_factor = @second_factor, second_methods = @second_methods, missing_fields = @missing_fields, updated_at = @now
WHERE id = @id AND session_id = @session_id AND steps = @was AND completed_at IS NULL AND expires_at > @now
RETURNING id;

-- name: CompleteSignInAttempt :one
-- No row when another request has completed it already.
UPDATE signin_attempts SET steps = '', first_factor_at = @first_factor_at, second_factor_at = @second_factor_at,
    second_factor = @second_factor, missing_fields = '', signin_id = @signin_id, completed_at = @now, updated_at = @now
WHERE id = @id AND session_id = @session_id AND steps = @was AND completed_at IS NULL AND expires_at > @now
RETURNING id;

-- name: TrySecondFactor :one
-- Counts the try before the code is compared. No row after the last one.
UPDATE signin_attempts SET second_tries = second_tries + 1, updated_at = @now
WHERE id = @id AND session_id = @session_id AND steps = @steps AND second_tries < @most AND completed_at IS NULL AND expires_at > @now
RETURNING second_tries;

-- name: NoteSecondAddress :exec
UPDATE signin_attempts SET second_address = @second_address, updated_at = @now WHERE id = @id AND session_id = @session_id;

-- name: LockPerson :one
-- What decides how a sign-in goes on. Whoever sets up a second factor meanwhile
-- waits, and the other way round.
SELECT u.first_name, u.last_name, u.username, u.username_key, u.password_hash, u.second_factor_policy, u.disabled_at,
    CAST(COALESCE((SELECT e.email FROM user_email_addresses e WHERE e.id = u.primary_email_address_id), '') AS TEXT) AS primary_email,
    EXISTS (SELECT 1 FROM user_email_addresses e WHERE e.user_id = u.id AND e.ended_at IS NULL) AS has_email,
    EXISTS (SELECT 1 FROM user_phone_numbers p WHERE p.user_id = u.id AND p.ended_at IS NULL) AS has_phone
FROM users u WHERE u.id = @id AND u.deployment_id = @deployment_id AND u.ended_at IS NULL FOR UPDATE;

-- name: ClaimantOfEmail :one
-- Who came first with an address that nobody has proven, and has proven none.
SELECT u.id, u.password_hash, u.disabled_at FROM user_email_addresses e JOIN users u ON u.id = e.user_id
WHERE e.deployment_id = @deployment_id AND e.email = @email AND e.verified_at IS NULL AND e.ended_at IS NULL AND u.ended_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM user_email_addresses v WHERE v.user_id = u.id AND v.verified_at IS NOT NULL AND v.ended_at IS NULL)
ORDER BY e.id LIMIT 1;

-- name: FillProfile :exec
UPDATE users SET first_name = @first_name, last_name = @last_name, username = @username, username_key = sqlc.narg('username_key'),
    search = @search, updated_at = @now
WHERE id = @id;

-- name: ExtendAttempts :exec
UPDATE sessions SET attempts_end_at = @attempts_end_at, updated_at = @now WHERE id = @id;

-- name: DeleteSignInAttempts :exec
-- With their links.
DELETE FROM signin_attempts WHERE id < @before;

-- name: DeleteSignUpAttempts :exec
DELETE FROM signup_attempts WHERE id < @before;
