-- name: InsertEvent :exec
INSERT INTO events (id, deployment_id, organization_id, workspace_id, actor_id, session_id, name, subject_id, data, ip_address, user_agent, created_at)
VALUES (@id, @deployment_id, @organization_id, @workspace_id, @actor_id, @session_id, @name, @subject_id, @data, @ip_address, @user_agent, @created_at);

-- name: Events :many
-- Oldest first, a page of those after the last one read.
SELECT * FROM events
WHERE deployment_id = @deployment_id AND id > @after::bigint AND id < @before::bigint
    AND created_at >= @since::bigint AND created_at < @until::bigint AND name LIKE @name::text ESCAPE '\'
ORDER BY id LIMIT @page;

-- name: EventsOfOrganization :many
SELECT * FROM events
WHERE deployment_id = @deployment_id AND organization_id = @organization_id AND id > @after::bigint AND id < @before::bigint
    AND created_at >= @since::bigint AND created_at < @until::bigint AND name LIKE @name::text ESCAPE '\'
ORDER BY id LIMIT @page;

-- name: EventsOfPeople :many
-- What they did, and what was done to them. Each half has an index of its own.
SELECT * FROM events WHERE id IN (
    SELECT done.id FROM (
        SELECT e.id FROM events e
        WHERE e.deployment_id = @deployment_id AND e.actor_id = ANY(@people::bigint[]) AND e.id > @after::bigint AND e.id < @before::bigint
            AND @organization::bigint IN (0, e.organization_id)
            AND e.created_at >= @since::bigint AND e.created_at < @until::bigint AND e.name LIKE @name::text ESCAPE '\'
        ORDER BY e.id LIMIT @page
    ) done
    UNION ALL
    SELECT suffered.id FROM (
        SELECT e.id FROM events e
        WHERE e.deployment_id = @deployment_id AND e.subject_id = ANY(@people::bigint[]) AND e.id > @after::bigint AND e.id < @before::bigint
            AND @organization::bigint IN (0, e.organization_id)
            AND e.created_at >= @since::bigint AND e.created_at < @until::bigint AND e.name LIKE @name::text ESCAPE '\'
        ORDER BY e.id LIMIT @page
    ) suffered
)
ORDER BY id LIMIT @page;
