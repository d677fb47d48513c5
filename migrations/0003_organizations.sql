-- +goose Up
-- member_count is kept in the row so that taking a seat is one conditional
-- update, which also serializes everything that needs the row first.
CREATE TABLE organizations (
    id                         BIGINT PRIMARY KEY,
    deployment_id              BIGINT NOT NULL REFERENCES deployments (id),
    name                       TEXT NOT NULL,
    description                TEXT NOT NULL DEFAULT '',
    image_url                  TEXT NOT NULL DEFAULT '',
    member_count               BIGINT NOT NULL DEFAULT 0 CHECK (member_count >= 0),
    workspace_count            BIGINT NOT NULL DEFAULT 0 CHECK (workspace_count >= 0),
    whitelisted_ips            TEXT NOT NULL DEFAULT '[]',
    enable_ip_restriction      BOOLEAN NOT NULL DEFAULT FALSE,
    enforce_mfa                BOOLEAN NOT NULL DEFAULT FALSE,
    auto_assigned_workspace_id BIGINT,
    public_metadata            TEXT NOT NULL DEFAULT '{}',
    private_metadata           TEXT NOT NULL DEFAULT '{}',
    creator_id                 BIGINT NOT NULL,
    created_at                 BIGINT NOT NULL,
    updated_at                 BIGINT NOT NULL,
    ended_at                   BIGINT
);
CREATE INDEX organizations_of_creator ON organizations (deployment_id, creator_id) WHERE ended_at IS NULL;

CREATE TABLE workspaces (
    id                    BIGINT PRIMARY KEY,
    deployment_id         BIGINT NOT NULL REFERENCES deployments (id),
    organization_id       BIGINT NOT NULL REFERENCES organizations (id),
    name                  TEXT NOT NULL,
    description           TEXT NOT NULL DEFAULT '',
    image_url             TEXT NOT NULL DEFAULT '',
    member_count          BIGINT NOT NULL DEFAULT 0 CHECK (member_count >= 0),
    whitelisted_ips       TEXT NOT NULL DEFAULT '[]',
    enable_ip_restriction BOOLEAN NOT NULL DEFAULT FALSE,
    enforce_mfa           BOOLEAN NOT NULL DEFAULT FALSE,
    public_metadata       TEXT NOT NULL DEFAULT '{}',
    private_metadata      TEXT NOT NULL DEFAULT '{}',
    creator_id            BIGINT NOT NULL,
    created_at            BIGINT NOT NULL,
    updated_at            BIGINT NOT NULL,
    ended_at              BIGINT
);
CREATE INDEX workspaces_of_organization ON workspaces (organization_id, id) WHERE ended_at IS NULL;

-- A role without organization is the deployment's, for every organization.
-- permissions is a list separated by spaces; name_key is the folded name.
CREATE TABLE organization_roles (
    id              BIGINT PRIMARY KEY,
    deployment_id   BIGINT NOT NULL REFERENCES deployments (id),
    organization_id BIGINT REFERENCES organizations (id),
    name            TEXT NOT NULL,
    name_key        TEXT NOT NULL,
    permissions     TEXT NOT NULL,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    ended_at        BIGINT
);
CREATE UNIQUE INDEX organization_roles_name ON organization_roles (deployment_id, COALESCE(organization_id, 0), name_key) WHERE ended_at IS NULL;

CREATE TABLE workspace_roles (
    id            BIGINT PRIMARY KEY,
    deployment_id BIGINT NOT NULL REFERENCES deployments (id),
    workspace_id  BIGINT REFERENCES workspaces (id),
    name          TEXT NOT NULL,
    name_key      TEXT NOT NULL,
    permissions   TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    ended_at      BIGINT
);
CREATE UNIQUE INDEX workspace_roles_name ON workspace_roles (deployment_id, COALESCE(workspace_id, 0), name_key) WHERE ended_at IS NULL;

