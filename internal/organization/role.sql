-- name: RoleByID :one
-- Of the organization, or of its deployment.
SELECT r.* FROM organization_roles r JOIN organizations o ON o.deployment_id = r.deployment_id
WHERE r.id = @id AND o.id = @organization_id AND r.ended_at IS NULL
    AND (r.organization_id IS NULL OR r.organization_id = o.id);

-- name: RolesOf :many
-- The deployment's first, then the organization's own.
SELECT * FROM organization_roles
WHERE deployment_id = @deployment_id AND ended_at IS NULL
    AND COALESCE(organization_id, 0) IN (0, @organization_id::bigint)
ORDER BY CASE WHEN organization_id IS NULL THEN 0 ELSE 1 END, id;

-- name: RolesWithIDs :many
SELECT * FROM organization_roles WHERE id = ANY(@ids::bigint[]);

-- name: InsertRole :one
INSERT INTO organization_roles (id, deployment_id, organization_id, name, name_key, permissions, created_at, updated_at)
VALUES (@id, @deployment_id, @organization_id, @name, @name_key, @permissions, @now, @now)
RETURNING *;

-- name: RoleInUse :one
-- Whether a member holds the role, or a live invitation promises it.
SELECT EXISTS (
    SELECT 1 FROM organization_membership_roles held JOIN organization_memberships m ON m.id = held.membership_id
    WHERE held.organization_id = @organization_id AND held.role_id = @role_id AND m.ended_at IS NULL
    UNION ALL
    SELECT 1 FROM organization_invitations i
    WHERE i.organization_id = @organization_id AND i.role_id = @role_id AND i.status = 'pending' AND i.expires_at > @now
);

-- name: EndRole :exec
UPDATE organization_roles SET ended_at = @now, updated_at = @now
WHERE id = @id AND organization_id = @organization_id AND ended_at IS NULL;

-- name: EndRolesOf :exec
-- Every role of an organization that ends.
UPDATE organization_roles SET ended_at = @now, updated_at = @now
WHERE deployment_id = @deployment_id AND COALESCE(organization_id, 0) = @organization_id::bigint AND ended_at IS NULL;

-- name: GiveRoles :execrows
-- Roles of other organizations, and those held already, are left out.
INSERT INTO organization_membership_roles (membership_id, role_id, organization_id, created_at)
SELECT @membership_id, r.id, @organization_id, @now FROM organization_roles r
WHERE r.id = ANY(@roles::bigint[]) AND r.deployment_id = @deployment_id AND r.ended_at IS NULL
    AND (r.organization_id IS NULL OR r.organization_id = @organization_id)
ON CONFLICT (membership_id, role_id) DO NOTHING;

-- name: TakeRole :execrows
DELETE FROM organization_membership_roles
WHERE membership_id = @membership_id AND role_id = @role_id AND organization_id = @organization_id;
