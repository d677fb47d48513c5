-- name: InsertPicture :exec
INSERT INTO pictures (id, deployment_id, subject_id, content_type, small, large, created_at)
VALUES (@id, @deployment_id, @subject_id, @content_type, @small, @large, @now);

-- name: DropPictures :exec
DELETE FROM pictures WHERE subject_id = ANY(@subjects::bigint[]);

-- name: SmallPicture :one
SELECT content_type, small AS content FROM pictures WHERE id = @id AND deployment_id = @deployment_id;

-- name: LargePicture :one
SELECT content_type, large AS content FROM pictures WHERE id = @id AND deployment_id = @deployment_id;
