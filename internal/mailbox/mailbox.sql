-- name: StoreMessage :exec
-- A message that is already there was stored by a try whose end was lost.
INSERT INTO mailbox_messages (id, deployment_id, kind, recipient, sender, subject, text, html, code, links, sent_at)
VALUES (@id, @deployment_id, @kind, @recipient, @sender, @subject, @text, @html, @code, @links, @sent_at)
ON CONFLICT (id) DO NOTHING;

-- name: DropOldMessages :exec
DELETE FROM mailbox_messages
WHERE mailbox_messages.deployment_id = @deployment_id AND mailbox_messages.id < (
    SELECT min(kept.id) FROM (
        SELECT m.id FROM mailbox_messages AS m
        WHERE m.deployment_id = @deployment_id
        ORDER BY m.id DESC LIMIT @keep
    ) AS kept
);

-- name: Messages :many
SELECT * FROM mailbox_messages
WHERE deployment_id = @deployment_id
ORDER BY id DESC LIMIT @n;

-- name: MessagesTo :many
SELECT * FROM mailbox_messages
WHERE deployment_id = @deployment_id AND recipient = @recipient
ORDER BY id DESC LIMIT @n;

-- name: MessageByID :one
SELECT * FROM mailbox_messages
WHERE deployment_id = @deployment_id AND id = @id;
