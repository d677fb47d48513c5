-- name: InsertEntry :one
-- No row when the address waits already: whoever joins again changes nothing.
INSERT INTO waitlist_entries (id, deployment_id, email, first_name, last_name, created_at, updated_at)
VALUES (@id, @deployment_id, @email, @first_name, @last_name, @now, @now)
ON CONFLICT (deployment_id, email) DO NOTHING
RETURNING *;

-- name: EntryOfEmail :one
SELECT * FROM waitlist_entries WHERE deployment_id = @deployment_id AND email = @email;

-- name: Approve :one
-- The links of earlier approvals stop working.
UPDATE waitlist_entries
SET generation = generation + 1, approved_at = @now, expires_at = @expires_at, mail_due_at = @now, updated_at = @now
WHERE deployment_id = @deployment_id AND email = @email
RETURNING *;

-- name: ApprovedEntry :one
-- used when somebody has proven the address since, whoever they are.
SELECT sqlc.embed(w), EXISTS (
    SELECT 1 FROM user_email_addresses e
    WHERE e.deployment_id = w.deployment_id AND e.email = w.email AND e.verified_at >= w.approved_at
) AS used
FROM waitlist_entries w
WHERE w.id = @id AND w.deployment_id = @deployment_id AND w.generation > 0;

-- name: ClaimMails :many
-- Takes approvals that are to be mailed out of every other node's reach until
-- the lease ends.
UPDATE waitlist_entries SET mail_due_at = @leased_until
WHERE id IN (
    SELECT due.id FROM waitlist_entries AS due
    WHERE due.mail_due_at <= @now
    ORDER BY due.mail_due_at, due.id
    LIMIT @n
    FOR UPDATE SKIP LOCKED
)
RETURNING *;

-- name: EndMail :one
-- No row when another node has mailed this approval, or a newer one replaced it.
UPDATE waitlist_entries SET mail_due_at = NULL
WHERE id = @id AND generation = @generation AND mail_due_at IS NOT NULL
RETURNING id;

-- name: Entries :many
-- A page of those after an id, in the order of joining, with whether somebody
-- has an account with the address now.
SELECT sqlc.embed(w), EXISTS (
    SELECT 1 FROM user_email_addresses e
    WHERE e.deployment_id = w.deployment_id AND e.email = w.email AND e.verified_at IS NOT NULL AND e.ended_at IS NULL
) AS joined
FROM waitlist_entries w
WHERE w.deployment_id = @deployment_id AND w.id > @after::bigint
ORDER BY w.id LIMIT @page;
