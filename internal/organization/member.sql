-- name: InsertMembership :one
-- No row when the person is a member already, or has deleted their account: a
-- deletion under way locks the person's row.
INSERT INTO organization_memberships (id, deployment_id, organization_id, user_id, joined_by, invitation_id, created_at, updated_at)
SELECT @id, @deployment_id, @organization_id, u.id, @joined_by, @invitation_id, @now, @now
FROM users u WHERE u.id = @user_id AND u.ended_at IS NULL
FOR KEY SHARE
ON CONFLICT (organization_id, user_id) WHERE ended_at IS NULL DO NOTHING
RETURNING id;

-- name: IsMember :one
SELECT EXISTS (
    SELECT 1 FROM organization_memberships
    WHERE id = @id AND organization_id = @organization_id AND user_id = @user_id AND ended_at IS NULL
);

-- name: GrantRows :many
-- A row for each role of a member; one without permissions for a member
-- without role.
SELECT m.id AS membership_id, r.permissions
FROM organization_memberships m
LEFT JOIN organization_membership_roles held ON held.membership_id = m.id
LEFT JOIN organization_roles r ON r.id = held.role_id AND r.ended_at IS NULL
WHERE m.organization_id = @organization_id AND m.user_id = @user_id AND m.ended_at IS NULL;

-- name: MembershipByID :one
SELECT * FROM organization_memberships
WHERE id = @id AND organization_id = @organization_id AND ended_at IS NULL;

-- name: MembersPage :many
SELECT * FROM organization_memberships
WHERE organization_id = @organization_id AND ended_at IS NULL
ORDER BY id
LIMIT @page_size::bigint OFFSET @skip::bigint;

-- name: MembersLike :many
-- Those whose names and address are like the pattern.
SELECT m.* FROM organization_memberships m JOIN users u ON u.id = m.user_id
WHERE m.organization_id = @organization_id AND m.ended_at IS NULL AND u.search LIKE @pattern::text ESCAPE '\'
ORDER BY m.id
LIMIT @page_size::bigint OFFSET @skip::bigint;

-- name: CountMembersLike :one
SELECT COUNT(*) FROM organization_memberships m JOIN users u ON u.id = m.user_id
WHERE m.organization_id = @organization_id AND m.ended_at IS NULL AND u.search LIKE @pattern::text ESCAPE '\';

-- name: MembershipsOfUser :many
SELECT sqlc.embed(m), sqlc.embed(organizations)
FROM organization_memberships m JOIN organizations ON organizations.id = m.organization_id
WHERE m.user_id = @user_id AND m.deployment_id = @deployment_id AND m.ended_at IS NULL
ORDER BY m.id;

-- name: EndMembership :exec
UPDATE organization_memberships SET ended_at = @now, updated_at = @now, ended_by = @ended_by
WHERE id = @id AND organization_id = @organization_id AND ended_at IS NULL;

-- name: RolesHeld :many
SELECT held.membership_id, sqlc.embed(r)
FROM organization_membership_roles held JOIN organization_roles r ON r.id = held.role_id
WHERE held.membership_id = ANY(@memberships::bigint[]) AND r.ended_at IS NULL
ORDER BY held.membership_id, r.id;

-- name: EndMembershipsOf :exec
UPDATE organization_memberships SET ended_at = @now, updated_at = @now, ended_by = @ended_by
WHERE organization_id = @organization_id AND ended_at IS NULL;

-- name: HasAdministrator :one
-- Whether a member who may sign in holds the admin permission.
SELECT EXISTS (
    SELECT 1 FROM organization_memberships m
    JOIN organization_membership_roles held ON held.membership_id = m.id
    JOIN organization_roles r ON r.id = held.role_id
    JOIN users u ON u.id = m.user_id
    WHERE m.organization_id = @organization_id AND m.ended_at IS NULL
        AND (' ' || r.permissions || ' ') LIKE '% organization:admin %'
        AND u.disabled_at IS NULL AND u.ended_at IS NULL
);