-- joined_by says what brought the member in: created, invitation_mail (the
-- mailed secret), invitation_token (the listed one), invitation_account (chosen
-- from one's own invitations), import.
CREATE TABLE organization_memberships (
    id              BIGINT PRIMARY KEY,
    deployment_id   BIGINT NOT NULL REFERENCES deployments (id),
    organization_id BIGINT NOT NULL REFERENCES organizations (id),
    user_id         BIGINT NOT NULL REFERENCES users (id),
    joined_by       TEXT NOT NULL,
    invitation_id   BIGINT,
    public_metadata TEXT NOT NULL DEFAULT '{}',
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    ended_at        BIGINT,
    ended_by        BIGINT
);
CREATE UNIQUE INDEX organization_memberships_live ON organization_memberships (organization_id, user_id) WHERE ended_at IS NULL;
CREATE INDEX organization_memberships_of_user ON organization_memberships (user_id) WHERE ended_at IS NULL;
CREATE INDEX organization_memberships_page ON organization_memberships (organization_id, id, user_id) WHERE ended_at IS NULL;

CREATE TABLE organization_membership_roles (
    membership_id   BIGINT NOT NULL REFERENCES organization_memberships (id),
    role_id         BIGINT NOT NULL REFERENCES organization_roles (id),
    organization_id BIGINT NOT NULL REFERENCES organizations (id),
    created_at      BIGINT NOT NULL,
    PRIMARY KEY (membership_id, role_id)
);
CREATE INDEX organization_membership_roles_of_role ON organization_membership_roles (organization_id, role_id);

CREATE TABLE workspace_memberships (
    id                         BIGINT PRIMARY KEY,
    deployment_id              BIGINT NOT NULL REFERENCES deployments (id),
    organization_id            BIGINT NOT NULL REFERENCES organizations (id),
    workspace_id               BIGINT NOT NULL REFERENCES workspaces (id),
    organization_membership_id BIGINT NOT NULL REFERENCES organization_memberships (id),
    user_id                    BIGINT NOT NULL REFERENCES users (id),
    public_metadata            TEXT NOT NULL DEFAULT '{}',
    created_at                 BIGINT NOT NULL,
    updated_at                 BIGINT NOT NULL,
    ended_at                   BIGINT,
    ended_by                   BIGINT
);
CREATE UNIQUE INDEX workspace_memberships_live ON workspace_memberships (workspace_id, user_id) WHERE ended_at IS NULL;
CREATE INDEX workspace_memberships_of_user ON workspace_memberships (user_id, organization_id) WHERE ended_at IS NULL;
CREATE INDEX workspace_memberships_of_member ON workspace_memberships (organization_id, organization_membership_id) WHERE ended_at IS NULL;
CREATE INDEX workspace_memberships_page ON workspace_memberships (workspace_id, id, user_id) WHERE ended_at IS NULL;

CREATE TABLE workspace_membership_roles (
    membership_id BIGINT NOT NULL REFERENCES workspace_memberships (id),
    role_id       BIGINT NOT NULL REFERENCES workspace_roles (id),
    workspace_id  BIGINT NOT NULL REFERENCES workspaces (id),
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (membership_id, role_id)
);
CREATE INDEX workspace_membership_roles_of_role ON workspace_membership_roles (workspace_id, role_id);

-- Neither secret is stored: both are derived from id and generation. A resend
-- raises the generation. expired is computed, never stored; needs_approval is
-- set when an acceptance was refused because the inviter lost the right.
CREATE TABLE organization_invitations (
    id                 BIGINT PRIMARY KEY,
    deployment_id      BIGINT NOT NULL REFERENCES deployments (id),
    organization_id    BIGINT NOT NULL REFERENCES organizations (id),
    email              TEXT NOT NULL,
    typed              TEXT NOT NULL,
    role_id            BIGINT REFERENCES organization_roles (id),
    workspace_id       BIGINT REFERENCES workspaces (id),
    workspace_role_id  BIGINT REFERENCES workspace_roles (id),
    inviter_id         BIGINT NOT NULL REFERENCES users (id),
    status             TEXT NOT NULL CHECK (status IN ('pending', 'accepted', 'discarded', 'declined', 'expired')),
    generation         BIGINT NOT NULL DEFAULT 1,
    needs_approval_at  BIGINT,
    expires_at         BIGINT NOT NULL,
    created_at         BIGINT NOT NULL,
    updated_at         BIGINT NOT NULL,
    ended_at           BIGINT,
    ended_by           BIGINT
);
CREATE UNIQUE INDEX organization_invitations_pending ON organization_invitations (organization_id, email, COALESCE(workspace_id, 0)) WHERE status = 'pending';
CREATE INDEX organization_invitations_list ON organization_invitations (organization_id, id) WHERE status = 'pending';
CREATE INDEX organization_invitations_history ON organization_invitations (organization_id, id);
CREATE INDEX organization_invitations_to ON organization_invitations (deployment_id, email) WHERE status = 'pending';

-- +goose Down
DROP TABLE organization_invitations;
DROP TABLE workspace_membership_roles;
DROP TABLE workspace_memberships;
DROP TABLE organization_membership_roles;
DROP TABLE organization_memberships;
DROP TABLE workspace_roles;
DROP TABLE organization_roles;
DROP TABLE workspaces;
DROP TABLE organizations;
