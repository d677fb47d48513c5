-- name: Take :one
-- Counts one more. No row when that would be more than the rate allows; two
-- callers at once wait for each other.
INSERT INTO tries (key, full_ns) VALUES (@key, @fresh)
ON CONFLICT (key) DO UPDATE SET full_ns = CASE WHEN tries.full_ns > @now::bigint THEN tries.full_ns + @step::bigint ELSE excluded.full_ns END
    WHERE tries.full_ns <= @latest::bigint
RETURNING full_ns;

-- name: FullAt :one
SELECT full_ns FROM tries WHERE key = @key;

-- name: Refund :exec
UPDATE tries SET full_ns = full_ns - @step::bigint WHERE key = @key;

-- name: DeleteForgotten :exec
-- What has all of its burst again needs no row.
DELETE FROM tries WHERE full_ns < @now::bigint;
