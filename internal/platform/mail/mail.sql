-- name: Recent :one
-- What was queued for an address since a moment, from familiar browsers or from
-- all others: how many mails, how many of them codes, and when the first of each
-- and the last code of a kind were.
SELECT count(*) AS mails,
    CAST(COALESCE(min(created_at), 0) AS BIGINT) AS first_mail,
    count(*) FILTER (WHERE code) AS codes,
    CAST(COALESCE(min(created_at) FILTER (WHERE code), 0) AS BIGINT) AS first_code,
    CAST(COALESCE(max(created_at) FILTER (WHERE code AND kind = @kind), 0) AS BIGINT) AS last_of_kind
FROM mails
WHERE deployment_id = @deployment_id AND recipient = @recipient AND created_at > @created_at AND familiar = @familiar;

-- name: InsertMail :exec
INSERT INTO mails (id, deployment_id, channel, kind, recipient, subject_id, code, familiar, content, status, created_at, due_at)
VALUES (@id, @deployment_id, @channel, @kind, @recipient, @subject_id, @code, @familiar, @content, 'queued', @created_at, @due_at);

-- name: ClaimMails :many
-- Takes mails of a channel that are due, the longest waiting first, out of
-- everybody else's reach until the lease ends.
UPDATE mails SET due_at = @leased_until
WHERE id IN (
    SELECT due.id FROM mails AS due
    WHERE due.due_at <= @now AND due.channel = @channel
    ORDER BY due.due_at, due.id
    LIMIT @n
    FOR UPDATE SKIP LOCKED
)
RETURNING id, deployment_id, channel, kind, recipient, content, created_at;

-- name: EndMail :exec
UPDATE mails
SET status = @status, error = @error, content = NULL, due_at = NULL, ended_at = @ended_at
WHERE id = @id AND status = 'queued';

-- name: PostponeMail :exec
UPDATE mails SET due_at = @due_at, error = @error
WHERE id = @id AND status = 'queued';

-- name: DeleteOldMails :exec
DELETE FROM mails WHERE id < @before AND due_at IS NULL;
